#include "daemon/serve/settings.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <toml++/toml.h>
#include <utility>

namespace crier::daemon {

namespace {

using Applied = Result<void, std::string>;

struct Setting {
  std::string_view section;
  std::string_view key;
  std::string_view alias;  ///< The name that existing deployments set; may be empty.
  std::string_view example;
  std::string_view meaning;
  Applied (*apply)(Settings& settings, const std::string& text);

  [[nodiscard]] std::string name() const { return std::string(section) + "." + std::string(key); }
  [[nodiscard]] std::string variable() const {
    std::string name = "CRIER_" + std::string(section) + "_" + std::string(key);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return name;
  }
};

Applied wrong(std::string why) { return Unexpected{std::move(why)}; }

template <class Number>
Applied set_number(Number& target, const std::string& text, Number least, Number most) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    return wrong("must be a whole number from " + std::to_string(least) + " to " +
                 std::to_string(most));
  }
  target = number;
  return {};
}

/// `250ms`, `25s`, `5m`, `2h`; `500us` where the target counts them.
template <class Target>
Applied set_duration(Target& target, const std::string& text) {
  std::uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error == std::errc() && unit == "us" && Target::period::den == std::micro::den) {
    target = std::chrono::duration_cast<Target>(std::chrono::microseconds(count));
    return {};
  }
  std::int64_t factor = 0;
  if (unit == "ms") factor = 1;
  if (unit == "s") factor = 1'000;
  if (unit == "m") factor = 60'000;
  if (unit == "h") factor = 3'600'000;
  if (error != std::errc() || factor == 0) {
    return wrong("must be a duration such as \"250ms\", \"25s\", \"5m\" or \"2h\"");
  }
  target = std::chrono::duration_cast<Target>(
      std::chrono::milliseconds(static_cast<std::int64_t>(count) * factor));
  return {};
}

template <class Target>
Applied set_optional_duration(std::optional<Target>& target, const std::string& text) {
  target.reset();
  return text == "off" ? Applied{} : set_duration(target.emplace(), text);
}

Applied set_text(std::string& target, const std::string& text) {
  target = text;
  return {};
}

Applied set_list(std::vector<std::string>& target, const std::string& text) {
  target.clear();
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::size_t first = begin;
    std::size_t last = end;
    while (first < last && text[first] == ' ') ++first;
    while (last > first && text[last - 1] == ' ') --last;
    if (last > first) target.push_back(text.substr(first, last - first));
    begin = end + 1;
  }
  return {};
}

Applied set_level(std::string& target, const std::string& text) {
  for (const std::string_view level : {"debug", "info", "warning", "error"}) {
    if (text == level) return set_text(target, text);
  }
  return wrong("must be debug, info, warning or error");
}

Applied set_flag(bool& target, const std::string& text) {
  if (text != "true" && text != "false") return wrong("must be true or false");
  target = text == "true";
  return {};
}

Applied set_policy(OutagePolicy& target, const std::string& text) {
  if (text != "deliver" && text != "refuse") return wrong("must be deliver or refuse");
  target = text == "refuse" ? OutagePolicy::refuse : OutagePolicy::deliver;
  return {};
}

constexpr std::size_t bytes_most = std::size_t{1} << 30U;
constexpr std::uint32_t count_most = 10'000'000;

const Setting all_settings[] = {
    {"http", "address", "", "\"0.0.0.0\"", "Where to listen: an IPv4 or IPv6 address.",
     [](Settings& s, const std::string& t) { return set_text(s.gateway.http.address, t); }},
    {"http", "port", "PORT", "3000", "TCP port.",
     [](Settings& s, const std::string& t) {
       return set_number<std::uint16_t>(s.gateway.http.port, t, 0, 65535);
     }},
    {"http", "origins", "CLIENT_URL", "[]",
     "Origins that browsers may connect from, such as \"https://app.example.com\".",
     [](Settings& s, const std::string& t) { return set_list(s.gateway.http.origins, t); }},
    {"http", "header_bytes_max", "", "16384", "Request line and headers of a request.",
     [](Settings& s, const std::string& t) {
       return set_number<std::size_t>(s.gateway.http.header_bytes_max, t, 1024, bytes_most);
     }},
    {"http", "headers_max", "", "100", "Header fields of a request.",
     [](Settings& s, const std::string& t) {
       return set_number<std::uint32_t>(s.gateway.http.headers_max, t, 1, count_most);
     }},
    {"http", "request_timeout", "", "\"10s\"", "For a request to arrive whole.",
     [](Settings& s, const std::string& t) {
       return set_duration(s.gateway.http.request_timeout, t);
     }},
    {"http", "keep_alive_timeout", "", "\"75s\"", "Between requests of a connection.",
     [](Settings& s, const std::string& t) {
       return set_duration(s.gateway.http.keep_alive_timeout, t);
     }},
    {"http", "connections_max", "", "100000", "Open connections; further ones are closed.",
     [](Settings& s, const std::string& t) {
       return set_number<std::uint32_t>(s.gateway.http.connections_max, t, 1, count_most);
     }},
    {"http", "shutdown_timeout", "", "\"10s\"", "For open connections to end at shutdown.",
     [](Settings& s, const std::string& t) {
       return set_duration(s.gateway.http.shutdown_timeout, t);
     }},
    {"server", "workers", "", "1", "Threads that serve clients, 64 at most; 0: one a core.",
     [](Settings& s, const std::string& t) {
       return set_number<std::uint32_t>(s.gateway.server.workers, t, 0, 64);
     }},
    {"server", "worker_backlog_bytes_max", "", "67108864",
     "Of events on their way to one worker; one that is further behind reads them again.",
     [](Settings& s, const std::string& t) {
       return set_number<std::size_t>(s.gateway.server.worker_backlog_bytes_max, t, 65536,
                                      bytes_most);
     }},
    {"tls", "certificate_file", "", "\"\"",
     "PEM file with the certificate to show and its chain; empty: no TLS.",
     [](Settings& s, const std::string& t) { return set_text(s.gateway.tls.certificate_file, t); }},
    {"tls", "key_file", "", "\"\"", "PEM file with its key, without a passphrase.",
     [](Settings& s, const std::string& t) { return set_text(s.gateway.tls.key_file, t); }},
    {"auth", "secret", "JWT_ACCESS_SECRET", "\"\"", "Shared secret of the tokens. Required.",
     [](Settings& s, const std::string& t) { return set_text(s.gateway.auth.secret, t); }},
    {"auth", "algorithms", "", "[\"HS256\"]", "Of HS256, HS384 and HS512.",
     [](Settings& s, const std::string& t) { return set_list(s.gateway.auth.algorithms, t); }},
    {"auth", "issuer", "", "\"\"", "Required `iss`; empty: any.",
     [](Settings& s, const std::string& t) { return set_text(s.gateway.auth.issuer, t); }},
    {"auth", "audience", "", "\"\"", "Required `aud`; empty: any.",
     [](Settings& s, const std::string& t) { return set_text(s.gateway.auth.audience, t); }},
    {"auth", "leeway", "", "\"0s\"", "Clock difference that is forgiven, of `exp` and `nbf`.",
     [](Settings& s, const std::string& t) { return set_duration(s.gateway.auth.leeway, t); }},
    {"auth", "nbf_leeway", "", "\"60s\"", "How far ahead `nbf` may be, when more than `leeway`.",
     [](Settings& s, const std::string& t) { return set_duration(s.gateway.auth.nbf_leeway, t); }},
    {"auth", "iat_leeway", "", "\"off\"", "How far ahead `iat` may be; off: as far as it likes.",
     [](Settings& s, const std::string& t) {
       return set_optional_duration(s.gateway.auth.iat_leeway, t);
     }},
    {"auth", "token_bytes_max", "", "8192", "Of a token.",
     [](Settings& s, const std::string& t) {
       return set_number<std::size_t>(s.gateway.auth.token_bytes_max, t, 64, bytes_most);
     }},
    {"store", "path", "CRIER_STORE", "\"crier.db\"", "SQLite file with users and memberships.",
     [](Settings& s, const std::string& t) { return set_text(s.gateway.store.path, t); }},
    {"store", "deadline", "", "\"5s\"", "How long a client waits for a store that is down.",
     [](Settings& s, const std::string& t) { return set_duration(s.gateway.store.deadline, t); }},
    {"api", "key", "", "\"\"", "Bearer key of the publish API; empty: nobody may publish.",
     [](Settings& s, const std::string& t) { return set_text(s.gateway.api.key, t); }},
    {"api", "body_bytes_max", "", "1048576", "Of a publish.",
     [](Settings& s, const std::string& t) {
       return set_number<std::size_t>(s.gateway.api.body_bytes_max, t, 1024, bytes_most);
     }},
    {"redis", "url", "REDIS_URL", "\"\"",
     "redis://…, rediss://…, and either with +sentinel or +cluster; empty: history in memory.",
     [](Settings& s, const std::string& t) { return set_text(s.gateway.redis.url, t); }},
    {"redis", "ca_file", "", "\"\"", "PEM file of whom to trust with rediss; empty: the system's.",
     [](Settings& s, const std::string& t) { return set_text(s.gateway.redis.ca_file, t); }},
    {"redis", "certificate_file", "", "\"\"", "PEM file with the client's certificate, for rediss.",
     [](Settings& s, const std::string& t) {
       return set_text(s.gateway.redis.certificate_file, t);
     }},
    {"redis", "key_file", "", "\"\"", "PEM file with its key; empty: in the same file.",
     [](Settings& s, const std::string& t) { return set_text(s.gateway.redis.key_file, t); }},
    {"redis", "sentinel_user", "", "\"\"", "User for the Sentinels themselves.",
     [](Settings& s, const std::string& t) { return set_text(s.gateway.redis.sentinel_user, t); }},
    {"redis", "sentinel_password", "", "\"\"", "Password for the Sentinels; empty: they want none.",
     [](Settings& s, const std::string& t) {
       return set_text(s.gateway.redis.sentinel_password, t);
     }},
    {"history", "ttl", "", "\"5m\"", "How long events are kept.",
     [](Settings& s, const std::string& t) { return set_duration(s.gateway.history.ttl, t); }},
    {"history", "events_max", "", "1000", "Events kept a program.",
     [](Settings& s, const std::string& t) {
       return set_number<std::uint32_t>(s.gateway.history.events_max, t, 1, count_most);
     }},
    {"history", "bytes_max", "", "16777216", "Bytes kept a program.",
     [](Settings& s, const std::string& t) {
       return set_number<std::size_t>(s.gateway.history.bytes_max, t, 1024, bytes_most);
     }},
    {"history", "replay_bytes_max", "", "67108864",
     "Unsent bytes of all clients together that are sent what they missed; more of them take "
     "turns.",
     [](Settings& s, const std::string& t) {
       return set_number<std::size_t>(s.gateway.history.replay_bytes_max, t, 1048576, bytes_most);
     }},
    {"history", "outage_policy", "", "\"deliver\"",
     "Publishes while Redis is down: deliver (to connected members, unnumbered) or refuse (503).",
     [](Settings& s, const std::string& t) {
       return set_policy(s.gateway.history.outage_policy, t);
     }},
    {"history", "start_deadline", "", "\"5s\"",
     "How long the port stays closed at the start while Redis does not answer; \"0s\": not at all.",
     [](Settings& s, const std::string& t) {
       return set_duration(s.gateway.history.start_deadline, t);
     }},
    {"history", "owed_file", "", "\"\"",
     "Which programs are owed a gap marker, over a restart; empty: beside [store] path.",
     [](Settings& s, const std::string& t) { return set_text(s.gateway.history.owed_file, t); }},
    {"history", "unknown_outcomes_max", "", "10000",
     "Publishes with a key whose outcome is open or unknown; more are answered 503.",
     [](Settings& s, const std::string& t) {
       return set_number<std::uint32_t>(s.gateway.history.unknown_outcomes_max, t, 1, count_most);
     }},
    {"replay", "timestamp_max", "", "50", "Events a program sent again by lastEventTimestamp.",
     [](Settings& s, const std::string& t) {
       return set_number<std::uint32_t>(s.gateway.replay.timestamp_max, t, 1, count_most);
     }},
    {"engine", "path", "", "\"/socket.io/\"", "Where Socket.IO answers.",
     [](Settings& s, const std::string& t) { return set_text(s.gateway.engine.path, t); }},
    {"engine", "ping_interval", "", "\"25s\"", "Between heartbeats.",
     [](Settings& s, const std::string& t) {
       return set_duration(s.gateway.engine.ping_interval, t);
     }},
    {"engine", "ping_timeout", "", "\"60s\"", "For the answer to a heartbeat.",
     [](Settings& s, const std::string& t) {
       return set_duration(s.gateway.engine.ping_timeout, t);
     }},
    {"engine", "upgrade_timeout", "", "\"10s\"", "For an upgrade to WebSocket.",
     [](Settings& s, const std::string& t) {
       return set_duration(s.gateway.engine.upgrade_timeout, t);
     }},
    {"engine", "connect_timeout", "", "\"45s\"", "For a client to join the namespace.",
     [](Settings& s, const std::string& t) {
       return set_duration(s.gateway.engine.connect_timeout, t);
     }},
    {"engine", "payload_bytes_max", "", "1000000", "Of one message or POST from a client.",
     [](Settings& s, const std::string& t) {
       return set_number<std::size_t>(s.gateway.engine.payload_bytes_max, t, 1024, bytes_most);
     }},
    {"engine", "backlog_bytes_max", "", "16777216",
     "Unsent bytes of a client, but for those just published, before it is closed as a slow "
     "reader.",
     [](Settings& s, const std::string& t) {
       return set_number<std::size_t>(s.gateway.engine.backlog_bytes_max, t, 65536, bytes_most);
     }},
    {"engine", "slow_reader_timeout", "", "\"20s\"",
     "The same for one that takes none of them for so long, at least 1s.",
     [](Settings& s, const std::string& t) {
       return set_duration(s.gateway.engine.slow_reader_timeout, t);
     }},
    {"engine", "flush_window", "", "\"0us\"",
     "How long an event waits for others that leave with it, 1ms at most.",
     [](Settings& s, const std::string& t) {
       return set_duration(s.gateway.engine.flush_window, t);
     }},
    {"engine", "fragments_max", "", "4096", "Frames of one WebSocket message.",
     [](Settings& s, const std::string& t) {
       return set_number<std::uint32_t>(s.gateway.engine.fragments_max, t, 1, count_most);
     }},
    {"engine", "attachments_max", "", "10", "Binary attachments of one packet.",
     [](Settings& s, const std::string& t) {
       return set_number<std::uint32_t>(s.gateway.engine.attachments_max, t, 0, 1000);
     }},
    {"engine", "namespaces_max", "", "16", "Namespaces that a client may join or ask for.",
     [](Settings& s, const std::string& t) {
       return set_number<std::uint32_t>(s.gateway.engine.namespaces_max, t, 1, 1000);
     }},
    {"engine", "json_depth_max", "", "512", "Nesting of what a client sends, in levels.",
     [](Settings& s, const std::string& t) {
       return set_number<std::uint32_t>(s.gateway.engine.json_depth_max, t, 1, 10000);
     }},
    {"engine", "handshakes_per_second", "", "10000",
     "New sessions a second; more get 503 and come back. 0: no bound.",
     [](Settings& s, const std::string& t) {
       return set_number<std::uint32_t>(s.gateway.engine.handshakes_per_second, t, 0, count_most);
     }},
    {"engine", "handshakes_burst", "", "20000", "New sessions that may come at once.",
     [](Settings& s, const std::string& t) {
       return set_number<std::uint32_t>(s.gateway.engine.handshakes_burst, t, 1, count_most);
     }},
    {"websocket", "deflate", "", "false", "Compress messages for clients that offer it.",
     [](Settings& s, const std::string& t) { return set_flag(s.gateway.websocket.deflate, t); }},
    {"websocket", "deflate_bytes_min", "", "1024", "Shorter messages are not compressed.",
     [](Settings& s, const std::string& t) {
       return set_number<std::size_t>(s.gateway.websocket.deflate_bytes_min, t, 0, bytes_most);
     }},
    {"log", "level", "", "\"info\"", "debug, info, warning or error.",
     [](Settings& s, const std::string& t) { return set_level(s.log_level, t); }},
};

const Setting* find(std::string_view section, std::string_view key) {
  for (const Setting& setting : all_settings) {
    if (setting.section == section && setting.key == key) return &setting;
  }
  return nullptr;
}

bool is_section(std::string_view section) {
  return std::any_of(std::begin(all_settings), std::end(all_settings),
                     [&](const Setting& setting) { return setting.section == section; });
}

/// A TOML value as the text that the environment would hold; nothing for a table or a date.
std::optional<std::string> text_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  const auto* array = node.as_array();
  if (array == nullptr) return std::nullopt;
  std::string joined;
  for (const auto& element : *array) {
    const auto* text = element.as_string();
    if (text == nullptr) return std::nullopt;
    if (!joined.empty()) joined += ',';
    joined += text->get();
  }
  return joined;
}

/// What is wrong with a file, by line.
using Complaints = std::multimap<std::uint32_t, std::string>;

void complain(Complaints& errors, const std::string& path, std::uint32_t line,
              const std::string& name, const std::string& why) {
  errors.emplace(line, path + ":" + std::to_string(line) + ": " + name + ": " + why + "\n");
}

void apply_section(Settings& settings, const std::string& path, std::string_view section,
                   const toml::table& table, Complaints& errors) {
  for (const auto& [key, node] : table) {
    const auto line = key.source().begin.line;
    const std::string name = std::string(section) + "." + std::string(key.str());
    const Setting* setting = find(section, key.str());
    if (setting == nullptr) {
      complain(errors, path, line, name, "unknown key");
      continue;
    }
    const auto text = text_of(node);
    const auto applied = text ? setting->apply(settings, *text) : wrong("is of the wrong type");
    if (!applied) complain(errors, path, line, name, applied.error());
  }
}

std::string apply_file(Settings& settings, const std::string& path) {
  if (!std::ifstream(path)) return path + ": cannot be read\n";
  Complaints errors;
  try {
    const toml::table file = toml::parse_file(path);
    for (const auto& [section, node] : file) {
      const auto line = section.source().begin.line;
      const auto* table = node.as_table();
      if (table == nullptr || !is_section(section.str())) {
        complain(errors, path, line, std::string(section.str()),
                 table == nullptr ? "unknown key" : "unknown section");
        continue;
      }
      apply_section(settings, path, section.str(), *table, errors);
    }
  } catch (const toml::parse_error& error) {
    complain(errors, path, error.source().begin.line, "TOML", std::string(error.description()));
  }
  std::string lines;
  for (const auto& [line, error] : errors) lines += error;
  return lines;
}

std::string apply_environment(Settings& settings, const Environment& environment) {
  std::string errors;
  for (const Setting& setting : all_settings) {
    for (const std::string& variable : {std::string(setting.alias), setting.variable()}) {
      if (variable.empty()) continue;
      const auto value = environment(variable);
      if (!value || value->empty()) continue;
      const auto applied = setting.apply(settings, *value);
      if (!applied) errors += variable + ": " + applied.error() + "\n";
    }
  }
  return errors;
}

}  // namespace

Result<Settings, std::string> read_settings(const std::string& path,
                                            const Environment& environment) {
  Settings settings;
  std::string errors;
  if (!path.empty()) errors += apply_file(settings, path);
  errors += apply_environment(settings, environment);
  if (!errors.empty()) {
    errors.pop_back();
    return Unexpected{std::move(errors)};
  }
  return settings;
}

std::string example_settings() {
  std::string text;
  std::string_view section;
  for (const Setting& setting : all_settings) {
    if (setting.section != section) {
      section = setting.section;
      text.append(text.empty() ? "[" : "\n[").append(section).append("]\n");
    }
    text.append("# ").append(setting.meaning);
    if (!setting.alias.empty()) text.append(" Also ").append(setting.alias).append(".");
    text.append("\n# ").append(setting.key).append(" = ").append(setting.example).append("\n");
  }
  return text;
}

}  // namespace crier::daemon

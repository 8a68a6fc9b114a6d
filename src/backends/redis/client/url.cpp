// Parses the URL of a Redis deployment.

#include "backends/redis/client/url.hpp"

#include "base/encoding.hpp"

#include <algorithm>
#include <charconv>

namespace crier::redis {
namespace {

Unexpected<std::string> refuse(std::string_view why) {
  return Unexpected{std::string("The Redis URL ").append(why)};
}

std::optional<unsigned> parse_decimal(std::string_view digits, unsigned max) {
  unsigned number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [parsed, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc() || parsed != end || number > max) return std::nullopt;
  return number;
}

std::optional<Credentials> parse_credentials(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto user = percent_decode(text.substr(0, colon));
  auto password = percent_decode(text.substr(colon + 1));
  if (!user || !password || password->empty()) return std::nullopt;
  return Credentials{*std::move(user), *std::move(password)};
}

/// `host`, `host:port`, `[host]` or `[host]:port`. The error goes on from "The Redis URL".
Result<Host, std::string_view> parse_node(std::string_view text, std::uint16_t default_port) {
  constexpr std::string_view no_host = "has no valid host.";
  const bool bracketed = text.starts_with('[');
  const std::size_t host_end = bracketed ? text.find(']') : std::min(text.find(':'), text.size());
  if (host_end == std::string_view::npos) return Unexpected{no_host};
  const std::string_view host = text.substr(bracketed ? 1 : 0, host_end - (bracketed ? 1 : 0));
  const std::string_view rest = text.substr(host_end + (bracketed ? 1 : 0));
  if (!is_host(host) || (!rest.empty() && rest.front() != ':')) return Unexpected{no_host};
  if (!bracketed && host.find('%') != std::string_view::npos) return Unexpected{no_host};
  if (rest.empty()) return Host{std::string(host), default_port};
  const auto port = parse_decimal(rest.substr(1), 65535);
  if (!port || *port == 0) return Unexpected<std::string_view>{"must have ports from 1 to 65535."};
  return Host{std::string(host), static_cast<std::uint16_t>(*port)};
}

/// Takes what comes before `separator`, or all of it, from the front of `text`.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// Takes `redis://` or one of its relatives.
bool take_scheme(std::string_view& text, Url& url) {
  if (!take(text, "redis")) return false;
  url.tls = take(text, "s");
  if (take(text, "+sentinel")) url.form = Form::sentinel;
  if (url.form == Form::single && take(text, "+cluster")) url.form = Form::cluster;
  return take(text, "://");
}

/// What Sentinel accepts as the name of a master.
bool is_master_name(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

/// Each names what is wrong, going on from "The Redis URL"; empty if nothing is.
std::string_view read_nodes(std::string_view text, Url& url) {
  const std::uint16_t default_port = url.form == Form::sentinel ? 26379 : 6379;
  if (url.form == Form::single && text.find(',') != std::string_view::npos) {
    return "may name several hosts only with +sentinel or +cluster before the ://.";
  }
  if (text.ends_with(',')) return "has no valid host.";
  do {
    if (url.nodes.size() == nodes_max) return "names more than 64 hosts.";
    auto node = parse_node(take_until(text, ','), default_port);
    if (!node) return node.error();
    url.nodes.push_back(std::move(node).value());
  } while (!text.empty());
  return {};
}

std::string_view read_path(std::string_view text, Url& url) {
  if (url.form == Form::sentinel) {
    url.master = std::string(take_until(text, '/'));
    if (!is_master_name(url.master)) return "must have the master's name after the hosts.";
  }
  if (text.empty()) return {};
  const auto database = parse_decimal(text, 65535);
  if (!database) return "must have a database number after the last slash.";
  if (url.is_cluster() && *database != 0) return "must not choose a database: a cluster has one.";
  url.database = *database;
  return {};
}

}  // namespace

bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':' || c == '%';
  });
}

Result<Url, std::string> parse_url(std::string_view text) {
  Url url;
  if (!take_scheme(text, url)) {
    return refuse(
        "must begin with redis:// or rediss://, or with +sentinel or +cluster before ://.");
  }
  if (text.find_first_of("?#") != std::string_view::npos) {
    return refuse("must have no query and no fragment; in a password, write %3F or %23.");
  }
  const std::size_t at = text.rfind('@');
  if (at != std::string_view::npos) {
    url.credentials = parse_credentials(text.substr(0, at));
    if (!url.credentials) return refuse("must have user:password or :password before the @.");
    text.remove_prefix(at + 1);
  }
  if (const auto wrong = read_nodes(take_until(text, '/'), url); !wrong.empty()) {
    return refuse(wrong);
  }
  if (const auto wrong = read_path(text, url); !wrong.empty()) return refuse(wrong);
  return url;
}

std::string place_of(const Host& node) {
  const bool bracketed = node.name.find(':') != std::string::npos;
  return (bracketed ? '[' + node.name + ']' : node.name) + ':' + std::to_string(node.port);
}

std::string place_of(const Url& url) {
  std::string place;
  for (const Host& node : url.nodes) {
    if (!place.empty()) place += ',';
    place += place_of(node);
  }
  if (!url.master.empty()) place.append("/").append(url.master);
  return place;
}

}  // namespace crier::redis

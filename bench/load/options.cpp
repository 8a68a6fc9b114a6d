#include "options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <utility>

namespace load {

namespace {

constexpr std::array<std::pair<std::string_view, Command>, 6> commands{{
    {"idle", Command::idle},
    {"fanout", Command::fanout},
    {"echo", Command::echo},
    {"connect", Command::connect},
    {"publish", Command::publish},
    {"recover", Command::recover},
}};

constexpr std::string_view about = R"(Loads a Socket.IO server, and says what it did.

Commands:
  idle     connect, hold, report
  fanout   connect, then publish over HTTP and count the deliveries
  echo     each client emits an event with an acknowledgement, and again when it has come
  connect  connect all once; with --duration: connect, cut, connect again for so long
  publish  POSTs as fast as the --publishers are answered, with --clients members connected
  recover  connect, cut, publish what is missed, come back with pid and offset
)";

/// What is not an option's own affair.
struct Raw {
  std::string tokens, token, transport = "websocket";
  std::optional<std::string> auth;
};

void add_connection_options(CLI::App& app, Options& options, Raw& raw) {
  app.add_option("command", options.command_name, "What to do")->required();
  app.add_option("--url", options.url_text, "The server: http://HOST:PORT or https://…")
      ->required();
  app.add_option("--clients", options.clients, "How many clients")
      ->check(CLI::Range(0, 10'000'000));
  auto* file =
      app.add_option("--tokens", raw.tokens, "A file with one token a line: client i takes line i")
          ->check(CLI::ExistingFile);
  app.add_option("--token", raw.token, "One token for all clients")->excludes(file);
  app.add_option("--auth", raw.auth,
                 R"(The CONNECT's JSON, with {token} in it; {"token":"{token}"} if there is one)");
  app.add_option("--path", options.path, "Of Socket.IO at the server");
  app.add_option("--namespace", options.name_space, "To connect to");
  app.add_option("--transport", raw.transport, "websocket or polling")
      ->check(CLI::IsMember({"websocket", "polling"}));
  app.add_option("--connecting", options.connecting, "Handshakes under way at a time")
      ->check(CLI::Range(1, 1'000'000));
  app.add_flag("--insecure", options.insecure, "Do not check certificates");
}

void add_load_options(CLI::App& app, Options& options) {
  app.add_option("--warm-up", options.warm_up, "Seconds before the window")
      ->check(CLI::Range(0.0, 3600.0));
  app.add_option("--duration", options.duration, "Seconds of the window: 3 unless given")
      ->check(CLI::Range(0.01, 86400.0));
  app.add_option("--publish", options.publish_urls,
                 "Where to POST to; several: one after the other");
  app.add_option("--publish-header", options.publish_headers, "\"Name: value\", of each POST");
  app.add_option("--publish-body", options.publish_body,
                 "Its body; {now} becomes the time, {n} a serial number");
  app.add_option("--publishers", options.publishers, "Connections to publish over")
      ->check(CLI::Range(1, 10'000));
  auto* window =
      app.add_option("--window", options.window, "Closed loop: how many are under way at a time")
          ->check(CLI::Range(1, 1024));
  app.add_option("--rate", options.rate, "Open loop: so many a second instead")
      ->check(CLI::Range(0.001, 1e7))
      ->excludes(window);
  app.add_option("--count", options.count, "publish: so many, and no window");
  app.add_option("--missed", options.missed, "recover: events that each URL's members miss")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--event", options.event, "echo: the event's name");
  app.add_option("--bytes", options.bytes, "echo: the payload's size")
      ->check(CLI::Range(0, 100'000'000));
  app.add_option("--slow", options.slow,
                 "fanout: this share of the clients reads slowly or not at all")
      ->check(CLI::Range(0.0, 1.0));
}

void add_report_options(CLI::App& app, Options& options) {
  app.add_option("--server-pid", options.servers, "Whose CPU and memory to look at");
  app.add_option("--core", options.core, "To pin itself to")->check(CLI::Range(0, 1023));
  app.add_flag("--spin", options.spin, "Poll without sleeping");
  app.add_flag("--progress", options.progress, "A line a second on stderr");
  app.add_option("--json", options.json, "Where to write the figures: a file, or - for stdout");
  app.add_option("--html", options.html, "Where to write a report to look at");
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

std::string read_auths(Options& options, const Raw& raw) {
  std::vector<std::string> tokens;
  if (!raw.token.empty()) tokens = {raw.token};
  if (!raw.tokens.empty()) {
    std::ifstream file(raw.tokens);
    for (std::string line; std::getline(file, line);) {
      if (!line.empty()) tokens.push_back(line);
    }
    if (tokens.size() < options.clients) {
      return "--tokens: " + raw.tokens + " has " + std::to_string(tokens.size()) + " lines for " +
             std::to_string(options.clients) + " clients";
    }
  }
  if (tokens.empty() && !raw.auth) return "";
  const std::string auth = raw.auth.value_or(R"({"token":"{token}"})");
  if (!auth.starts_with('{') || !auth.ends_with('}'))
    return "--auth: " + auth + " is no JSON object";
  if (auth.find("{token}") == std::string::npos) {
    options.auths = {auth};
    return "";
  }
  if (tokens.empty()) return "--auth: {token} needs --token or --tokens";
  for (const std::string& token : tokens) options.auths.push_back(replaced(auth, "{token}", token));
  return "";
}

std::string check_publishing(const Options& options) {
  const bool publishes = options.command == Command::fanout ||
                         options.command == Command::publish || options.command == Command::recover;
  if (publishes && options.publish_urls.empty())
    return options.command_name + " needs --publish URL";
  for (const std::string& header : options.publish_headers) {
    if (header.find(':') == std::string::npos ||
        header.find_first_of("\r\n") != std::string::npos) {
      return "--publish-header: " + header + " is not \"Name: value\"";
    }
  }
  for (const std::string& text : options.publish_urls) {
    Url url;
    if (!parse_url(text, url)) return "--publish: " + text + " is no http:// or https:// URL";
  }
  if (options.count != 0 && options.command != Command::publish) return "--count is for publish";
  if (options.slow > 0 && options.command != Command::fanout) return "--slow is for fanout";
  if (options.rate && options.command != Command::fanout && options.command != Command::echo) {
    return "--rate is for fanout and echo";
  }
  return "";
}

/// What is wrong with them together, in one sentence; empty: nothing.
std::string check(Options& options, const Raw& raw) {
  const auto* known = std::find_if(commands.begin(), commands.end(), [&](const auto& each) {
    return each.first == options.command_name;
  });
  if (known == commands.end()) {
    return options.command_name +
           " is no command; there are idle, fanout, echo, connect, publish and recover";
  }
  options.command = known->second;
  options.transport = raw.transport == "polling" ? Transport::polling : Transport::websocket;
  if (!parse_url(options.url_text, options.url)) {
    return "--url: " + options.url_text + " is no http:// or https:// URL";
  }
  if (!options.path.starts_with('/')) return "--path: " + options.path + " does not begin with /";
  if (!options.path.ends_with('/')) options.path += '/';
  if (!options.name_space.starts_with('/')) options.name_space.insert(0, 1, '/');
  if (options.clients == 0 && options.command != Command::publish) {
    return "--clients: " + options.command_name + " needs at least one";
  }
  for (const int process : options.servers) {
    if (!std::filesystem::exists("/proc/" + std::to_string(process) + "/status")) {
      return "--server-pid: there is no process " + std::to_string(process);
    }
  }
  const std::string problem = check_publishing(options);
  return problem.empty() ? read_auths(options, raw) : problem;
}

}  // namespace

const std::string& Options::auth_of(std::size_t client) const {
  static const std::string none;
  return auths.empty() ? none : auths[auths.size() == 1 ? 0 : client];
}

Parsed parse_options(std::vector<std::string> arguments) {
  Parsed parsed;
  Raw raw;
  CLI::App app{std::string(about), "crier-load"};
  add_connection_options(app, parsed.options, raw);
  add_load_options(app, parsed.options);
  add_report_options(app, parsed.options);
  for (const char* several : {"--publish", "--publish-header", "--server-pid"}) {
    app.get_option(several)->allow_extra_args(false);
  }
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(arguments);
    parsed.text = check(parsed.options, raw);
    if (!parsed.text.empty()) parsed.verdict = Parsed::Verdict::refused;
  } catch (const CLI::CallForHelp&) {
    parsed.verdict = Parsed::Verdict::help;
    parsed.text = app.help();
  } catch (const CLI::ParseError& error) {
    parsed.verdict = Parsed::Verdict::refused;
    parsed.text = error.what();
  }
  return parsed;
}

}  // namespace load

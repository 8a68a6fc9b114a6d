// The daemon and its command line: `crier serve`, and the commands of cli/.

#include "daemon/cli/commands.hpp"
#include "daemon/cli/demo_users.hpp"
#include "daemon/serve/serve.hpp"
#include "daemon/serve/settings.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

namespace crier::daemon {

namespace {

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

DemoSources demo_sources(const Settings& settings) {
  return {[store = settings.gateway.store.path] { return users_json(store); },
          [secret = settings.gateway.auth.secret](const std::string& user) {
            return token_for(secret, user);
          }};
}

struct ServeArguments {
  std::string config;
  std::string store;
  bool dev = false;
};

int run_serve(const ServeArguments& arguments) {
  auto settings = read_settings(arguments.config, environment);
  if (!settings) {
    std::fprintf(stderr, "crier: %s\n", settings.error().c_str());
    return 1;
  }
  if (!arguments.store.empty()) settings->gateway.store.path = arguments.store;
  settings->dev = arguments.dev;
  return serve(std::move(settings).value(), demo_sources);
}

int run_check(const std::string& config) {
  const auto settings = read_settings(config, environment);
  if (!settings) {
    std::fprintf(stderr, "%s\n", settings.error().c_str());
    return 1;
  }
  GatewayOptions options = settings->gateway;
  if (options.auth.secret.empty()) options.auth.secret = "set elsewhere";
  if (const auto fit = Gateway::check(options); !fit) {
    std::fprintf(stderr, "%s: %s\n", config.c_str(), fit.error().message.c_str());
    return 1;
  }
  std::printf("%s: ok\n", config.c_str());
  return 0;
}

void add_serve(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ServeArguments>();
  CLI::App* serve = app.add_subcommand("serve", "Run the gateway");
  serve->add_option("--config", arguments->config, "TOML file; see `crier check --example`");
  serve->add_option("--store", arguments->store, "SQLite file with users and memberships");
  serve->add_flag("--dev", arguments->dev,
                  "Serve the demo page, on 127.0.0.1 only, and make a JWT secret if none is set");
  serve->footer(
      "Environment: JWT_ACCESS_SECRET, CRIER_API_KEY, CLIENT_URL, REDIS_URL, PORT, CRIER_STORE,\n"
      "and CRIER_<SECTION>_<KEY> for every key of the file.");
  serve->callback([arguments, &exit_code] { exit_code = run_serve(*arguments); });
}

void add_check(CLI::App& app, int& exit_code) {
  auto config = std::make_shared<std::string>();
  auto example = std::make_shared<bool>(false);
  CLI::App* check = app.add_subcommand("check", "Check a configuration without running it");
  auto* file = check->add_option("--config", *config, "TOML file");
  check->add_flag("--example", *example, "Print every key with its default, bounds and meaning");
  check->callback([config, example, file, &exit_code] {
    if (*example) {
      std::fputs(example_settings().c_str(), stdout);
    } else if (file->count() == 0) {
      throw CLI::RequiredError("--config");
    } else {
      exit_code = run_check(*config);
    }
  });
}

int run(int argc, char** argv) {
  CLI::App app{"Crier: a Socket.IO gateway with catch-up"};
  app.name("crier");
  app.set_version_flag("--version", std::string("crier ") + CRIER_VERSION);
  app.require_subcommand(1);
  int exit_code = 0;
  add_serve(app, exit_code);
  add_check(app, exit_code);
  add_commands(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  return exit_code;
}

}  // namespace

}  // namespace crier::daemon

int main(int argc, char** argv) { return crier::daemon::run(argc, argv); }

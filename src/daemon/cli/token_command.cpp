// The command `crier token`.

#include "access/jwt.hpp"
#include "base/json_text.hpp"
#include "base/names.hpp"
#include "daemon/cli/arguments.hpp"
#include "daemon/cli/terminal.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <ostream>

namespace crier::daemon {
namespace {

struct Arguments {
  std::string user;
  std::string expires = "15m";
  std::string secret_variable = "JWT_ACCESS_SECRET";
};

int print_token(const Arguments& arguments, const Terminal& terminal) {
  const auto lifetime = parse_duration(arguments.expires);
  if (!lifetime) {
    throw CLI::ValidationError("--expires", "a duration such as 90s, 15m, 2h or 1d is expected");
  }
  if (!is_name(arguments.user)) {
    throw CLI::ValidationError("USER", "1 to 128 bytes of UTF-8 without control characters");
  }
  const auto secret = terminal.environment(arguments.secret_variable);
  if (!secret || secret->empty()) {
    return fail(terminal, "the environment variable " + arguments.secret_variable +
                              " must hold the secret that signs tokens");
  }
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const std::string claims = R"({"sub":)" + json::quote(arguments.user) + R"(,"iat":)" +
                             std::to_string(now.count()) + R"(,"exp":)" +
                             std::to_string((now + *lifetime).count()) + "}";
  terminal.out << access::sign_hs256(*secret, claims) << "\n";
  return printed(terminal);
}

}  // namespace

void add_token_command(CLI::App& app, int& exit_code, const Terminal& terminal) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* const token = app.add_subcommand("token", "Print a token for a user, for tests");
  token->add_option("USER", arguments->user, "The user's id")->required();
  token->add_option("--expires", arguments->expires, "Good for: 90s, 15m, 2h, 1d")
      ->capture_default_str();
  token
      ->add_option("--secret-env", arguments->secret_variable,
                   "Environment variable that holds the HS256 secret")
      ->capture_default_str();
  token->callback(
      [arguments, terminal, &exit_code] { exit_code = print_token(*arguments, terminal); });
}

}  // namespace crier::daemon

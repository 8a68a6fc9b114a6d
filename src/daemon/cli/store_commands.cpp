// The commands of `crier` that work on the store.

#include "backends/sqlite/store.hpp"
#include "base/time.hpp"
#include "daemon/cli/terminal.hpp"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>
#include <ostream>
#include <thread>

namespace crier::daemon {
namespace {

using sqlite::Store;

struct Arguments {
  std::string store = "crier.db";
  std::string user;
  std::string program;
  std::string file;
  std::optional<std::string> name;
  std::optional<std::string> role;
  std::optional<std::string> since;
};

/// What a command does with the open store; the exit code.
using Action = int (*)(Store& store, const Arguments& arguments, const Terminal& terminal);

int add_user(Store& store, const Arguments& arguments, const Terminal& terminal) {
  const auto known = store.user(arguments.user);
  if (!known) return fail(terminal, known.error());
  access::User user = known->value_or(access::User{arguments.user, "", "", true, {}});
  user.active = true;
  if (arguments.name) user.name = *arguments.name;
  if (arguments.role) user.role = *arguments.role;
  const auto done = store.put_user(user);
  if (!done) return fail(terminal, done.error());
  terminal.out << (*known ? "updated user " : "added user ") << user.id << "\n";
  return printed(terminal);
}

int deactivate_user(Store& store, const Arguments& arguments, const Terminal& terminal) {
  const auto done = store.deactivate_user(arguments.user);
  if (!done) return fail(terminal, done.error());
  if (!*done) return fail(terminal, "the user " + arguments.user + " does not exist");
  terminal.out << "deactivated user " << arguments.user << "\n";
  return printed(terminal);
}

/// Returns once memberships that are written with the present have begun, up to 1.5 ms after it:
/// what is published after the command is theirs.
void await_beginning() { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }

int add_member(Store& store, const Arguments& arguments, const Terminal& terminal) {
  sqlite::MembershipRow membership{arguments.program, arguments.user, true};
  if (arguments.since) {
    const auto time = parse_time(*arguments.since);
    if (!time || *time < 0) {
      return fail(terminal,
                  "--since " + *arguments.since +
                      ": neither a time in ISO 8601 with its zone nor milliseconds since 1970");
    }
    membership.since = static_cast<std::uint64_t>(*time);
  }
  const auto done = store.put_membership(membership);
  if (!done) return fail(terminal, done.error());
  await_beginning();
  terminal.out << "added member " << arguments.program << " " << arguments.user << "\n";
  return printed(terminal);
}

int remove_member(Store& store, const Arguments& arguments, const Terminal& terminal) {
  const auto done = store.remove_membership(arguments.program, arguments.user);
  if (!done) return fail(terminal, done.error());
  if (!*done) {
    return fail(terminal,
                "the user " + arguments.user + " is not a member of " + arguments.program);
  }
  terminal.out << "removed member " << arguments.program << " " << arguments.user << "\n";
  return printed(terminal);
}

/// `2026-11-24T06:49:00.123Z`, with six digits where three do not say it; `-` for ever.
std::string since_text(std::uint64_t since) {
  if (since == 0) return "-";
  std::string text = iso8601(static_cast<std::int64_t>(since / 1000));
  const std::uint64_t rest = since % 1000;
  if (rest > 0) text.insert(text.size() - 1, std::to_string(1000 + rest).substr(1));
  return text;
}

int list_members(Store& store, const Arguments& arguments, const Terminal& terminal) {
  const auto memberships = store.memberships(arguments.user, arguments.program);
  if (!memberships) return fail(terminal, memberships.error());
  for (const auto& [program, user, active, since] : *memberships) {
    terminal.out << program << "\t" << user << "\t" << (active ? "active" : "inactive") << "\t"
                 << since_text(since.value_or(0)) << "\n";
  }
  return printed(terminal);
}

int import_from(Store& store, std::istream& lines, const std::string& name,
                const Terminal& terminal) {
  const auto applied = store.import(lines);
  if (!applied) return fail(terminal, name + ": " + applied.error());
  await_beginning();
  terminal.out << "imported " << *applied << " lines\n";
  return printed(terminal);
}

int import_file(Store& store, const Arguments& arguments, const Terminal& terminal) {
  if (arguments.file == "-") return import_from(store, terminal.in, "standard input", terminal);
  std::ifstream lines(arguments.file, std::ios::binary);
  if (!lines) return fail(terminal, arguments.file + ": " + std::strerror(errno));
  return import_from(store, lines, arguments.file, terminal);
}

struct Command {
  std::shared_ptr<Arguments> arguments = std::make_shared<Arguments>();
  CLI::App* app;

  Command(CLI::App& parent, const std::string& name, const std::string& help)
      : app(parent.add_subcommand(name, help)) {
    app->add_option("--store", arguments->store, "SQLite file with users and memberships")
        ->envname("CRIER_STORE")
        ->capture_default_str();
  }

  Command& positional(const std::string& name, std::string Arguments::* member,
                      const std::string& help) {
    app->add_option(name, (*arguments).*member, help)->required();
    return *this;
  }

  void runs(Action action, Store::Mode mode, int& exit_code, const Terminal& terminal) const {
    app->callback([arguments = arguments, action, mode, terminal, &exit_code] {
      const auto store = Store::open(arguments->store, mode);
      exit_code = store ? action(**store, *arguments, terminal) : fail(terminal, store.error());
    });
  }
};

void add_user_commands(CLI::App& app, int& exit_code, const Terminal& terminal) {
  CLI::App& group = *app.add_subcommand("user", "Add or deactivate users");
  group.require_subcommand(1);
  Command add(group, "add", "Add a user, or update and reactivate one");
  add.positional("ID", &Arguments::user, "The user's id, the `sub` of their tokens");
  add.app->add_option("--name", add.arguments->name, "Name; kept if not given");
  add.app->add_option("--role", add.arguments->role, "Role; kept if not given");
  add.runs(add_user, Store::Mode::create, exit_code, terminal);
  Command deactivate(group, "deactivate", "Refuse a user's next connections");
  deactivate.positional("ID", &Arguments::user, "The user's id")
      .runs(deactivate_user, Store::Mode::open_existing, exit_code, terminal);
}

void add_member_commands(CLI::App& app, int& exit_code, const Terminal& terminal) {
  CLI::App& group = *app.add_subcommand("member", "Add, remove or list members of programs");
  group.require_subcommand(1);
  Command add(group, "add", "Make a user a member of a program");
  add.positional("PROGRAM", &Arguments::program, "The program's id")
      .positional("USER", &Arguments::user, "The user's id");
  add.app->add_option("--since", add.arguments->since,
                      "Send nothing published up to this time (ISO 8601 with its zone, or "
                      "milliseconds since 1970); now, or what it was, if not given");
  add.runs(add_member, Store::Mode::open_existing, exit_code, terminal);
  Command remove(group, "remove", "Take a user out of a program");
  remove.positional("PROGRAM", &Arguments::program, "The program's id")
      .positional("USER", &Arguments::user, "The user's id")
      .runs(remove_member, Store::Mode::open_existing, exit_code, terminal);
  Command list(group, "list",
               "Print PROGRAM, USER, active or inactive, and since when, separated by tabs");
  list.app->add_option("--user", list.arguments->user, "Only this user's memberships");
  list.app->add_option("--program", list.arguments->program, "Only this program's members");
  list.runs(list_members, Store::Mode::open_existing, exit_code, terminal);
}

}  // namespace

void add_store_commands(CLI::App& app, int& exit_code, const Terminal& terminal) {
  add_user_commands(app, exit_code, terminal);
  add_member_commands(app, exit_code, terminal);
  Command import(app, "import", "Add users and memberships from JSON lines, all or none");
  import
      .positional(
          "FILE", &Arguments::file,
          "Lines {\"user\":{\"id\",\"name\",\"role\",\"active\"}} and "
          "{\"member\":{\"programId\",\"userId\",\"active\",\"since\"}}; - for standard input")
      .runs(import_file, Store::Mode::create, exit_code, terminal);
}

}  // namespace crier::daemon

// The SQLite store of users and memberships behind its public class.

#include "backends/sqlite/store.hpp"

#include "backends/sqlite/database.hpp"
#include "backends/sqlite/import.hpp"
#include "backends/sqlite/rows.hpp"
#include "backends/sqlite/schema.hpp"

#include <cerrno>

namespace crier::sqlite {
namespace {

constexpr int busy_timeout_ms = 5000;

std::string quoted(std::string_view path) { return "the store " + std::string(path); }

std::string why_not_opened(const std::string& path, sqlite3* database) {
  if (sqlite3_system_errno(database) == ENOENT) return quoted(path) + " does not exist";
  return quoted(path) + " cannot be opened: " + std::string(message_of(database));
}

std::string why_not_current(SchemaError error, const std::string& path, sqlite3* database) {
  switch (error) {
    case SchemaError::foreign:
      return quoted(path) + " is not a store of Crier's";
    case SchemaError::newer:
      return quoted(path) + " was made by a later version of Crier";
    case SchemaError::failed:
      break;
  }
  return why_not_opened(path, database);
}

/// SQLite does not wait for a lock when it changes the mode of a new file, so this does.
bool use_write_ahead_log(sqlite3* database) {
  constexpr int pause_ms = 5;
  for (int waited = 0; waited <= busy_timeout_ms; waited += pause_ms) {
    Statement statement(database, "PRAGMA journal_mode = WAL");
    if (statement.valid() && statement.step() == SQLITE_ROW) return statement.text(0) == "wal";
    if ((sqlite3_errcode(database) & 0xFF) != SQLITE_BUSY) return false;
    sqlite3_sleep(pause_ms);
  }
  return false;
}

}  // namespace

struct Store::State {
  std::string path;
  Database database;

  [[nodiscard]] Unexpected<std::string> failure() const {
    return Unexpected{quoted(path) + " failed: " + std::string(message_of(database.get()))};
  }

  /// Runs a statement about one row; whether it changed one.
  Result<bool, std::string> change(std::string_view sql, const std::string& first,
                                   const std::string& second = "") {
    Statement statement(database.get(), sql);
    if (!statement.valid()) return failure();
    statement.bind(0, first);
    if (!second.empty()) statement.bind(1, second);
    if (statement.run() != SQLITE_DONE) return failure();
    return sqlite3_changes(database.get()) > 0;
  }
};

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>, std::string> Store::open(const std::string& path, Mode mode) {
  if (path.empty()) return Unexpected{std::string("the store needs a file name")};
  const int create = mode == Mode::create ? SQLITE_OPEN_CREATE : 0;
  auto [code, database] = open_database(path, SQLITE_OPEN_READWRITE | create, busy_timeout_ms);
  if (code != SQLITE_OK) return Unexpected{why_not_opened(path, database.get())};
  if (const auto error = migrate(database.get(), mode == Mode::create)) {
    return Unexpected{why_not_current(*error, path, database.get())};
  }
  if (!use_write_ahead_log(database.get()) ||
      execute(database.get(), "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON") !=
          SQLITE_OK) {
    return Unexpected{why_not_opened(path, database.get())};
  }
  return std::unique_ptr<Store>(
      new Store(std::make_unique<State>(State{path, std::move(database)})));
}

Result<void, std::string> Store::put_user(const access::User& user) {
  if (auto problem = problem_with(user)) return Unexpected{std::move(*problem)};
  if (PutUser(state_->database.get()).run(user) != SQLITE_DONE) return state_->failure();
  return {};
}

Result<bool, std::string> Store::deactivate_user(const std::string& id) {
  return state_->change("UPDATE users SET active = 0 WHERE id = ?1", id);
}

Result<void, std::string> Store::put_membership(const MembershipRow& membership) {
  if (auto problem = problem_with(membership)) return Unexpected{std::move(*problem)};
  sqlite3* const database = state_->database.get();
  if (execute(database, "BEGIN IMMEDIATE") != SQLITE_OK) return state_->failure();
  int code = PutMembership(database).run(membership);
  if (code == SQLITE_DONE) code = execute(database, "COMMIT");
  if (code == SQLITE_OK) return {};
  auto failure = state_->failure();
  execute(database, "ROLLBACK");
  if (code == SQLITE_CONSTRAINT_FOREIGNKEY) {
    return Unexpected{"the user " + membership.user + " does not exist"};
  }
  return failure;
}

Result<bool, std::string> Store::remove_membership(const std::string& program,
                                                   const std::string& user) {
  return state_->change("DELETE FROM memberships WHERE program_id = ?1 AND user_id = ?2", program,
                        user);
}

Result<std::vector<MembershipRow>, std::string> Store::memberships(const std::string& user,
                                                                   const std::string& program) {
  std::string sql = "SELECT program_id, user_id, active, since FROM memberships WHERE 1";
  if (!user.empty()) sql += " AND user_id = ?1";
  if (!program.empty()) sql += " AND program_id = ?2";
  Statement statement(state_->database.get(), sql + " ORDER BY program_id, user_id");
  if (!statement.valid()) return state_->failure();
  if (!user.empty()) statement.bind(0, user);
  if (!program.empty()) statement.bind(1, program);
  std::vector<MembershipRow> found;
  int code = 0;
  while ((code = statement.step()) == SQLITE_ROW) {
    found.push_back({std::string(statement.text(0).value_or("")),
                     std::string(statement.text(1).value_or("")), statement.number(2) != 0,
                     static_cast<std::uint64_t>(statement.number(3))});
  }
  if (code != SQLITE_DONE) return state_->failure();
  return found;
}

Result<std::optional<access::User>, std::string> Store::user(const std::string& id) {
  auto found = FindUser(state_->database.get()).run(id);
  if (!found) return state_->failure();
  return std::move(*found);
}

Result<std::size_t, std::string> Store::import(std::istream& lines) {
  sqlite3* const database = state_->database.get();
  if (execute(database, "BEGIN IMMEDIATE") != SQLITE_OK) return state_->failure();
  auto applied = import_lines(database, lines);
  if (!applied) {
    execute(database, "ROLLBACK");
    return applied;
  }
  if (execute(database, "COMMIT") == SQLITE_OK) return applied;
  const auto failure = state_->failure();
  execute(database, "ROLLBACK");
  return failure;
}

}  // namespace crier::sqlite

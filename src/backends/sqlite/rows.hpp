#pragma once

// The rows of a store: what may be in them, and the statements that write and look them up.

#include "access/membership.hpp"
#include "backends/sqlite/database.hpp"
#include "backends/sqlite/store.hpp"

#include <optional>
#include <string>

namespace crier::sqlite {

/// One sentence saying what a store would not take; nothing if all is well.
std::optional<std::string> problem_with(const access::User& user);
std::optional<std::string> problem_with(const MembershipRow& membership);

/// Adds or replaces one user; memberships stay.
class PutUser {
 public:
  explicit PutUser(sqlite3* database);
  /// SQLITE_DONE or an error.
  int run(const access::User& user);

 private:
  Statement statement_;
};

/// Adds or replaces one membership; to be run in a transaction. Whether its user exists is checked
/// at the end of that.
class PutMembership {
 public:
  explicit PutMembership(sqlite3* database);
  /// SQLITE_DONE or an error.
  int run(const MembershipRow& membership);

 private:
  static int put(Statement& statement, const MembershipRow& membership, std::int64_t value);

  Statement put_;
  Statement set_since_;
};

/// A user with the programs of their active memberships, in one statement.
class FindUser {
 public:
  /// Invalid without a database.
  FindUser() = default;
  explicit FindUser(sqlite3* database);
  [[nodiscard]] bool valid() const { return statement_.valid(); }

  /// The error is SQLite's; SQLITE_MISMATCH when a row holds what no store of ours would.
  Result<std::optional<access::User>, int> run(const std::string& id);

 private:
  Result<std::optional<access::User>, int> read(const std::string& id);
  Statement statement_;
};

}  // namespace crier::sqlite

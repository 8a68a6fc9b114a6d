// Checks, writes and reads users and memberships as rows of the SQLite store.

#include "backends/sqlite/rows.hpp"

#include "base/encoding.hpp"
#include "base/names.hpp"

#include <algorithm>

namespace crier::sqlite {
namespace {

constexpr std::size_t label_bytes_max = 256;
constexpr std::uint64_t since_max = (std::uint64_t{1} << 53U) - 1;  ///< As a gid.
/// Space reserved for the programs of one user.
constexpr std::size_t usual_programs = 8;

/// Names and roles: for people, so more liberal than ids, but nothing that could break a terminal.
bool is_label(std::string_view text) {
  return text.size() <= label_bytes_max && is_utf8(text) &&
         std::none_of(text.begin(), text.end(),
                      [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

std::string not_a_name(std::string_view what) {
  return std::string(what) + " must have 1 to 128 bytes of UTF-8 without control characters";
}

std::string not_a_label(std::string_view what) {
  return std::string(what) + " must have at most 256 bytes of UTF-8 without control characters";
}

}  // namespace

std::optional<std::string> problem_with(const access::User& user) {
  if (!is_name(user.id)) return not_a_name("the id of a user");
  if (!is_label(user.name)) return not_a_label("the name of a user");
  if (!is_label(user.role)) return not_a_label("the role of a user");
  return {};
}

std::optional<std::string> problem_with(const MembershipRow& membership) {
  if (!is_name(membership.program)) return not_a_name("the id of a program");
  if (!is_name(membership.user)) return not_a_name("the id of a user");
  if (membership.since > since_max) return "since must be a time from 1970 to 2255";
  return {};
}

PutUser::PutUser(sqlite3* database)
    : statement_(database,
                 "INSERT INTO users (id, name, role, active) VALUES (?1, ?2, ?3, ?4)"
                 " ON CONFLICT (id) DO UPDATE SET"
                 " name = excluded.name, role = excluded.role, active = excluded.active") {}

int PutUser::run(const access::User& user) {
  if (!statement_.valid()) return SQLITE_ERROR;
  statement_.bind(0, user.id);
  statement_.bind(1, user.name);
  statement_.bind(2, user.role);
  statement_.bind(3, std::int64_t{user.active});
  return statement_.run();
}

PutMembership::PutMembership(sqlite3* database)
    : put_(database,
           "INSERT INTO memberships (program_id, user_id, active) VALUES (?1, ?2, ?3)"
           " ON CONFLICT (user_id, program_id) DO UPDATE SET active = excluded.active"),
      set_since_(database,
                 "UPDATE memberships SET since = ?3 WHERE program_id = ?1 AND user_id = ?2") {}

int PutMembership::run(const MembershipRow& membership) {
  if (!put_.valid() || !set_since_.valid()) return SQLITE_ERROR;
  const int code = put(put_, membership, std::int64_t{membership.active});
  if (code != SQLITE_DONE || !membership.since) return code;
  return put(set_since_, membership, static_cast<std::int64_t>(*membership.since));
}

int PutMembership::put(Statement& statement, const MembershipRow& membership, std::int64_t value) {
  statement.bind(0, membership.program);
  statement.bind(1, membership.user);
  statement.bind(2, value);
  return statement.run();
}

FindUser::FindUser(sqlite3* database)
    : statement_(database,
                 "SELECT u.name, u.role, u.active, m.program_id, m.since FROM users AS u"
                 " LEFT JOIN memberships AS m ON m.user_id = u.id AND m.active = 1"
                 " WHERE u.id = ?1 ORDER BY m.program_id") {}

Result<std::optional<access::User>, int> FindUser::run(const std::string& id) {
  if (!statement_.valid()) return Unexpected{SQLITE_ERROR};
  statement_.bind(0, id);
  auto user = read(id);
  statement_.reset();
  return user;
}

Result<std::optional<access::User>, int> FindUser::read(const std::string& id) {
  std::optional<access::User> user;
  int code = statement_.step();
  for (; code == SQLITE_ROW; code = statement_.step()) {
    if (!user) {
      const auto name = statement_.text(0);
      const auto role = statement_.text(1);
      if (!name || !role) return Unexpected{SQLITE_MISMATCH};
      user =
          access::User{id, std::string(*name), std::string(*role), statement_.number(2) != 0, {}};
      user->programs.reserve(usual_programs);
      user->since.reserve(usual_programs);
    }
    if (statement_.is_null(3)) continue;
    const auto program = statement_.text(3);
    if (!program || !is_name(*program)) return Unexpected{SQLITE_MISMATCH};
    user->programs.emplace_back(*program);
    user->since.push_back(static_cast<std::uint64_t>(statement_.number(4)));
  }
  if (code != SQLITE_DONE) return Unexpected{code};
  return user;
}

}  // namespace crier::sqlite

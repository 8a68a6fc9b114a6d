#pragma once

// Users and memberships in one SQLite file (WAL). The gateway reads with one prepared, read-only
// connection; the command line writes with short transactions while the gateway runs.
//
// Each membership knows since when it is one: nothing that was published before is sent. One that
// begins (is added active, also after a removal, or becomes active) takes the clock's present time,
// unless the writer gives another one. One that goes on keeps its `since`, whatever is written of
// it or of its user, unless the writer gives another one. It is the time of the statement, not of
// the commit.

#include "access/membership.hpp"
#include "crier/result.hpp"

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace crier::sqlite {

struct MembershipRow {
  std::string program;
  std::string user;
  bool active = true;
  /// In microseconds since 1970 UTC, below 2^53; 0: since ever. Always given by a store. Written
  /// only if given: else the store knows better.
  std::optional<std::uint64_t> since = {};
};

/// The writing side, for the command line. Opens (and, if asked, creates) the file; waits up to 5 s
/// for a lock. Errors are sentences that name the file.
class Store {
 public:
  enum class Mode : std::uint8_t { open_existing, create };
  static Result<std::unique_ptr<Store>, std::string> open(const std::string& path, Mode mode);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// Adds or replaces; memberships stay.
  Result<void, std::string> put_user(const access::User& user);
  /// False: no such user.
  Result<bool, std::string> deactivate_user(const std::string& id);
  /// Adds or replaces. Fails if the user does not exist.
  Result<void, std::string> put_membership(const MembershipRow& membership);
  /// False: there was none.
  Result<bool, std::string> remove_membership(const std::string& program, const std::string& user);
  /// By user or by program; both empty: all. Sorted.
  Result<std::vector<MembershipRow>, std::string> memberships(const std::string& user,
                                                              const std::string& program);
  Result<std::optional<access::User>, std::string> user(const std::string& id);

  /// Reads JSON lines `{"user":{"id","name","role","active"}}` and
  /// `{"member":{"programId","userId","active","since"}}` in one transaction, all or nothing.
  /// Missing `name` and `role` are empty, missing `active` is true; `since` is what parse_time()
  /// reads, or a number of milliseconds; a member's user must be in the store or anywhere in the
  /// file. Of several lines about one thing the last one counts. Empty lines are skipped. The error
  /// names the line. Returns how many lines were applied.
  Result<std::size_t, std::string> import(std::istream& lines);

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The reading side. look_up() answers before it returns; a missing, locked or broken file is
/// `unavailable`, and the file is opened again at the next call. It writes once, to bring a file of
/// an earlier version up to date.
std::unique_ptr<access::MembershipSource> open_memberships(const std::string& path);

}  // namespace crier::sqlite

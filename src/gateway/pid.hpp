#pragma once

// The private id that a client keeps between connections. Nothing is stored for it: it is a sealed
// statement of where the client stood when it was given, and worth nothing without a valid token of
// the same user. Its size does not depend on how many programs the user has. The position that the
// store keeps for a session is the same statement.

#include "access/hmac.hpp"
#include "gateway/basis.hpp"
#include "history/numbers.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::gateway {

struct Pid {
  std::string sid;  ///< The socket's id, which a recovered socket keeps; empty: a session's.
  /// The admission that gave it. Its gid is where the replay began.
  Snapshot here;
  std::string nonce;  ///< 4 characters, of the position that ended the admission's `catchup`.
  /// What the admission's verdicts were about, if they were other than `recovered`. It counts until
  /// the client shows that it has heard them.
  std::optional<Basis> earlier{};
  /// Programs that were told `gap` then: what was sent of them has holes, which a client that did
  /// not hear of it cannot name, though another node may have what was missing. With `earlier`.
  std::vector<std::string> gaps{};
  bool gaps_unnamed = false;  ///< There was no room for their names: it may be any.
  /// Programs that were not the user's at an admission since `earlier`. Whoever heard of that has
  /// dropped them, and what came of others since then says nothing of theirs. With `earlier`.
  std::vector<std::string> ended{};
  bool ended_unnamed = false;
  /// The offset that the client presented without having it from this history and this user: it
  /// keeps that until something has come, so as an offset of this pid it says nothing. With
  /// `earlier`.
  std::optional<history::EventId> stale{};
  friend bool operator==(const Pid&, const Pid&) = default;
};

/// Seals and opens pids with one key. Immutable.
class PidSeal {
 public:
  static constexpr std::size_t bytes_max = 1024;  ///< Of a sealed pid.

  /// Derives its key from `secret`.
  explicit PidSeal(std::string_view secret);

  /// base64url, at most bytes_max; of the same length for the same contents. Names of programs for
  /// which there is no room are left out, those of `earlier` first. `user`, to whom alone it is
  /// worth something, is not in it.
  [[nodiscard]] std::string seal(const Pid& pid, std::string_view user) const;

  /// Nothing unless this key has sealed it for this user.
  [[nodiscard]] std::optional<Pid> open(std::string_view text, std::string_view user) const;

 private:
  [[nodiscard]] std::string code(std::string_view body, std::string_view user) const;

  access::Hmac hmac_;
};

}  // namespace crier::gateway

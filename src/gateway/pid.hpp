#pragma once

// The private id that a client keeps between connections. The server stores nothing for it: it is a
// signed record of the client's position when it was given, and is valid only with a token of the
// same user. Its size is limited, however many programs the user has. The store keeps a session's
// position in the same form.

#include "access/hmac.hpp"
#include "gateway/basis.hpp"
#include "history/numbers.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::gateway {

struct Pid {
  std::string sid;  ///< The socket's id, which a recovered socket keeps; empty in a session's
                    ///< position.
  /// The admission that gave the pid. Its gid is where the replay began.
  Snapshot here;
  std::string nonce;  ///< The nonce of the position that ended the admission's `catchup`; 4
                      ///< characters.
  /// The basis of the admission's verdicts, if any was not `recovered`. It counts until the client
  /// shows that it has received them.
  std::optional<Basis> earlier{};
  /// Programs whose verdict was `gap` then: the events sent of them have holes. A client that did
  /// not receive the verdict does not know them, although another node may have the missing events.
  /// Only with `earlier`.
  std::vector<std::string> gaps{};
  bool gaps_unnamed = false;  ///< There was no room for their names: it may be any program.
  /// Programs that were not the user's at an admission since `earlier`. A client that received that
  /// verdict has dropped them, and later events of other programs prove nothing about theirs. Only
  /// with `earlier`.
  std::vector<std::string> ended{};
  bool ended_unnamed = false;
  /// An offset that the client presented but did not get from this history and for this user. The
  /// client repeats it until it receives an event, so as an offset of this pid it proves nothing.
  /// Only with `earlier`.
  std::optional<history::EventId> stale{};
  friend bool operator==(const Pid&, const Pid&) = default;
};

/// Seals and opens pids with one key. Immutable.
class PidSeal {
 public:
  static constexpr std::size_t bytes_max = 1024;  ///< Limit on a sealed pid.

  /// Derives its key from `secret`.
  explicit PidSeal(std::string_view secret);

  /// Returns the sealed pid as base64url, at most bytes_max; the same contents give the same
  /// length. Names of programs for which there is no room are left out, those of `earlier` first.
  /// The pid is valid for `user` only, but does not contain the user's id.
  [[nodiscard]] std::string seal(const Pid& pid, std::string_view user) const;

  /// Opens a sealed pid. Nothing unless this key has sealed it for this user.
  [[nodiscard]] std::optional<Pid> open(std::string_view text, std::string_view user) const;

 private:
  [[nodiscard]] std::string code(std::string_view body, std::string_view user) const;

  access::Hmac hmac_;
};

}  // namespace crier::gateway

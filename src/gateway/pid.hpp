#pragma once

// The private id that a client keeps between connections. Nothing is stored for it: it is a sealed
// statement of what its bearer was owed when it was given, and worth nothing without a valid token
// of the same user.

#include "access/hmac.hpp"
#include "history/numbers.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::gateway {

/// One program that was the user's.
struct Sealed {
  std::string program;
  std::uint64_t generation = 0;  ///< Of the membership.
  history::Gid from = 0;         ///< Nothing up to here is owed, whatever the cursor says.
  friend bool operator==(const Sealed&, const Sealed&) = default;
};

struct Pid {
  std::string user;
  std::string sid;  ///< The socket's id, which a recovered socket keeps.
  history::Epoch epoch;
  history::Gid start = 0;        ///< The cursor of a client that has not received anything yet.
  std::vector<Sealed> programs;  ///< Sorted by program.
  friend bool operator==(const Pid&, const Pid&) = default;
};

/// Seals and opens pids with one key. Immutable.
class PidSeal {
 public:
  static constexpr std::size_t bytes_max = 64 * 1024;  ///< Of a sealed pid.

  /// Derives its key from `secret`.
  explicit PidSeal(std::string_view secret);

  /// base64url; of the same length for the same contents.
  [[nodiscard]] std::string seal(const Pid& pid) const;

  /// Nothing unless this key has sealed it.
  [[nodiscard]] std::optional<Pid> open(std::string_view text) const;

 private:
  access::Hmac hmac_;
};

}  // namespace crier::gateway

#pragma once

// The interface to the source of users and memberships.

#include "crier/result.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace crier::access {

/// A user and the programs in which the user has an *active* membership, sorted.
struct User {
  std::string id;
  std::string name;
  std::string role;
  bool active = false;
  std::vector<std::string> programs;
  /// For each of `programs`, when the membership began, in microseconds since 1970 UTC. 0, or
  /// missing: before all events of the history. Events published before it are not sent.
  std::vector<std::uint64_t> since = {};
};

enum class SourceError : std::uint8_t {
  unavailable,  ///< Down, locked or slow: retry. Never a refusal.
  broken,       ///< The source's answer was invalid; a retry may not help.
};

/// A source of users and their memberships. Used from one loop's thread; `done` runs there, exactly
/// once, possibly before the call returns. An empty optional means that there is no such user.
class MembershipSource {
 public:
  using Done = std::function<void(Result<std::optional<User>, SourceError>)>;
  virtual ~MembershipSource() = default;
  virtual void look_up(const std::string& user, Done done) = 0;
  /// Calls `look_ups`, which makes several look-ups. The source may answer them from one snapshot,
  /// which is no older than this call.
  virtual void together(const std::function<void()>& look_ups) { look_ups(); }
  /// Whether the source answered the last look-up, or answers now.
  [[nodiscard]] virtual bool available() = 0;
};

}  // namespace crier::access

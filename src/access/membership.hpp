#pragma once

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
  /// One for each of `programs`: when that membership began, in microseconds since 1970 UTC. 0, or
  /// missing: before anything that the history holds. Nothing published before it is sent.
  std::vector<std::uint64_t> since = {};
};

enum class SourceError : std::uint8_t {
  unavailable,  ///< Down, locked or slow: try again. Never a refusal.
  broken,       ///< It answered with something that makes no sense; trying again may not help.
};

/// Who exists and who is a member of what. Used from one loop's thread; `done` runs there, exactly
/// once, possibly before the call returns. Nothing (an empty optional): no such user.
class MembershipSource {
 public:
  using Done = std::function<void(Result<std::optional<User>, SourceError>)>;
  virtual ~MembershipSource() = default;
  virtual void look_up(const std::string& user, Done done) = 0;
  /// Calls `look_ups`, which makes several. They may be answered from one view of the source, which
  /// is no older than this call.
  virtual void together(const std::function<void()>& look_ups) { look_ups(); }
  /// Whether it answered last time, or does now.
  [[nodiscard]] virtual bool available() = 0;
};

}  // namespace crier::access

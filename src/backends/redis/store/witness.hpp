#pragma once

// Evidence, from ids that clients hold, of what Redis has numbered.

#include "base/time.hpp"
#include "history/numbers.hpp"

#include <chrono>
#include <optional>

namespace crier::redis {

/// Ids that clients hold are evidence of what the server has numbered. Anybody can make one up, so
/// they count only soon after a connection began, when a server may have lost what it had, only for
/// numbers that it may have given out, and begin at most one new epoch a connection.
class Witness {
 public:
  static constexpr std::chrono::seconds counts_for{60};
  static constexpr history::Gid ahead_max = 1'000'000;  ///< Numbers run ahead of a clock by less.

  /// A connection begins.
  void begin(TimePoint now);
  /// The connection is gone.
  void end();
  /// Somebody presents this id while the server's clock is `clock`.
  void present(const history::Epoch& epoch, history::Gid gid, std::optional<history::Gid> clock,
               TimePoint now);
  /// The server is known to be in this epoch.
  void note(const history::Epoch& epoch);

  /// The epoch of the id that counts; empty: none does.
  [[nodiscard]] const history::Epoch& epoch() const { return epoch_; }
  [[nodiscard]] history::Gid gid() const { return gid_; }

 private:
  TimePoint until_{};
  bool open_ = false;
  history::Epoch server_;  ///< The epoch that the server was known to be in last.
  history::Epoch epoch_;
  history::Gid gid_ = 0;
};

}  // namespace crier::redis

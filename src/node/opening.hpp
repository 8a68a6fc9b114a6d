#pragma once

// The moment when a node opens its ports.

#include "web/worker.hpp"

#include <chrono>
#include <functional>

namespace crier::node {

/// Opens the ports of a node when its history has answered, or when it has not for too long: who is
/// let in before is admitted without knowledge of it, and has to be closed later. On the loop's
/// thread only.
class Opening final : public web::TurnUser {
 public:
  /// `answered` tells whether the history is there; `open` is called once. The owner adds it to the
  /// worker's turn users, after those that spread what `answered` sees. The worker outlives it.
  Opening(web::Worker& worker, std::function<bool()> answered, std::function<void()> open);

  /// Before the loop runs.
  void begin(std::chrono::milliseconds deadline);

  // TurnUser.
  void turn_end() override;
  void tick(TimePoint now) override;
  [[nodiscard]] TimePoint deadline() const override { return open_at_; }

 private:
  void open();

  web::Worker& worker_;
  std::function<bool()> answered_;
  std::function<void()> open_;
  TimePoint open_at_ = never;  ///< At the latest; never: it is open, or nobody has asked.
};

}  // namespace crier::node

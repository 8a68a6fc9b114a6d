#pragma once

// The shutdown of a worker in steps.

#include "sockets/sessions.hpp"
#include "web/worker.hpp"

#include <chrono>
#include <functional>
#include <vector>

namespace crier::sockets {

/// Takes a worker down in order: no new sessions, publishes in flight finish, sessions close in
/// steps, no new connections (until then a polling client may need one for what it is owed),
/// connections end, the loop stops. Bounded in time.
class Shutdown final : public web::TurnUser {
 public:
  struct Steps {
    std::size_t sessions = 500;                 ///< Closed in one step.
    std::chrono::milliseconds interval{10};     ///< Between steps.
    std::chrono::milliseconds timeout{10'000};  ///< For all of it.
  };
  /// `idle` tells whether nothing is in flight any more: before that no session is closed.
  /// `settled`, if there is one, whether the loop may end. All outlive it.
  Shutdown(web::Worker& worker, std::vector<Sessions*> sessions, std::function<bool()> idle,
           const Steps& steps, std::function<bool()> settled = {});

  void begin();
  [[nodiscard]] bool begun() const { return next_ != never || stopped_; }

  // TurnUser.
  void turn_end() override {}
  void tick(TimePoint now) override;
  [[nodiscard]] TimePoint deadline() const override { return next_; }

 private:
  web::Worker& worker_;
  std::vector<Sessions*> sessions_;
  std::function<bool()> idle_;
  Steps steps_;
  std::function<bool()> settled_;
  TimePoint next_ = never;
  TimePoint give_up_at_ = never;
  bool stopped_ = false;
};

}  // namespace crier::sockets

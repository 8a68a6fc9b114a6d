#pragma once

// One store for several workers: the end that lives with the store.

#include "history/store.hpp"
#include "web/worker.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace crier::node {

class HistoryLink;

/// One store for several workers. The store lives on a loop of its own; each worker has a
/// HistoryLink, by which it asks, and to which everything that the worker subscribed to is posted:
/// one post an event and worker, in the store's order. Of the many subscribers the store sees one.
/// A worker that is too far behind gets lost() and no further events. When it has caught up, the
/// hub subscribes it again, and it reads what it missed from the store.
class HistoryHub final : public web::TurnUser, private history::BusListener {
 public:
  /// `home` runs the loop that `store` is used on. Both outlive it. `backlog_bytes_max` bounds what
  /// is posted to one worker and has not arrived; one event may always be.
  HistoryHub(web::Worker& home, history::HistoryView& store, std::size_t backlog_bytes_max);
  ~HistoryHub() override;

  // TurnUser, of the home.
  void turn_end() override { look(); }
  void tick(TimePoint /*now*/) override {}
  [[nodiscard]] TimePoint deadline() const override { return never; }

 private:
  friend class HistoryLink;
  struct Line;
  struct Subscriber {
    std::shared_ptr<Line> line;
    std::uint64_t subscription;
  };
  struct Program {
    bool confirmed = false;
    std::vector<Subscriber> subscribers;
  };

  // BusListener, of the store.
  void subscribed(const std::string& program) override;
  void published(history::Published event) override;
  void claims_heard() override;
  void claimed(const std::string& sid, history::Fence fence) override;
  void lost() override;

  // What links ask for, on the home's loop.
  void listen(const std::shared_ptr<Line>& line);
  void leave(const std::shared_ptr<Line>& line);
  void subscribe(const std::string& program, const Subscriber& subscriber);
  void unsubscribe(const std::string& program, const Subscriber& subscriber);

  void fall_behind(const std::shared_ptr<Line>& line);
  void caught_up(const std::shared_ptr<Line>& line);

  /// What a link may see of the store without asking.
  void look();
  void tell_subscribed(const std::string& program, const Subscriber& subscriber);

  web::Worker& home_;
  history::HistoryView& store_;
  std::size_t backlog_bytes_max_;
  std::vector<std::shared_ptr<Line>> listening_;
  std::unordered_map<std::string, Program> programs_;
  bool hears_claims_ = false;
  std::atomic<bool> available_ = false;
  std::atomic<bool> hears_ = false;
  history::StoreHealth health_;  ///< The home's,
  mutable std::mutex health_mutex_;
  history::StoreHealth shown_health_;  ///< and what links see of it.
};

}  // namespace crier::node

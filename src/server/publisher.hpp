#pragma once

#include "base/random.hpp"
#include "catalog/catalog.hpp"
#include "crier/gateway.hpp"
#include "history/store.hpp"
#include "server/sockets.hpp"
#include "server/worker.hpp"

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace crier::server {

/// Checks, numbers and stores events; the store's listener brings them back to be delivered. On the
/// loop's thread only.
class Publisher final : public TurnUser {
 public:
  struct Parts {
    Worker& worker;
    history::HistoryStore& history;
    const catalog::Catalog& catalog;
    Random& random;
    std::function<WallTime()> wall_clock;
    /// Takes an event without a number to the members of its program on this node.
    std::function<void(const std::string& program, const Packet& packet)> deliver;
  };
  /// The parts outlive it.
  Publisher(const Parts& parts, OutagePolicy policy, std::size_t event_bytes_max);

  using Done = std::function<void(Result<Position>)>;
  /// Checks and stores; `done` is called once, later or now, and positions are reported in order.
  /// The same `token` brings the first position again, or with another body 409; empty: none.
  void publish(std::string_view program, std::string_view body, std::string token, Done done);
  void refuse_publishes() { refusing_ = true; }
  /// An event of the program may have been lost: whoever has a cursor from before is to be told.
  void mark_gap(const std::string& program) {
    owe(program);
    settle();  // before those who are closed for it come back
  }
  /// Whether the outcome of everything accepted is known.
  [[nodiscard]] bool idle() const { return in_flight_ == 0; }

  // TurnUser.
  void turn_end() override {}
  void tick(TimePoint now) override;
  [[nodiscard]] TimePoint deadline() const override { return settle_at_; }

 private:
  using Outcome = Result<history::Appended, history::StoreError>;

  /// What was published, until its outcome is known.
  struct Publish {
    std::string program;
    Bytes body;
    std::string token;
    Done done;
  };

  void appended(const Publish& publish, const Outcome& outcome);
  void failed(const Publish& publish, history::StoreError error);
  void deliver_unnumbered(const Publish& publish);
  void remember(const Publish& publish, const std::string& timestamp);
  void owe(const std::string& program);
  void settle();
  void fail(const Done& done, Error error);

  Parts parts_;
  OutagePolicy policy_;
  std::size_t event_bytes_max_;
  std::set<std::string> owed_;  ///< Programs whose history needs a gap marker.
  /// What became of publishes with a token that the store did not take, by program and token: the
  /// timestamp of one that went out without a number; empty: it may have been stored.
  struct Untold {
    std::string timestamp;
    Bytes body;
  };
  std::map<std::pair<std::string, std::string>, Untold> untold_;
  std::deque<std::pair<std::string, std::string>> untold_order_;  ///< The oldest goes first.
  TimePoint settle_at_ = never;
  std::size_t in_flight_ = 0;
  bool refusing_ = false;
};

}  // namespace crier::server

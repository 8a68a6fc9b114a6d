#pragma once

// Publishing of events and of gap markers.

#include "base/random.hpp"
#include "catalog/catalog.hpp"
#include "crier/gateway.hpp"
#include "history/event_log.hpp"
#include "node/counters.hpp"
#include "node/outcomes.hpp"
#include "node/owed.hpp"
#include "sockets/sockets.hpp"
#include "web/worker.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>

namespace crier::node {

/// Checks, numbers and stores events; the store's listener brings them back to be delivered. On the
/// loop's thread only.
class Publisher final : public web::TurnUser {
 public:
  struct Parts {
    web::Worker& worker;
    history::EventLog& log;
    Owed& owed;
    const catalog::Catalog& catalog;
    Random& random;
    std::function<WallTime()> wall_clock;
    /// Takes an event without a number to the members of its program on this node.
    std::function<void(const std::string& program, const Bytes& body)> deliver;
  };
  struct Options {
    OutagePolicy policy = OutagePolicy::deliver;
    std::size_t event_bytes_max = 1024 * 1024;
    Outcomes::Options outcomes = {};
    /// How long a cursor may be in use.
    std::chrono::milliseconds cursors_for = history::remembered_for({});
  };
  /// The parts outlive it.
  Publisher(const Parts& parts, const Options& options);

  using Done = std::function<void(Result<Position>)>;
  /// Checks and stores; `done` is called once, later or now, and positions are reported in order.
  /// The same `token` brings the first position again, or with another body 409; empty: none. With
  /// a token whose outcome could not be remembered it fails with 503, and nothing happens.
  void publish(std::string_view program, std::string_view body, std::string token, Done done);
  void refuse_publishes() { refusing_ = true; }
  /// An event of the program may have been lost: whoever has a cursor from before is to be told.
  void mark_gap(const std::string& program) {
    parts_.owed.owe(program);
    settle();  // before those who are closed for it come back
  }
  /// Sends a marker for every program that is owed one; what failed is tried again.
  void settle() { send_markers(Owed::Which::all); }
  /// Whether the outcome of everything accepted is known.
  [[nodiscard]] bool idle() const { return in_flight_ == 0; }
  /// Publishes with a token whose outcome is open or unknown.
  [[nodiscard]] std::size_t unknown_outcomes() const { return outcomes_.unknown_count(); }

  [[nodiscard]] const Counters& counters() const { return counters_; }

  // TurnUser.
  void turn_end() override { parts_.owed.save(); }
  void tick(TimePoint now) override;
  [[nodiscard]] TimePoint deadline() const override { return std::min(settle_at_, take_over_at_); }

 private:
  using Outcome = Result<history::Appended, history::StoreError>;

  /// What was published, until its outcome is known.
  struct Publish {
    std::string program;
    Bytes body;
    std::string key;  ///< Key of its outcome; empty without a token.
    Done done;
  };

  /// Whether an append under the key may begin; else it has been answered.
  bool begin(const std::string& key, const Bytes& body, const Done& done);
  void append(Publish publish, std::string token);
  void appended(const Publish& publish, const Outcome& outcome);
  void failed(const Publish& publish, history::StoreError error);
  void not_stored(const Publish& publish);
  void deliver_unnumbered(const Publish& publish);
  void send_markers(Owed::Which which);
  void send_marker(Owed::Marker marker);
  void marker_ended(const Owed::Marker& marker, const Outcome& outcome);
  void note_owed();
  void fail(const Done& done, Error error);

  Parts parts_;
  Options options_;
  Outcomes outcomes_;
  Counters counters_;
  TimePoint settle_at_ = never;
  TimePoint take_over_at_ = never;
  TimePoint clear_unreadable_at_ = never;
  std::size_t in_flight_ = 0;
  std::size_t markers_ = 0;  ///< Under way.
  bool sending_markers_ = false;
  bool told_owed_ = false;  ///< In the log.
  bool refusing_ = false;
};

}  // namespace crier::node

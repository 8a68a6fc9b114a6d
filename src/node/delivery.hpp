#pragma once

// Delivery of events to the sockets of one worker.

#include "gateway/feed.hpp"
#include "history/event_bus.hpp"
#include "node/counters.hpp"
#include "node/replays.hpp"
#include "sockets/sockets.hpp"
#include "web/worker.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace crier::node {

std::string room_of(std::string_view program);

/// Takes events from the store to the members of their programs: carries out the commands of
/// gateway::Feed. On the loop's thread only.
class Delivery final : public history::BusListener, public web::TurnUser {
 public:
  struct Parts {
    web::Worker& worker;
    sockets::Sessions& sessions;
    sockets::Sockets& sockets;
    history::EventBus& bus;
    /// Appends a gap marker for the program. Empty: nobody does.
    std::function<void(const std::string& program)> mark_gap = {};
  };
  struct Options {
    gateway::FeedOptions feed = {};
    /// Events wait for so long for others, which then leave with them. 0: to the end of the turn.
    Duration flush_window{0};
    /// Limit of the bytes that all replays have unsent.
    std::size_t replay_bytes_max = 64 * 1024 * 1024;
  };
  /// Who hears of claims to socket ids.
  class ClaimUser {
   public:
    virtual void claimed(const std::string& sid, history::Fence fence) = 0;
    /// Claims may have been missed before this.
    virtual void claims_heard() = 0;

   protected:
    ~ClaimUser() = default;
  };

  /// The parts outlive it.
  Delivery(const Parts& parts, const Options& options);
  ~Delivery() override;

  /// Before the loop runs.
  void set_claim_user(ClaimUser& user) { claim_user_ = &user; }

  using Answer = std::function<void(const Result<history::ReadReply, history::StoreError>&)>;
  /// Calls `answer` once, perhaps before it returns; everything that was delivered before is in the
  /// answer. A socket that joins its programs' rooms during the call misses nothing.
  std::uint64_t ask(gateway::Question question, Answer answer);
  void withdraw(std::uint64_t question);
  /// The socket, a member of these programs, could not ask, and nobody can say what it will have
  /// missed: it is closed as soon as the store answers, and gets no numbered event before.
  void admit_blindly(Key socket, const std::vector<std::string>& programs);

  /// Sends the socket, which joins its programs' rooms in the same turn, what it missed.
  Replays& replays() { return replays_; }

  /// The event as clients get it, encoded; cached for the next caller, as long as there is room.
  /// Good until the next call. An empty message: the store holds what no gateway has written.
  const sockets::EncodedEvent& encoded(const history::Epoch& epoch, const history::Record& record);

  /// An event without a number: goes to this node's members with the next ones. Its time is a
  /// millisecond before the greatest number that all of them have come to, not the clock's: who
  /// gives it as a cursor must not pass over what did not come. `body`: as Catalog::check() writes
  /// it.
  void deliver_unnumbered(const std::string& program, std::string_view body);
  /// The socket has everything up to `floor`, from a node that may have heard more than this one.
  void set_floor(Key socket, history::Gid floor);
  void forget(Key socket);

  /// Hands what was heard since the last call to the members, in order.
  void deliver();
  /// The greatest number whose event, and all before it, have been handed to the members here.
  [[nodiscard]] history::Gid handed() const { return handed_; }
  [[nodiscard]] bool idle() const { return live_.empty(); }
  [[nodiscard]] const gateway::Feed& feed() const { return feed_; }
  [[nodiscard]] Counters counters() const;

  // BusListener.
  void subscribed(const std::string& program) override;
  void published(history::Published event) override;
  void claims_heard() override;
  void claimed(const std::string& sid, history::Fence fence) override;
  void lost() override;

  // TurnUser.
  void turn_end() override;
  void tick(TimePoint now) override;
  [[nodiscard]] TimePoint deadline() const override {
    return std::min(feed_.deadline(), deliver_at_);
  }

 private:
  struct Live {
    std::string program;
    history::Gid gid;  ///< 0: unnumbered.
    sockets::EncodedEvent encoded;
  };

  void run();
  void perform(gateway::FeedCommand& command);
  void answer(const gateway::Answered& answered);
  void read(std::vector<history::ReadRequest> reads);
  void probe();
  sockets::EncodedEvent encode(const history::Epoch& epoch, const history::Record& record);
  void queue(const gateway::Deliver& event);
  void hold(Live live);
  void close(const gateway::CloseMembers& members);
  void broadcast(std::vector<sockets::Sockets::Batch>& batches);
  void deliver_late(const Live& live);
  void close_blind();

  Parts parts_;
  gateway::Feed feed_;
  ClaimUser* claim_user_ = nullptr;
  std::uint64_t questions_ = 0;
  std::unordered_map<std::uint64_t, Answer> answers_;
  bool running_ = false;
  Duration flush_window_;
  TimePoint deliver_at_ = never;  ///< With a window: what is held.
  std::vector<Live> live_;
  history::Gid handed_ = 0;                       ///< Highest handed out in the present epoch.
  std::unordered_map<Key, history::Gid> floors_;  ///< Floors of sockets that came with a cursor.
  history::Gid floor_max_ = 0;
  std::unordered_set<Key> blind_;   ///< Sockets that could not ask.
  history::Gid blind_reached_ = 0;  ///< Where the feed was when the first of them came.
  history::Epoch encoded_epoch_;
  std::unordered_map<history::Gid, sockets::EncodedEvent> encoded_;
  std::deque<history::Gid> encoded_order_;  ///< The oldest first.
  std::size_t encoded_bytes_ = 0;
  Counters counters_;
  Replays replays_;
};

}  // namespace crier::node

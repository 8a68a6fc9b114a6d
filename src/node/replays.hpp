#pragma once

// Replays of missed events to the sockets of one worker.

#include "gateway/feed.hpp"
#include "gateway/replay.hpp"
#include "sockets/sessions.hpp"
#include "sockets/sockets.hpp"
#include "web/worker.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace crier::node {

/// Sends clients that came back what they missed, as fast as they take it: each has a window of
/// unsent bytes, all windows together a bound. Whoever finds no place within it waits, first come
/// first served; after slow_reader_timeout a place goes on to who waits. Until a socket has
/// everything, nothing live is sent to it: live events are in the rings too. On the loop's thread
/// only.
class Replays {
 public:
  struct Parts {
    web::Worker& worker;
    sockets::Sessions& sessions;
    sockets::Sockets& sockets;
    const gateway::Feed& feed;
    /// The event as clients get it; an empty message if it cannot be read.
    std::function<const sockets::EncodedEvent&(const history::Record& record)> encode;
  };
  /// Unsent bytes of one socket, or one event; less where the backlog's bound is less.
  static constexpr std::size_t window_max = 64 * 1024;

  struct Start {
    const std::string& user;
    const std::vector<std::string>& programs;
    gateway::Positions positions;  ///< In the programs' order.
    std::string catchup;           ///< The arguments of the event that follows the snapshot.
  };

  /// The parts outlive it. `bytes_max`: of what is unsent for all replays, but for one event that
  /// does not fit.
  Replays(const Parts& parts, std::size_t bytes_max);
  ~Replays();

  /// What was delivered so far is in the socket's replay; it joins its programs' rooms in the same
  /// turn. One that has little to catch up on is served at once, and is a member like any other.
  void begin(Key socket, Start start);
  /// What was queued for the socket has been taken, or goes over another transport now.
  void drained(Key socket);
  void forget(Key socket);
  /// Whether end_turn() has something to do.
  [[nodiscard]] bool wants_turn() const { return !ready_.empty(); }
  /// Call it when everything that was heard has been delivered.
  void end_turn();

  /// Number of sockets that do not have everything yet.
  [[nodiscard]] std::size_t count() const { return entries_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// Events, ever.
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  /// Null: the socket has everything that was delivered.
  [[nodiscard]] const gateway::Replay* find(Key socket) const;

 private:
  /// One list for all replays of a user.
  struct UserPrograms {
    std::string user;
    std::vector<std::string> names;
  };
  struct Entry;
  enum class Step : std::uint8_t {
    again,    ///< There may be more, and room for it.
    no_room,  ///< There is a large event, and no room for it beside what others have unsent.
    waits,    ///< For drained(); or the socket has gone, or has everything.
  };

  [[nodiscard]] bool has_place() const {
    return places_ == 0 || (places_ + 1) * window_ <= bytes_max_;
  }
  bool serve_at_once(Key socket, const Start& start, gateway::Replay& replay);
  std::shared_ptr<const UserPrograms> share(const Start& start);
  void give_places();
  void give_place(Key socket, Entry& entry);
  [[nodiscard]] bool yields(const Entry& entry) const;
  void yield(Key socket, Entry& entry);
  void make_ready(Key socket, Entry& entry);
  void another_turn();
  Step step(Key socket);
  Step step(Key socket, Entry& entry);
  void release(Key socket);
  void flush(Key socket, Entry& entry);
  [[nodiscard]] std::size_t unsent_of_others(Key socket, const Entry& entry) const;
  void hold(Entry& entry, std::size_t bytes);
  void end_over();
  gateway::Pull pull(gateway::Replay& replay, const std::vector<std::string>& programs,
                     std::size_t unsent, std::size_t others, bool may_exceed) const;
  void send(Key socket, const gateway::Pull& pull);
  void send_catchup(Key socket, const std::string& arguments);

  Parts parts_;
  std::size_t bytes_max_;
  std::size_t window_;
  Duration turn_;          ///< How long a place is kept while others wait.
  std::size_t bytes_ = 0;  ///< Unsent, of all replays.
  std::unordered_map<Key, std::unique_ptr<Entry>> entries_;
  std::unordered_map<std::string, std::weak_ptr<const UserPrograms>> lists_;  ///< By user.
  std::size_t places_ = 0;                                                    ///< That are taken.
  std::deque<Key> ready_;    ///< Who has a place, and perhaps room; also some that have gone.
  std::deque<Key> waiting_;  ///< For a place; also some that have gone.
  Key over_ = 0;             ///< Whose event is beyond the bound.
  Key next_over_ = 0;        ///< Whose event waits to be.
  bool is_short_ = false;    ///< Somebody found no room in the last turn.
  bool is_posted_ = false;   ///< Another turn.
  std::uint64_t sent_ = 0;
  std::uint64_t sent_bytes_ = 0;
};

}  // namespace crier::node

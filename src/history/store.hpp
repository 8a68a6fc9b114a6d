#pragma once

// Where events are kept for catch-up. Implementations: MemoryStore (here) and
// backends/redis/history. All pass the same contract suite (tests/contract/).

#include "base/bytes.hpp"
#include "crier/result.hpp"
#include "history/numbers.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace crier::history {

/// Bounds of what is kept, per program.
struct Retention {
  std::chrono::milliseconds ttl{5 * 60 * 1000};  ///< By age of each event.
  std::uint32_t events_max = 1000;
  std::size_t bytes_max = 1024 * 1024;  ///< Of bodies.
  std::uint32_t sessions_max = 32;      ///< Positions of sessions, a user; the oldest goes.
};

/// How long a claim counts, at least.
constexpr std::chrono::milliseconds claimed_for(const Retention& retention) {
  return std::max<std::chrono::milliseconds>(retention.ttl, std::chrono::hours(1));
}
/// After how long without an event a program's numbers may be forgotten; the floor then stands at
/// its last event, and the next one is its first.
constexpr std::chrono::milliseconds remembered_for(const Retention& retention) {
  return 2 * claimed_for(retention);
}

struct Record {
  Gid gid = 0;
  Seq seq = 0;
  Gid prev = 0;  ///< The gid of the program's event before this one; 0 for its first.
  Bytes body;    ///< The envelope's JSON object without its timestamp.
};

struct AppendRequest {
  std::string program;
  Bytes body;
  /// Idempotency, within the program: for as long as an event is kept, the same token brings the
  /// first result again, and with another body is refused. Empty: none.
  std::string token;
};
struct Appended {
  Position position;
  Gid prev = 0;
  bool repeated = false;  ///< The token was known; nothing was appended.
};

enum class StoreError : std::uint8_t {
  unavailable,  ///< Nothing was appended or read.
  unknown,      ///< The append may or may not have happened.
  token_taken,  ///< The token came with another body before; nothing was appended.
};

struct ReadRequest {
  std::string program;
  Gid after = 0;                 ///< Exclusive.
  std::uint32_t newest_max = 0;  ///< At most so many, the newest; 0: all that are kept.
};
struct Kept {
  std::string program;
  Gid top = 0;  ///< gid of the program's newest event ever; 0 if none.
  /// Ascending by gid. None is of an earlier epoch: clients know those by other ids than this
  /// one's.
  std::vector<Record> records;
  /// Events of the program cannot be kept or read now: whatever the cursor, it is not whole.
  bool broken = false;
};
struct ReadReply {
  Epoch epoch;
  /// What came before is not known in full: the store began, or may have lost events, here. No
  /// program is whole for a cursor below it. All numbers given out since are above it.
  Gid floor = 0;
  std::vector<Kept> programs;  ///< In the order asked for.
  /// The store's own time when it was read, in microseconds since 1970, or its greatest number if
  /// that is ahead of it: nothing beyond it has been numbered.
  Gid clock = 0;
  Gid last = 0;  ///< The greatest number given out in this epoch, in any program; 0: not known.
};

/// Orders the claims to one socket id: each is greater than all before it.
using Fence = std::uint64_t;

/// Up to where one session of a user is known to have received everything. The store does not look
/// into `value`, which is not empty.
constexpr std::size_t session_value_bytes_max = 1024;
struct SessionPosition {
  std::string user;
  std::string session;
  std::string holder;  ///< Names its connection, as no other; without spaces.
  std::string value;
};

/// What an operator should know of a store.
struct StoreHealth {
  /// By how much its clock was ahead of this machine's when it was asked last.
  std::chrono::microseconds clock_offset{};
  /// The policy by which it may drop, before their time, what it was to keep; empty: it does not.
  std::string eviction;
  friend bool operator==(const StoreHealth&, const StoreHealth&) = default;
};

/// An event as every node hears it.
struct Published {
  Epoch epoch;
  std::string program;
  Record record;
};

/// What a store tells its node. Called on the loop's thread, also from inside a call to the store.
class Listener {
 public:
  /// Whatever is published in the program from now on is heard, until lost() or unsubscribe().
  virtual void subscribed(const std::string& program) = 0;
  /// Each event of a subscribed program once, in the order of publishing over all programs.
  virtual void published(Published event) = 0;
  /// Whatever is claimed from now on is heard, until lost().
  virtual void claims_heard() = 0;
  /// Somebody has claimed the socket id `sid`, perhaps through this very store.
  virtual void claimed(const std::string& sid, Fence fence) = 0;
  /// Something may have been missed, and will be until claims_heard() and, for each subscription
  /// that is still wanted, subscribed() come again; they do by themselves.
  virtual void lost() = 0;

 protected:
  ~Listener() = default;
};

/// Append, number, trim, expire, remember the token and publish are one step. Used from one loop's
/// thread; `done` runs there too, exactly once, possibly before the call returns; calls that are
/// open when the store is destroyed are dropped unanswered. New appends are reported in gid order.
class HistoryStore {
 public:
  virtual ~HistoryStore() = default;

  /// A new event is published to every node's listener, whether before or after `done` is open.
  virtual void append(AppendRequest request,
                      std::function<void(Result<Appended, StoreError>)> done) = 0;

  /// One consistent answer for all programs asked for: it holds every append reported before.
  virtual void read(std::vector<ReadRequest> requests,
                    std::function<void(Result<ReadReply, StoreError>)> done) = 0;

  /// Whether it answers now. False: every call with a `done` of a Result fails at once with
  /// `unavailable`.
  [[nodiscard]] virtual bool available() const = 0;

  [[nodiscard]] virtual StoreHealth health() const = 0;

  /// Calls `call` whenever available() has become true, before anything else is sent to the store
  /// or answered by it. Once.
  virtual void when_available(std::function<void()> call) = 0;

  /// Somebody presents the id `epoch.gid`. If the store is in that epoch and has not numbered so
  /// far, it has lost an end: it begins a new epoch before it next numbers or reads anything.
  /// Anybody may say so; therefore it counts only while the connection to the store is young, only
  /// for a number that the store's clock has passed, and once a connection.
  virtual void witnessed(const Epoch& epoch, Gid gid) = 0;

  /// Keeps the position for the history's ttl in place of whatever is kept, and lets its connection
  /// hold the session from then on. `done` says whether that is so; after an error it may be, and
  /// may be asked for again.
  virtual void take_over(SessionPosition position,
                         std::function<void(Result<void, StoreError>)> done) = 0;
  /// Keeps the positions likewise, but drops those whose connection does not hold its session, and
  /// what cannot be written: an older one costs a repeat, never a loss. A session of which nothing
  /// is kept has no holder, and is saved.
  virtual void save_positions(std::vector<SessionPosition> positions) = 0;
  /// The value that was saved last; empty: none is kept.
  virtual void load_position(const std::string& user, const std::string& session,
                             std::function<void(Result<std::string, StoreError>)> done) = 0;

  /// Who hears of events and claims; once, before anything else of what follows. It outlives the
  /// store.
  virtual void listen(Listener& listener) = 0;
  /// Asks for the program's events; subscribed() answers, perhaps much later. Once a program.
  virtual void subscribe(const std::string& program) = 0;
  /// No event of the program is heard after this call.
  virtual void unsubscribe(const std::string& program) = 0;
  /// Calls `done(true)` when all that was published before the call has been heard; `done(false)`
  /// when that cannot be said: lost() has come or comes.
  virtual void probe(std::function<void(bool)> done) = 0;
  /// What is heard cannot be trusted any more: begins anew. lost() comes, in this call or later.
  virtual void listen_again() = 0;
  /// Whether events and claims are heard now.
  [[nodiscard]] virtual bool hears() const = 0;

  /// Makes the caller the owner of a socket id, over all nodes: who has a lower fence is not.
  virtual void claim(const std::string& sid,
                     std::function<void(Result<Fence, StoreError>)> done) = 0;
  /// The greatest fence of each id, in their order; 0: never claimed, or long ago.
  virtual void fences(std::vector<std::string> sids,
                      std::function<void(Result<std::vector<Fence>, StoreError>)> done) = 0;
};

}  // namespace crier::history

#pragma once

// Where events are kept for catch-up. Implementations: MemoryStore (here) and
// backends/redis/history. All pass the same contract suite (tests/contract/history_contract.hpp).

#include "base/bytes.hpp"
#include "crier/result.hpp"
#include "history/numbers.hpp"

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
};

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
  /// first result again. Empty: none.
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
};

struct ReadRequest {
  std::string program;
  Gid after = 0;                 ///< Exclusive.
  std::uint32_t newest_max = 0;  ///< At most so many, the newest; 0: all that are kept.
};
struct Kept {
  std::string program;
  Gid top = 0;                  ///< gid of the program's newest event ever; 0 if none.
  std::vector<Record> records;  ///< Ascending by gid.
};
struct ReadReply {
  Epoch epoch;
  /// What came before is not known in full: the store began, or may have lost events, here. No
  /// program is whole for a cursor below it. All numbers given out since are above it.
  Gid floor = 0;
  std::vector<Kept> programs;  ///< In the order asked for.
};

/// Append, number, trim, expire and remember the token are one step. Used from one loop's thread;
/// `done` runs there too, exactly once, possibly before the call returns; calls that are open when
/// the store is destroyed are dropped unanswered. New appends are reported in gid order.
class HistoryStore {
 public:
  virtual ~HistoryStore() = default;

  virtual void append(AppendRequest request,
                      std::function<void(Result<Appended, StoreError>)> done) = 0;

  /// One consistent answer for all programs asked for: it holds every append reported before.
  virtual void read(std::vector<ReadRequest> requests,
                    std::function<void(Result<ReadReply, StoreError>)> done) = 0;

  /// Whether it answers now. False: append() and read() fail at once with `unavailable`.
  [[nodiscard]] virtual bool available() const = 0;
};

}  // namespace crier::history

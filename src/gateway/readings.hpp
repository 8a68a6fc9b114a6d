#pragma once

// The bookkeeping of the feed's reads of the store: which programs the next read asks for, and for
// which questions a read counts. Reads are numbered, and there is one at a time. A program
// remembers the latest read that asked for it and the latest that covered it; a question remembers
// the latest that had begun when it was asked. Values without I/O: the feed executes the requests
// and handles the answers.

#include "history/store.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace crier::gateway {

/// As `after`: reads no event, only the top.
constexpr history::Gid after_everything = (history::Gid{1} << 53U) - 1;

/// The number of a read, from 1; 0: none.
using ReadNumber = std::uint64_t;

/// The state of the reads when a question was asked.
struct Asked {
  ReadNumber begun = 0;          ///< The latest read that had begun.
  bool awaited = false;          ///< That read's answer had not come yet.
  bool needs_new_reads = false;  ///< What was known then is not sufficient.
};

/// Which reads have asked for a program, and which have covered it.
class Readings {
 public:
  /// False if it is in the queue already.
  bool enqueue() { return !std::exchange(queued_, true); }
  /// False if it is not in the queue.
  bool dequeue() { return std::exchange(queued_, false); }

  /// Lets the next read that asks for the program read everything that the store keeps of it.
  void want_all() { wants_all_ = true; }
  [[nodiscard]] bool wants_all() const { return wants_all_; }

  /// Notes that the read asks for the program, for everything of it or for less.
  void ask(ReadNumber read, bool all);
  [[nodiscard]] bool is_asked_by(ReadNumber read) const { return asked_ == read; }
  [[nodiscard]] bool is_all_asked_by(ReadNumber read) const { return asked_ == read && asked_all_; }

  /// Notes that the read counts: everything published before it has been reported.
  void cover(ReadNumber read, bool all);
  [[nodiscard]] bool is_covered_by(ReadNumber read) const { return covered_ == read; }
  /// Whether a read that began later than this one has covered the program.
  [[nodiscard]] bool is_covered_after(ReadNumber read) const { return covered_ > read; }

  /// Whether what is known of the program may answer the question.
  [[nodiscard]] bool count_for(const Asked& asked) const;
  /// Whether everything was read for the question. A read whose answer was awaited then suffices,
  /// because later events are reported.
  [[nodiscard]] bool all_count_for(const Asked& asked) const;

 private:
  ReadNumber asked_ = 0;
  ReadNumber covered_ = 0;
  ReadNumber all_covered_ = 0;  ///< The latest covering read of everything.
  bool queued_ = false;
  bool wants_all_ = false;
  bool asked_all_ = false;  ///< Whether the read `asked_` asks for everything.
};
static_assert(sizeof(Readings) <= 32, "one a program");

/// The reads of a feed: the waiting programs, the requests of the next read, and the progress of
/// the current one.
class Reads {
 public:
  /// Queues the program, unless it is queued already.
  void queue(const std::string& name, Readings& program);
  /// The name of the next program that was queued; dequeue() returns whether it still is.
  std::optional<std::string> next_queued();
  /// Empties the queue. The caller dequeues the programs.
  void clear_queue() { queue_.clear(); }

  /// Adds a request to the next read. Not while a read is in progress.
  void add(history::ReadRequest request, Readings& program);
  [[nodiscard]] bool is_added(const Readings& program) const;
  /// Whether the next read may ask for more.
  [[nodiscard]] bool has_room() const;
  /// Whether the next read asks for anything.
  [[nodiscard]] bool has_requests() const { return !requests_.empty(); }

  void begin();
  /// The store has answered; whether the read counts is not known yet.
  void answered() { phase_ = Phase::answered; }
  /// Ends the read. Returns its requests.
  std::vector<history::ReadRequest> end();
  /// Notes that the current read began before a hole, and does not count.
  void outdate() { outdated_ = true; }

  /// The requests of the next read, or of the current one.
  [[nodiscard]] const std::vector<history::ReadRequest>& requests() const { return requests_; }
  /// The number of the latest read that has begun.
  [[nodiscard]] ReadNumber latest() const { return latest_; }
  [[nodiscard]] bool is_idle() const { return phase_ == Phase::idle; }
  [[nodiscard]] bool is_answered() const { return phase_ == Phase::answered; }
  [[nodiscard]] bool is_outdated() const { return outdated_; }

  /// Whether the current read asks for the program.
  [[nodiscard]] bool is_under_way(const Readings& program) const;
  /// Whether the current read asks for the program and its answer has not come, so that it counts
  /// for a new question.
  [[nodiscard]] bool is_awaited(const Readings& program) const;
  /// Whether that answer will contain everything of the program.
  [[nodiscard]] bool is_all_awaited(const Readings& program) const;

  /// The state of the reads for a question that is asked now.
  [[nodiscard]] Asked now(bool needs_new_reads) const;

 private:
  enum class Phase : std::uint8_t { idle, awaited, answered };

  std::deque<std::string> queue_;  ///< May contain programs that are not queued any more.
  std::vector<history::ReadRequest> requests_;
  std::size_t whole_count_ = 0;  ///< How many of the requests ask for events.
  ReadNumber latest_ = 0;
  Phase phase_ = Phase::idle;
  bool outdated_ = false;
};

/// Limits of one read: on programs of which events are read, and on programs of which only the top
/// is.
constexpr std::size_t whole_reads_max = 8;
constexpr std::size_t top_reads_max = 256;

/// Whether the request is for everything that the store keeps.
[[nodiscard]] inline bool asks_for_all(const history::ReadRequest& request) {
  return request.after == 0;
}
/// Whether the request is for events, not for the top alone.
[[nodiscard]] inline bool asks_for_events(const history::ReadRequest& request) {
  return request.after != after_everything;
}

}  // namespace crier::gateway

#pragma once

// Which reads of the store are to be made, which programs they ask for, and for which questions
// they count. Reads are numbered, and there is one at a time. A program remembers the latest read
// that asked for it and the latest that covered it; a question remembers the latest that had begun
// when it was asked. Values without I/O: the feed carries the requests out and takes the answers.

#include "history/store.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace crier::gateway {

/// Reads no event, only the top.
constexpr history::Gid after_everything = (history::Gid{1} << 53U) - 1;

/// 1 is the first read, 0 is none.
using ReadNumber = std::uint64_t;

/// When a question was asked, as seen from the reads.
struct Asked {
  ReadNumber begun = 0;          ///< The latest read that had begun.
  bool awaited = false;          ///< Its answer had not come yet.
  bool needs_new_reads = false;  ///< What was known then is no answer.
};

/// What has been asked of the store about one program, and what was covered by that.
class Readings {
 public:
  /// False: it stands in the queue already.
  bool enqueue() { return !std::exchange(queued_, true); }
  /// False: it does not stand in the queue.
  bool dequeue() { return std::exchange(queued_, false); }

  /// The next read that asks for the program is to bring everything that the store keeps of it.
  void want_all() { wants_all_ = true; }
  [[nodiscard]] bool wants_all() const { return wants_all_; }

  /// The read asks for the program: for everything of it, or for less.
  void ask(ReadNumber read, bool all);
  [[nodiscard]] bool is_asked_by(ReadNumber read) const { return asked_ == read; }
  [[nodiscard]] bool is_all_asked_by(ReadNumber read) const { return asked_ == read && asked_all_; }

  /// The read counts: all that had been published before it has been heard.
  void cover(ReadNumber read, bool all);
  [[nodiscard]] bool is_covered_by(ReadNumber read) const { return covered_ == read; }
  /// Whether a read that began later than this one has covered the program.
  [[nodiscard]] bool is_covered_after(ReadNumber read) const { return covered_ > read; }

  /// Whether what is known of the program may answer the question.
  [[nodiscard]] bool count_for(const Asked& asked) const;
  /// Whether everything was read for the question. A read whose answer was awaited when it was
  /// asked will do: what was published since is heard.
  [[nodiscard]] bool all_count_for(const Asked& asked) const;

 private:
  ReadNumber asked_ = 0;
  ReadNumber covered_ = 0;
  ReadNumber all_covered_ = 0;  ///< The latest read of everything.
  bool queued_ = false;
  bool wants_all_ = false;
  bool asked_all_ = false;  ///< By the read `asked_`.
};
static_assert(sizeof(Readings) <= 32, "one a program");

/// The reads of a feed: which programs wait, what the next read asks for, and how far the one under
/// way has come.
class Reads {
 public:
  /// The program waits for its turn, once.
  void queue(const std::string& name, Readings& program);
  /// The name of a program that was queued, in order; its `dequeue` tells whether it still is.
  std::optional<std::string> next_queued();
  /// No program waits any more. The caller dequeues them.
  void clear_queue() { queue_.clear(); }

  /// The next read also asks for this. Not while one is under way.
  void add(history::ReadRequest request, Readings& program);
  [[nodiscard]] bool is_added(const Readings& program) const;
  /// Whether the next read may ask for more.
  [[nodiscard]] bool has_room() const;
  /// Whether the next read asks for anything.
  [[nodiscard]] bool has_requests() const { return !requests_.empty(); }

  void begin();
  /// The store has answered; whether the read counts is not known yet.
  void answered() { phase_ = Phase::answered; }
  /// The read is over. Returns what it asked for.
  std::vector<history::ReadRequest> end();
  /// The read under way began before a hole: it does not count.
  void outdate() { outdated_ = true; }

  /// Of the next read or of the one under way.
  [[nodiscard]] const std::vector<history::ReadRequest>& requests() const { return requests_; }
  /// Of the latest read that has begun.
  [[nodiscard]] ReadNumber latest() const { return latest_; }
  [[nodiscard]] bool is_idle() const { return phase_ == Phase::idle; }
  [[nodiscard]] bool is_answered() const { return phase_ == Phase::answered; }
  [[nodiscard]] bool is_outdated() const { return outdated_; }

  /// Whether the read under way asks for the program.
  [[nodiscard]] bool is_under_way(const Readings& program) const;
  /// Whether it does and its answer has not come, so that it serves who asks now.
  [[nodiscard]] bool is_awaited(const Readings& program) const;
  /// Whether that answer brings everything.
  [[nodiscard]] bool is_all_awaited(const Readings& program) const;

  /// For a question that is asked now.
  [[nodiscard]] Asked now(bool needs_new_reads) const;

 private:
  enum class Phase : std::uint8_t { idle, awaited, answered };

  std::deque<std::string> queue_;  ///< Also some that are not queued any more.
  std::vector<history::ReadRequest> requests_;
  std::size_t whole_count_ = 0;  ///< Of those, how many bring events.
  ReadNumber latest_ = 0;
  Phase phase_ = Phase::idle;
  bool outdated_ = false;
};

/// What one read may ask for: everything of so many programs, or the tops of so many.
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

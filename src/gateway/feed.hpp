#pragma once

// The feed of a node: the recent events of its programs, and their delivery to members strictly by
// gid over all programs. A state machine without I/O: the store's answers and notifications go in,
// commands come out, which the caller executes in order.
//
// For each program with a member here, or with a client that is being admitted, the feed holds a
// ring of recent events without a hole: from a store read made after the subscription was confirmed
// up to the latest notification. Clients that reconnect are answered from the rings; the store is
// read once for each program, not for each client. A hole (the connection was lost, or an event
// names a predecessor that was not reported) stops delivery of all programs until all have been
// read again.
//
// A read runs ahead of the notifications: it may contain one program's event while an older one of
// another program is still in transit. So each read is followed by a probe, and counts only when
// everything published before it has been reported: then the rings of all programs end at one
// point.

#include "base/time.hpp"
#include "gateway/readings.hpp"
#include "gateway/ring.hpp"
#include "history/store.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace crier::gateway {

struct FeedOptions {
  /// Limits of each program's ring. They must not be below the store's: clients would get the
  /// verdict `gap` for events that the store still has. `age_max` also limits subscriptions without
  /// members.
  RingBounds ring;
  std::chrono::milliseconds check_interval{5'000};  ///< Each program is checked once in this time.
  std::chrono::milliseconds retry{250};             ///< Pause after a failed read.
  std::chrono::milliseconds patience{5'000};        ///< How long a question waits at most.
  /// Whether to compare tops with the store. False if notifications cannot get lost.
  bool compares = true;
};

/// Limit on the programs that one call compares, trims and releases.
constexpr std::size_t check_slice_max = 256;

struct Subscribe {
  std::string program;
};
struct Unsubscribe {
  std::string program;
};
/// Read the store; answer with store_read(). One at a time.
struct ReadStore {
  std::vector<history::ReadRequest> reads;
};
/// Ask whether all events have been reported; answer with probed(). Not while a read is in
/// progress.
struct ProbeStore {};
/// Events of the program were delivered after a missing one: append a gap marker, so that clients
/// with an earlier cursor are told `gap`.
struct MarkGap {
  std::string program;
};
/// Notifications are incomplete: have the store renew the subscriptions.
struct ListenAgain {};
/// Send the event to the program's members. These commands come in gid order.
struct Deliver {
  std::string program;
  history::Epoch epoch;
  history::Record record;
};
/// Close the transports of the program's members: they reconnect and receive a verdict. Empty
/// program: all members of all programs.
struct CloseMembers {
  std::string program;
  std::string_view reason;  ///< For the log and the metrics.
};
/// The answer to ask(). It contains all events delivered before this command and none after it.
struct Answered {
  std::uint64_t question = 0;
  Result<history::ReadReply, history::StoreError> reply;
};
using FeedCommand = std::variant<Subscribe, Unsubscribe, ReadStore, ProbeStore, ListenAgain,
                                 MarkGap, Deliver, CloseMembers, Answered>;

/// What the admission of a client must know of the client's programs.
struct Question {
  std::vector<history::ReadRequest> reads;  ///< `newest_max` counts; after_everything asks for the
                                            ///< top only.
  history::Epoch epoch;                     ///< The cursor's epoch; empty: it has none.
  history::Gid cursor = 0;                  ///< The client's position.
};

class Feed {
 public:
  /// `has_members` returns whether a program has members at this node.
  Feed(const FeedOptions& options, std::function<bool(const std::string&)> has_members,
       TimePoint now);

  /// The commands to execute, in order. The results of one may be put in before the next is taken.
  /// Questions are answered one at a time, when there is no other command.
  [[nodiscard]] bool has_command();
  FeedCommand next_command();

  /// Follows a program whose member was admitted without a question. The member's transport is
  /// closed when the program is known, because what the member missed is unknown.
  void watch(const std::string& name);

  /// Asks a question. An Answered with the same number follows, once, unless the question is
  /// withdrawn.
  void ask(std::uint64_t question, Question what, TimePoint now);
  void withdraw(std::uint64_t question);

  // From the store.
  void subscribed(const std::string& program);
  void published(history::Published event, TimePoint now);
  void lost();
  void store_read(Result<history::ReadReply, history::StoreError> answer, TimePoint now);
  void probed(bool heard);

  void tick(TimePoint now);
  [[nodiscard]] TimePoint deadline() const;

  /// The program's ring; null if nothing is known of the program. Valid until the next non-const
  /// call.
  [[nodiscard]] const Ring* ring(const std::string& program) const;
  /// The greatest number that a client's cursor may have: the greatest that was delivered or that
  /// an answer contained.
  [[nodiscard]] history::Gid reached() const { return reached_; }
  /// The epoch of the events in the rings; empty: none is known.
  [[nodiscard]] const history::Epoch& epoch() const { return epoch_; }
  /// Whether events are held back because of a hole.
  [[nodiscard]] bool stopped() const { return stopped_; }
  /// How often a comparison has found events in the store that were never reported.
  [[nodiscard]] std::uint64_t times_deaf() const { return times_deaf_; }
  /// Number of events that wait until a program has been read.
  [[nodiscard]] std::size_t held_count() const { return held_.size(); }
  [[nodiscard]] std::size_t program_count() const { return programs_.size(); }
  /// Programs whose events the store can neither keep nor read, according to the latest reads.
  [[nodiscard]] const std::set<std::string, std::less<>>& broken() const { return broken_; }

 private:
  enum class State : std::uint8_t {
    subscribing,
    unread,  ///< Subscribed; earlier events must be read.
    read,    ///< They have been read; events that the read is ahead of must still be reported.
    live,
  };
  /// An event that was reported for a program that is not live, or while delivery is stopped.
  struct Heard {
    history::Published event;
    ReadNumber read = 0;  ///< The latest read that had begun by then.
  };
  struct Program {
    Readings readings;
    State state = State::subscribing;
    bool known = false;             ///< The ring is valid.
    bool alone_when_asked = false;  ///< There was no member when the program's latest read began.
    bool compared = false;          ///< Compared with the store since the last member left.
    /// While events may be missing above the top: the greatest number that the cursor of a member,
    /// or of a former member, may have. 0: no cursor is above the top.
    history::Gid passed_to = 0;
    std::uint32_t questions = 0;
    std::uint32_t event_questions = 0;  ///< Number of questions that ask for more than the top.
    history::Gid whole_to = 0;          ///< No event is missing up to here, as reads have shown.
    Ring ring;
    TimePoint idle_since = never;

    [[nodiscard]] bool is_wanted() const { return known || questions > 0; }
    /// Whether the store's events above the ring must be read.
    [[nodiscard]] bool lacks_the_latest() const { return state == State::unread && known; }
    /// The number above which the next read begins.
    [[nodiscard]] history::Gid missing_above() const;
    /// Whether the ring does not reach as far back as the request.
    [[nodiscard]] bool needs_all(const history::ReadRequest& read) const;
    /// Whether all of the program must be read for that question.
    [[nodiscard]] bool lacks_all(const history::ReadRequest& read, const Asked& asked) const;
  };
  static_assert(sizeof(Program) <= 176, "one for each program that a node knows");
  struct Waiting {
    Question what;
    /// The question is for several programs, and the rings did not suffice for all: one read must
    /// cover them all. A node that misses notifications of one would otherwise combine old and new
    /// state.
    bool mixed = false;
    bool is_answerable = false;  ///< Found answerable, and in answerable_.
    Asked asked;
    TimePoint give_up_at = never;
  };
  using Programs = std::map<std::string, Program, std::less<>>;

  template <class Command>
  void say(Command command) {
    commands_.emplace_back(std::move(command));
  }
  Program& want(const std::string& name);
  void queue(const std::string& name, Program& program);
  /// Null if the program was released.
  [[nodiscard]] Program* find(const std::string& name);
  /// The program of a waiting question, which is never released.
  [[nodiscard]] Program& program_of(const history::ReadRequest& read);
  [[nodiscard]] const Program& program_of(const history::ReadRequest& read) const;

  [[nodiscard]] history::Gid known_of(const Question& what) const;
  [[nodiscard]] bool is_doubtful(const Question& what) const;
  [[nodiscard]] bool was_broken(const std::string& name, const Program& program,
                                const Asked& asked) const;
  [[nodiscard]] bool is_uneven(const Question& what) const;
  [[nodiscard]] bool is_covered(const Question& what) const;
  [[nodiscard]] bool is_answerable(const Waiting& waiting) const;
  [[nodiscard]] bool is_answerable(const history::ReadRequest& read, const Asked& asked) const;
  void read_for(const history::ReadRequest& read, Program& program, const Asked& asked);
  [[nodiscard]] history::ReadReply answer(const Waiting& waiting) const;
  void answer_questions();
  void answer_next();
  void want_lacking(Waiting& waiting);
  void fail_questions();
  void end(std::map<std::uint64_t, Waiting>::iterator waiting,
           Result<history::ReadReply, history::StoreError> reply);

  [[nodiscard]] bool is_retired(const history::Epoch& epoch) const;
  [[nodiscard]] bool is_yet_to_be_read(const Program& program) const;
  [[nodiscard]] bool is_held_back(const Program& program) const;
  void take(const std::string& name, Program& program, history::Record record, ReadNumber heard);
  void stop();
  void begin_anew(const std::string& name, Program& program, bool wanted);
  void note_answered(const Question& what, const history::ReadReply& reply);
  void note_passed(const std::string& name, Program& program);
  void renew(const history::Epoch& epoch);

  void pump();
  void collect_reads();
  void add_read(const std::string& name, Program& program);
  void add_mixed();
  [[nodiscard]] bool fits_one_read(const Question& what) const;
  void read_again(const std::vector<history::ReadRequest>& reads);
  void note_epoch(const history::Epoch& epoch);
  void cover(const history::ReadRequest& read);
  void adopt(const std::string& name, Program& program, history::Kept kept);
  void note_broken(const std::string& name, bool broken);
  void begin(Program& program, history::Kept kept);
  void resume(const std::string& name, Program& program, history::Kept kept);
  void replay_heard();
  void release_if_read();
  bool reads_once_more();

  void check_slice();
  void check(const std::string& name, Program& program);
  [[nodiscard]] bool is_over(const std::string& name, Program& program);
  Programs::iterator let_go(Programs::iterator at);
  void find_deaf(const std::vector<std::pair<std::string, history::Gid>>& tops);
  void tell_of_gap(const std::string& name, std::string_view reason);

  void forget_ring(Program& program);

  FeedOptions options_;
  std::function<bool(const std::string&)> has_members_;
  std::deque<FeedCommand> commands_;
  Programs programs_;
  std::set<std::string, std::less<>> broken_;  ///< The names of broken programs.
  std::map<std::uint64_t, Waiting> questions_;
  std::deque<std::uint64_t> answerable_;  ///< May contain withdrawn questions.
  history::Epoch epoch_;                  ///< Empty: none is known.
  std::deque<history::Epoch> retired_;    ///< Left epochs; events of these are late, or belong to
                                          ///< another history.
  history::Gid floor_ = 0;
  history::Gid clock_ = 0;  ///< The store's clock at the latest read.
  history::Gid last_ = 0;   ///< The store's greatest number at that time.
  /// All events of live programs up to here have been reported, as the latest read shows.
  history::Gid heard_to_ = 0;
  history::Gid heard_ = 0;    ///< The greatest number reported.
  history::Gid seen_ = 0;     ///< The greatest number known here.
  history::Gid reached_ = 0;  ///< See reached().
  bool stopped_ = false;
  bool read_twice_ = false;  ///< reads_once_more() was true since delivery stopped.
  std::vector<Heard> held_;

  Reads reads_;
  TimePoint now_;  ///< The time of the latest call.
  TimePoint retry_at_ = never;
  TimePoint check_at_;                                      ///< The time of the next slice.
  TimePoint round_at_;                                      ///< The time of the round's first
                                                            ///< slice.
  Duration slice_time_{};                                   ///< The time between slices.
  std::string checked_up_to_;                               ///< The last program checked in this
                                                            ///< round.
  std::vector<std::pair<std::string, history::Gid>> tops_;  ///< The tops to compare after the
                                                            ///< probe.
  std::uint64_t times_deaf_ = 0;
};

}  // namespace crier::gateway

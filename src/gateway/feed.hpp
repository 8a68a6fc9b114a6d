#pragma once

// What a node knows of its programs' events, and in which order its members get them: one source,
// strictly by gid over all programs. A state machine without I/O: what the store says goes in,
// commands come out, to be carried out in order.
//
// Of each program that somebody here is, or wants to be, a member of, the feed holds a ring of
// recent events without a hole, from a store read made after the subscription was confirmed up to
// the latest that was heard. Whoever comes back is answered from the rings; the store is read once
// a program, not once a client. A hole (the connection was lost, or an event names a predecessor
// that nobody heard) stops delivery of all programs until all have been read again.
//
// A read runs ahead of what is heard: it may know of one program's event while an older one of
// another program is still under way. So each read is followed by a probe, and counts only when all
// that was published before it has been heard: then the rings of all programs end at one point.

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
  /// Bounds of each program's ring. They must not be below the store's: clients would be told `gap`
  /// for events that the store still has. `age_max` also bounds subscriptions without members.
  RingBounds ring;
  std::chrono::milliseconds check_interval{5'000};  ///< In which each program has its turn once.
  std::chrono::milliseconds retry{250};             ///< After a read that failed.
  std::chrono::milliseconds patience{5'000};        ///< How long a question waits at most.
  /// Compares tops with the store: not where what is published cannot get lost on its way here.
  bool compares = true;
};

/// Of all programs so many have their turn in one call: to be compared, trimmed and let go of.
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
/// Ask whether all has been heard; answer with probed(). Not while a read is under way.
struct ProbeStore {};
/// Events of the program were delivered beyond one that was not: append a gap marker, so that
/// whoever has a cursor from before is told.
struct MarkGap {
  std::string program;
};
/// What is heard is not all that is published: have it begin anew.
struct ListenAgain {};
/// Send it to the program's members. Commands of this kind come in gid order.
struct Deliver {
  std::string program;
  history::Epoch epoch;
  history::Record record;
};
/// Close the transports of the program's members: they come back and are told. No program: of all.
struct CloseMembers {
  std::string program;
  std::string_view reason;  ///< For the log and the metrics.
};
/// The answer to ask(). All that was delivered before this command is in it, nothing after it is.
struct Answered {
  std::uint64_t question = 0;
  Result<history::ReadReply, history::StoreError> reply;
};
using FeedCommand = std::variant<Subscribe, Unsubscribe, ReadStore, ProbeStore, ListenAgain,
                                 MarkGap, Deliver, CloseMembers, Answered>;

/// What somebody who is to become a member has to know of its programs.
struct Question {
  std::vector<history::ReadRequest> reads;  ///< `newest_max` counts; after_everything: only tops.
  history::Epoch epoch;                     ///< Of the cursor; empty: it has none.
  history::Gid cursor = 0;                  ///< Where the asker stands.
};

class Feed {
 public:
  /// `has_members` tells whether a program has members at this node.
  Feed(const FeedOptions& options, std::function<bool(const std::string&)> has_members,
       TimePoint now);

  /// Commands to carry out, in order; what they cause may be put in before the next is taken.
  /// Questions are answered one at a time, when nothing else is to be done.
  [[nodiscard]] bool has_command();
  FeedCommand next_command();

  /// Follows a program of which somebody is a member without having asked: it is closed when the
  /// program is known, because nobody can say what it has missed.
  void watch(const std::string& name);

  /// Answered by an Answered with the same number, once, unless it is withdrawn.
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

  /// What is held of a program; null if nothing is known of it. Good until the next call that is
  /// not const.
  [[nodiscard]] const Ring* ring(const std::string& program) const;
  /// How far a client's cursor may have come: the greatest number that was delivered, or that an
  /// answer told.
  [[nodiscard]] history::Gid reached() const { return reached_; }
  /// Of the events in the rings; empty: none known.
  [[nodiscard]] const history::Epoch& epoch() const { return epoch_; }
  /// Whether events are being held back because there is a hole.
  [[nodiscard]] bool stopped() const { return stopped_; }
  /// How often it found that it had heard less than the store has, without being told.
  [[nodiscard]] std::uint64_t times_deaf() const { return times_deaf_; }
  /// Events that wait until a program has been read.
  [[nodiscard]] std::size_t held_count() const { return held_.size(); }
  [[nodiscard]] std::size_t program_count() const { return programs_.size(); }
  /// Programs whose events the store can neither keep nor read, as the latest reads say.
  [[nodiscard]] const std::set<std::string, std::less<>>& broken() const { return broken_; }

 private:
  enum class State : std::uint8_t {
    subscribing,
    unread,  ///< Subscribed; what came before has to be read.
    read,    ///< And has been; what it is ahead of has to be heard.
    live,
  };
  /// Of a program that is not live, or while stopped.
  struct Heard {
    history::Published event;
    ReadNumber read = 0;  ///< The latest that had begun when it was heard.
  };
  struct Program {
    Readings readings;
    State state = State::subscribing;
    bool known = false;             ///< The ring means something.
    bool alone_when_asked = false;  ///< Nobody was a member when the latest read of it began.
    bool compared = false;          ///< With the store, since the last member left.
    /// While events may be missing above its top: the greatest number that the cursor of a member,
    /// or of one that left, may have. 0: no cursor is beyond the top.
    history::Gid passed_to = 0;
    std::uint32_t questions = 0;
    std::uint32_t event_questions = 0;  ///< Of these, how many ask for more than the top.
    history::Gid whole_to = 0;          ///< Nothing is missing up to here, as reads show.
    Ring ring;
    TimePoint idle_since = never;

    [[nodiscard]] bool is_wanted() const { return known || questions > 0; }
    /// Whether what the store has above the ring has to be read.
    [[nodiscard]] bool lacks_the_latest() const { return state == State::unread && known; }
    /// The number above which the store is to be read next.
    [[nodiscard]] history::Gid missing_above() const;
    /// Whether the ring does not reach as far back as the request.
    [[nodiscard]] bool needs_all(const history::ReadRequest& read) const;
    /// Whether, for that, everything has to be read for the question.
    [[nodiscard]] bool lacks_all(const history::ReadRequest& read, const Asked& asked) const;
  };
  static_assert(sizeof(Program) <= 176, "one for each program that a node knows");
  struct Waiting {
    Question what;
    /// Of several programs that were not all to be answered from the rings: one read has to cover
    /// them all, or a node that was deaf to one would mix what it knew then with what it reads now.
    bool mixed = false;
    bool is_answerable = false;  ///< Was, and is in answerable_.
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
  /// Null: it was let go of.
  [[nodiscard]] Program* find(const std::string& name);
  /// Of a question that waits: such a program is not let go of.
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
  std::set<std::string, std::less<>> broken_;  ///< Of these.
  std::map<std::uint64_t, Waiting> questions_;
  std::deque<std::uint64_t> answerable_;  ///< Also some that were withdrawn.
  history::Epoch epoch_;                  ///< Empty: none known.
  std::deque<history::Epoch> retired_;    ///< Events of these come late, or show another history.
  history::Gid floor_ = 0;
  history::Gid clock_ = 0;  ///< The store's, the latest that was read,
  history::Gid last_ = 0;   ///< and its greatest number then.
  /// What is live has been heard up to here, as the latest read shows.
  history::Gid heard_to_ = 0;
  history::Gid heard_ = 0;    ///< The greatest number that was heard,
  history::Gid seen_ = 0;     ///< the greatest known here,
  history::Gid reached_ = 0;  ///< and as reached().
  bool stopped_ = false;
  bool read_twice_ = false;  ///< All that has members, since it stopped.
  std::vector<Heard> held_;

  Reads reads_;
  TimePoint now_;  ///< The latest that was told.
  TimePoint retry_at_ = never;
  TimePoint check_at_;                                      ///< The next slice.
  TimePoint round_at_;                                      ///< When the first slice was due,
  Duration slice_time_{};                                   ///< how long after each the next is,
  std::string checked_up_to_;                               ///< and up to where they have come.
  std::vector<std::pair<std::string, history::Gid>> tops_;  ///< To be compared after the probe.
  std::uint64_t times_deaf_ = 0;
};

}  // namespace crier::gateway

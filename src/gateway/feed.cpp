// Delivers published events in order, stops at holes, and compares the programs with the store. The
// other parts of the feed are feed_reads.cpp and feed_questions.cpp.

#include "gateway/feed.hpp"

#include "history/verdict.hpp"

#include <algorithm>
#include <utility>

namespace crier::gateway {

namespace {

using history::Gid;
using history::Published;
using history::ReadRequest;
using history::Record;
using history::StoreError;

constexpr std::size_t retired_max = 8;

}  // namespace

Feed::Feed(const FeedOptions& options, std::function<bool(const std::string&)> has_members,
           TimePoint now)
    : options_(options),
      has_members_(std::move(has_members)),
      now_(now),
      check_at_(now + options.check_interval) {}

bool Feed::has_command() {
  while (commands_.empty() && !answerable_.empty()) answer_next();
  return !commands_.empty();
}

const Ring* Feed::ring(const std::string& program) const {
  const auto found = programs_.find(program);
  return found == programs_.end() || !found->second.known ? nullptr : &found->second.ring;
}

FeedCommand Feed::next_command() {
  FeedCommand command = std::move(commands_.front());
  commands_.pop_front();
  return command;
}

Feed::Program& Feed::want(const std::string& name) {
  const auto [at, is_new] = programs_.try_emplace(name);
  at->second.idle_since = never;
  at->second.compared = at->second.alone_when_asked = false;
  if (is_new) say(Subscribe{name});
  return at->second;
}

void Feed::queue(const std::string& name, Program& program) {
  reads_.queue(name, program.readings);
}

Feed::Program* Feed::find(const std::string& name) {
  const auto at = programs_.find(name);
  return at == programs_.end() ? nullptr : &at->second;
}

Feed::Program& Feed::program_of(const ReadRequest& read) {
  return programs_.find(read.program)->second;
}

const Feed::Program& Feed::program_of(const ReadRequest& read) const {
  return programs_.find(read.program)->second;
}

void Feed::watch(const std::string& name) {
  Program& program = want(name);
  if (program.state != State::unread) return;
  queue(name, program);
  pump();
}

// Notifications.

void Feed::subscribed(const std::string& name) {
  Program* const program = find(name);
  if (program == nullptr || program->state != State::subscribing) return;
  program->state = State::unread;
  if (program->is_wanted() || has_members_(name)) queue(name, *program);
  pump();
}

void Feed::published(Published event, TimePoint now) {
  now_ = now;
  const auto at = programs_.find(event.program);
  if (at == programs_.end() || at->second.state == State::subscribing) return;
  Program& program = at->second;
  if (is_retired(event.epoch)) {
    if (program.state == State::live) queue(at->first, program);  // did the store lose events?
    return pump();
  }
  if (!epoch_.empty() && event.epoch != epoch_) renew(event.epoch);
  if (event.epoch == epoch_) heard_ = std::max(heard_, event.record.gid);
  if (is_yet_to_be_read(program)) return pump();
  if (is_held_back(program)) {
    held_.push_back({std::move(event), reads_.latest()});
  } else {
    take(at->first, program, std::move(event.record), reads_.latest());
    release_if_read();
  }
  pump();
}

/// Whether the epoch is one that the feed has left.
bool Feed::is_retired(const history::Epoch& epoch) const {
  return epoch != epoch_ && std::ranges::find(retired_, epoch) != retired_.end();
}

/// Whether the program waits for its first read, which will contain the events published now.
bool Feed::is_yet_to_be_read(const Program& program) const {
  return program.state == State::unread && !program.known && !reads_.is_under_way(program.readings);
}

/// Whether events of the program are not delivered now.
bool Feed::is_held_back(const Program& program) const {
  return stopped_ || program.state != State::live;
}

/// Delivers the next event of a live program.
void Feed::take(const std::string& name, Program& program, Record record, ReadNumber heard) {
  if (record.gid <= program.ring.top()) return;
  if (record.prev > program.ring.top()) {
    // If a read that began after the notification does not contain the event, it was never
    // published.
    if (program.readings.is_covered_after(heard)) return;
    stop();
    held_.push_back({{epoch_, name, std::move(record)}, heard});
    return;
  }
  seen_ = std::max(seen_, record.gid);
  reached_ = std::max(reached_, record.gid);
  if (history::is_gap_marker(record)) {
    say(CloseMembers{name, "gap"});
  } else {
    say(Deliver{name, epoch_, record});
  }
  program.ring.push(std::move(record), now_);
  program.ring.trim(options_.ring, now_);
}

void Feed::lost() {
  held_.clear();
  reads_.clear_queue();
  for (auto& [name, program] : programs_) {
    program.readings.dequeue();
    note_passed(name, program);
    program.state = State::subscribing;
  }
  stopped_ = true;
  read_twice_ = false;
  reads_.outdate();
  release_if_read();
}

/// Stops delivery at a hole: no program continues before all have been read.
void Feed::stop() {
  if (stopped_) return;
  read_twice_ = false;
  reads_.outdate();
  for (auto& [name, program] : programs_) {
    note_passed(name, program);
    begin_anew(name, program, program.is_wanted());
  }
  stopped_ = true;
}

/// Discards what was read of the program; it must be read again.
void Feed::begin_anew(const std::string& name, Program& program, bool wanted) {
  if (program.state == State::subscribing) return;
  program.state = State::unread;
  if (wanted) queue(name, program);
}

/// Remembers how far cursors may have passed the program's top, above which events may be missing.
/// Events of other programs move the cursors of its members. Members that left count until the
/// program has been compared with the store once more.
void Feed::note_passed(const std::string& name, Program& program) {
  if (!program.known) return;
  if (program.state == State::live && !stopped_) {
    program.whole_to = std::max(program.whole_to, heard_to_);
  }
  if (options_.compares && !program.compared && reached_ > program.ring.top()) {
    program.passed_to = reached_;
  }
  if (program.passed_to == 0 && !has_members_(name)) forget_ring(program);
}

/// Enters a new epoch of the store and forgets everything known of the old one.
void Feed::renew(const history::Epoch& epoch) {
  std::erase(retired_, epoch);
  retired_.push_back(std::exchange(epoch_, epoch));
  if (retired_.size() > retired_max) retired_.pop_front();
  floor_ = clock_ = last_ = 0;
  heard_to_ = heard_ = seen_ = reached_ = 0;
  reads_.outdate();
  stopped_ = false;
  std::erase_if(held_, [&](const Heard& heard) { return heard.event.epoch != epoch; });
  say(CloseMembers{{}, "reset"});
  for (auto& [name, program] : programs_) {
    const bool wanted = program.is_wanted();
    forget_ring(program);
    begin_anew(name, program, wanted);
  }
}

// Continuing after a hole.

/// Handles the notifications that came while programs were not live.
void Feed::replay_heard() {
  std::vector<Heard> all = std::exchange(held_, {});
  std::ranges::sort(all, {}, [](const Heard& heard) { return heard.event.record.gid; });
  for (auto& heard : all) {
    const auto at = programs_.find(heard.event.program);
    if (at == programs_.end() || heard.event.epoch != epoch_) continue;
    if (is_yet_to_be_read(at->second)) continue;
    if (is_held_back(at->second)) {
      held_.push_back(std::move(heard));
    } else {
      take(at->first, at->second, std::move(heard.event.record), heard.read);
    }
  }
}

/// Continues delivery when all programs with members have been read. This may reveal another hole.
void Feed::release_if_read() {
  const auto is_read = [this] {
    return std::ranges::none_of(programs_, [this](const auto& entry) {
      return entry.second.known && entry.second.state != State::live && has_members_(entry.first);
    });
  };
  while (stopped_ && is_read() && !reads_once_more()) {
    stopped_ = false;
    replay_heard();
  }
}

/// Whether all programs with members are read again, in one read, because reads of different times
/// reach farther than the notifications. A node that misses notifications would send the later
/// events of one program, and cursors would pass missing events of another. If one read cannot hold
/// all programs, the comparison detects that case.
bool Feed::reads_once_more() {
  if (!options_.compares || read_twice_) return false;
  std::vector<Programs::iterator> all;
  Gid whole_to = after_everything;
  for (auto at = programs_.begin(); at != programs_.end(); ++at) {
    if (!at->second.known || !has_members_(at->first)) continue;
    all.push_back(at);
    whole_to = std::min(whole_to, at->second.whole_to);
  }
  if (all.size() < 2 || all.size() > whole_reads_max) return false;
  if (seen_ <= std::max(whole_to, heard_)) return false;
  for (const auto at : all) {
    at->second.state = State::unread;
    queue(at->first, at->second);
  }
  return read_twice_ = true;
}

// Comparison with the store.

/// Checks the next slice of the programs; each program has its turn once in an interval.
void Feed::check_slice() {
  if (checked_up_to_.empty()) {
    const auto slices = programs_.size() / check_slice_max + 1;
    slice_time_ = Duration(options_.check_interval) / static_cast<Duration::rep>(slices);
    round_at_ = now_;
  }
  auto at = programs_.upper_bound(checked_up_to_);
  for (std::size_t left = check_slice_max; left > 0 && at != programs_.end(); --left) {
    checked_up_to_ = at->first;
    check(at->first, at->second);
    at = is_over(at->first, at->second) ? let_go(at) : std::next(at);
  }
  if (at == programs_.end()) checked_up_to_.clear();
  check_at_ = checked_up_to_.empty() ? std::max(round_at_ + options_.check_interval, now_)
                                     : now_ + slice_time_;
  pump();
}

void Feed::check(const std::string& name, Program& program) {
  program.ring.trim(options_.ring, now_);
  // A broken program is read again, because nothing else may ever show that it is whole again.
  if (program.state != State::subscribing && broken_.contains(name)) return queue(name, program);
  if (has_members_(name)) program.compared = false;
  if (!options_.compares || stopped_ || program.state != State::live) return;
  if (!program.compared) queue(name, program);  // once more after its last member has left
}

/// Finds programs whose events in the store were not reported. All earlier notifications have
/// arrived.
void Feed::find_deaf(const std::vector<std::pair<std::string, Gid>>& tops) {
  bool deaf = false;
  for (const auto& [name, top] : tops) {
    const auto at = programs_.find(name);
    if (at == programs_.end() || stopped_) continue;
    Program& program = at->second;
    if (program.state != State::live || program.ring.top() >= top) continue;
    ++times_deaf_;
    tell_of_gap(name, "deaf");
    forget_ring(program);
    program.state = State::unread;
    deaf = true;
  }
  if (!deaf) return;
  say(ListenAgain{});
  lost();  // the other rings may be outdated, too
}

/// Handles a gap that clients' cursors have passed: only a gap marker in the history can inform
/// those clients.
void Feed::tell_of_gap(const std::string& name, std::string_view reason) {
  say(MarkGap{name});
  say(CloseMembers{name, reason});
}

// Time.

void Feed::tick(TimePoint now) {
  now_ = now;
  while (!questions_.empty() && questions_.begin()->second.give_up_at <= now) {
    end(questions_.begin(), Unexpected{StoreError::unavailable});
  }
  if (retry_at_ <= now) {
    retry_at_ = never;
    pump();
  }
  if (check_at_ <= now) check_slice();
}

/// Whether nobody has used the program for a long time.
bool Feed::is_over(const std::string& name, Program& program) {
  const bool idle = program.questions == 0 && !has_members_(name);
  if (!idle) program.idle_since = never;
  if (idle && program.idle_since == never) program.idle_since = now_;
  return idle && now_ - program.idle_since >= options_.ring.age_max;
}

Feed::Programs::iterator Feed::let_go(Programs::iterator at) {
  forget_ring(at->second);
  broken_.erase(at->first);
  say(Unsubscribe{at->first});
  std::erase_if(held_, [&](const Heard& heard) { return heard.event.program == at->first; });
  return programs_.erase(at);
}

TimePoint Feed::deadline() const {
  const TimePoint next = std::min(retry_at_, check_at_);
  return questions_.empty() ? next : std::min(next, questions_.begin()->second.give_up_at);
}

void Feed::forget_ring(Program& program) {
  program.passed_to = 0;
  program.ring.clear();
  program.known = false;
}

}  // namespace crier::gateway

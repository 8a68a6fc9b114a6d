#include "gateway/feed.hpp"

#include "history/verdict.hpp"

#include <algorithm>
#include <utility>

namespace crier::gateway {

namespace {

using history::Gid;
using history::Kept;
using history::Published;
using history::ReadReply;
using history::Record;
using history::StoreError;

constexpr std::size_t whole_reads_max = 8;  // what one read may ask for: everything of so many
constexpr std::size_t top_reads_max = 256;  // programs, or the tops of so many
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
  if (std::exchange(program.queued, true)) return;
  to_read_.push_back(name);
}

void Feed::watch(const std::string& name) {
  Program& program = want(name);
  if (program.state != State::unread) return;
  queue(name, program);
  pump();
}

// What is heard.

void Feed::subscribed(const std::string& name) {
  const auto at = programs_.find(name);
  if (at == programs_.end() || at->second.state != State::subscribing) return;
  Program& program = at->second;
  program.state = State::unread;
  if (program.known || program.questions > 0 || has_members_(name)) queue(name, program);
  pump();
}

void Feed::published(Published event, TimePoint now) {
  now_ = now;
  const auto at = programs_.find(event.program);
  if (at == programs_.end() || at->second.state == State::subscribing) return;
  if (!epoch_.empty() && event.epoch != epoch_) {
    if (std::ranges::find(retired_, event.epoch) != retired_.end()) {
      if (at->second.state == State::live) queue(at->first, at->second);  // has it gone back?
      return pump();
    }
    renew(event.epoch);
  }
  if (event.epoch == epoch_) heard_ = std::max(heard_, event.record.gid);
  Program& program = at->second;
  if (is_yet_to_be_read(program)) return pump();
  if (stopped_ || program.state != State::live) {
    held_.push_back({std::move(event), serial_});
  } else {
    take(at->first, program, std::move(event.record), serial_);
    release_if_read();
  }
  pump();
}

/// Whether the program waits for its first read: that will bring what is heard now.
bool Feed::is_yet_to_be_read(const Program& program) const {
  const bool reading = busy_ != Busy::no && program.asked_serial == serial_;
  return program.state == State::unread && !program.known && !reading;
}

/// One more event of a program that is live.
void Feed::take(const std::string& name, Program& program, Record record, std::uint64_t heard) {
  if (record.gid <= program.ring.top()) return;
  if (record.prev > program.ring.top()) {
    // What a read that began after it was heard does not know of was never published.
    if (program.read_serial > heard) return;
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
  for (const auto& name : std::exchange(to_read_, {})) {
    if (const auto at = programs_.find(name); at != programs_.end()) at->second.queued = false;
  }
  for (auto& [name, program] : programs_) {
    note_passed(name, program);
    program.state = State::subscribing;
  }
  stopped_ = true;
  read_twice_ = false;
  stale_ = true;
  release_if_read();
}

/// There is a hole: no program goes on before all have been read.
void Feed::stop() {
  if (stopped_) return;
  read_twice_ = false;
  stale_ = true;
  for (auto& [name, program] : programs_) {
    note_passed(name, program);
    if (program.state != State::subscribing) program.state = State::unread;
    if (program.state == State::unread && (program.known || program.questions > 0)) {
      queue(name, program);
    }
  }
  stopped_ = true;
}

/// Remembers how far cursors may have moved past the program's top, where events may be missing.
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

/// The store has begun anew: nothing that is known counts.
void Feed::renew(const history::Epoch& epoch) {
  std::erase(retired_, epoch);
  retired_.push_back(std::exchange(epoch_, epoch));
  if (retired_.size() > retired_max) retired_.pop_front();
  floor_ = clock_ = last_ = 0;
  heard_to_ = heard_ = seen_ = reached_ = 0;
  stale_ = true;
  stopped_ = false;
  std::erase_if(held_, [&](const Heard& heard) { return heard.event.epoch != epoch; });
  say(CloseMembers{{}, "reset"});
  for (auto& [name, program] : programs_) {
    const bool wanted = program.known || program.questions > 0;
    forget_ring(program);
    if (program.state != State::subscribing) program.state = State::unread;
    if (program.state == State::unread && wanted) queue(name, program);
  }
}

// Reading.

void Feed::pump() {
  if (busy_ != Busy::no || retry_at_ != never) return;
  collect_reads();
  if (reading_.empty() && stopped_) {
    // The last members may have left since the feed stopped: then no read ends the stop.
    release_if_read();
    answer_questions();
    collect_reads();
  }
  if (reading_.empty()) return;
  ++serial_;
  busy_ = Busy::reading;
  stale_ = false;
  say(ReadStore{reading_});
}

void Feed::collect_reads() {
  whole_reads_ = 0;
  add_mixed();
  while (!to_read_.empty() && whole_reads_ < whole_reads_max && reading_.size() < top_reads_max) {
    const std::string name = std::move(to_read_.front());
    to_read_.pop_front();
    const auto at = programs_.find(name);
    if (at == programs_.end() || !std::exchange(at->second.queued, false)) continue;
    if (at->second.state != State::subscribing) add_read(name, at->second);
  }
}

/// Adds to the next read what the program lacks, at least its top.
void Feed::add_read(const std::string& name, Program& program) {
  program.queued = false;
  if (program.asked_serial == serial_ + 1) return;
  history::ReadRequest read{name, after_everything, 0};
  if (program.state == State::unread && program.known) read.after = program.ring.top();
  const bool lost_all =
      program.state == State::unread && !program.known && program.event_questions > 0;
  if (std::exchange(program.want_all, false) || lost_all) read.after = 0;
  if (read.after != after_everything) ++whole_reads_;
  program.asked_serial = serial_ + 1;
  program.alone_when_asked = !has_members_(name) && program.questions == 0;
  if (read.after == 0) program.all_asked_serial = serial_ + 1;
  reading_.push_back(std::move(read));
}

/// The programs of a question come in one read, unless so much has to be read that they first come
/// by and by.
void Feed::add_mixed() {
  for (const auto& [number, waiting] : questions_) {
    if (whole_reads_ >= whole_reads_max || reading_.size() >= top_reads_max) return;
    if (!waiting.mixed) continue;
    std::size_t whole = 0;
    bool subscribed = true;
    for (const auto& read : waiting.what.reads) {
      const Program& program = programs_.find(read.program)->second;
      subscribed = subscribed && program.state != State::subscribing;
      const bool added = program.asked_serial == serial_ + 1;
      const bool tops = !program.want_all && !(program.state == State::unread && program.known);
      if (!added && !tops) ++whole;
    }
    if (!subscribed || whole > whole_reads_max) continue;
    for (const auto& read : waiting.what.reads) {
      add_read(read.program, programs_.find(read.program)->second);
    }
  }
}

/// Puts back what has been asked for in vain.
void Feed::read_again(const std::vector<history::ReadRequest>& reads) {
  for (const auto& read : reads) {
    const auto at = programs_.find(read.program);
    if (at == programs_.end()) continue;
    if (read.after == 0) at->second.want_all = true;
    if (at->second.state != State::subscribing) queue(read.program, at->second);
  }
}

void Feed::store_read(Result<ReadReply, StoreError> answer, TimePoint now) {
  now_ = now;
  busy_ = Busy::no;
  if (!answer) {
    read_again(std::exchange(reading_, {}));
    retry_at_ = now + options_.retry;
    return fail_questions();
  }
  if (!stale_ && epoch_.empty()) epoch_ = answer->epoch;
  if (!stale_ && epoch_ != answer->epoch) renew(answer->epoch);
  if (stale_) {
    read_again(std::exchange(reading_, {}));
    return pump();
  }
  floor_ = std::max(floor_, answer->floor);
  clock_ = std::max(clock_, answer->clock);
  last_ = std::max(last_, answer->last);
  tops_.clear();
  for (Kept& kept : answer->programs) {
    const auto at = programs_.find(kept.program);
    if (at == programs_.end()) continue;
    tops_.emplace_back(at->first, kept.top);
    note_broken(at->first, kept.broken);
    adopt(at->first, at->second, std::move(kept));
  }
  busy_ = Busy::probing;
  say(ProbeStore{});
}

/// Whoever is a member of a program that is broken now has to come back to be told.
void Feed::note_broken(const std::string& name, bool broken) {
  if (!broken) {
    broken_.erase(name);
  } else if (broken_.insert(name).second && has_members_(name)) {
    say(CloseMembers{name, "broken"});
  }
}

void Feed::adopt(const std::string& name, Program& program, Kept kept) {
  const bool complete = kept.records.empty() || kept.records.back().gid == kept.top;
  keep_chain(kept.records);
  if (!complete) kept.records.clear();
  if (program.known) {
    program.ring.fill(kept, now_);
    program.ring.trim(options_.ring, now_);
  }
  if (program.state != State::unread) return;
  program.state = State::read;
  // Without a member or such a cursor nobody can have missed an event.
  const bool members = has_members_(name);
  if (program.known && (members || program.passed_to != 0))
    return resume(name, program, std::move(kept));
  if (members) say(CloseMembers{name, "unknown"});
  begin(program, std::move(kept));
}

/// Of a program of which nothing was known.
void Feed::begin(Program& program, Kept kept) {
  program.passed_to = 0;
  program.ring.begin(std::move(kept), now_);
  program.ring.trim(options_.ring, now_);
  program.whole_to = std::max(last_, floor_);
  program.known = true;
}

/// Of a program whose members have had everything up to its top.
void Feed::resume(const std::string& name, Program& program, Kept kept) {
  const auto first = std::ranges::upper_bound(kept.records, program.ring.top(), {}, &Record::gid);
  const bool some = first != kept.records.end();
  const bool whole = some ? first->prev <= program.ring.top() : kept.top <= program.ring.top();
  // One that the store had forgotten counts from the beginning again. What it forgot is not above
  // its floor.
  const bool forgotten = kept.top == 0 || (some && first->prev == 0);
  const bool may_lack = floor_ > program.whole_to;
  if (!whole || (forgotten && may_lack)) {
    if (program.passed_to != 0) {
      tell_of_gap(name, "gap");
    } else {
      say(CloseMembers{name, "gap"});
    }
    return begin(program, std::move(kept));
  }
  if (some && first->gid <= program.passed_to) {
    tell_of_gap(name, "delivered beyond a hole");
    return begin(program, std::move(kept));
  }
  program.passed_to = 0;
  for (auto at = first; at != kept.records.end(); ++at) {
    held_.push_back({{epoch_, name, std::move(*at)}, UINT64_MAX});
  }
}

/// The client's cursors have passed what they lack: only the history can tell them.
void Feed::tell_of_gap(const std::string& name, std::string_view reason) {
  say(MarkGap{name});
  say(CloseMembers{name, reason});
}

/// What was read counts now.
void Feed::probed(bool heard) {
  if (busy_ != Busy::probing) return;
  busy_ = Busy::no;
  const auto reads = std::exchange(reading_, {});
  const auto tops = std::exchange(tops_, {});
  if (!heard || stale_) {
    read_again(reads);
    return pump();
  }
  // Only now is everything heard that was published before these.
  for (const auto& [name, top] : tops) seen_ = std::max(seen_, top);
  heard_to_ = std::max({seen_, last_, floor_});
  for (const auto& read : reads) {
    const auto at = programs_.find(read.program);
    if (at == programs_.end()) continue;
    Program& program = at->second;
    program.read_serial = serial_;
    if (read.after == 0) program.all_serial = serial_;
    program.whole_to = heard_to_;
    if (program.state == State::read) program.state = State::live;
    program.compared = program.alone_when_asked;
  }
  if (stopped_) {
    release_if_read();
  } else {
    replay_heard();
  }
  find_deaf(tops);
  for (auto& [number, waiting] : questions_) {
    waiting.mixed = waiting.mixed && !is_covered(waiting);
  }
  answer_questions();
  pump();
}

/// Whether the latest read has made all its programs live at once.
bool Feed::is_covered(const Waiting& waiting) const {
  return std::ranges::all_of(waiting.what.reads, [this](const history::ReadRequest& read) {
    const Program& program = programs_.find(read.program)->second;
    return program.state == State::live && program.read_serial == serial_;
  });
}

/// Takes what was heard of programs while they were not live.
void Feed::replay_heard() {
  std::vector<Heard> all = std::exchange(held_, {});
  std::ranges::sort(all, {}, [](const Heard& heard) { return heard.event.record.gid; });
  for (auto& heard : all) {
    const auto at = programs_.find(heard.event.program);
    if (at == programs_.end() || heard.event.epoch != epoch_) continue;
    if (is_yet_to_be_read(at->second)) continue;
    if (stopped_ || at->second.state != State::live) {
      held_.push_back(std::move(heard));
    } else {
      take(at->first, at->second, std::move(heard.event.record), heard.serial);
    }
  }
}

/// Goes on when everything that has members has been read; with that another hole may show.
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

/// Whether all that has members is to be read again, in one read: what was read at different times
/// goes farther than what was heard. A node that is deaf would send the later events of one
/// program, and cursors would pass what is missing of another. Where one read cannot hold all of
/// them, it finds that out when it compares.
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

// Comparing.

/// The next slice of all programs, which are through once an interval.
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
  // Of one that was broken nothing else may ever say that it is whole again.
  if (program.state != State::subscribing && broken_.contains(name)) return queue(name, program);
  if (has_members_(name)) program.compared = false;
  if (!options_.compares || stopped_ || program.state != State::live) return;
  if (!program.compared) queue(name, program);  // once more after its last member has left
}

/// All that the store had when it was read has been heard, or is not going to be.
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
  lost();  // the other rings may be as old
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

/// Whether nobody has wanted it for long.
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

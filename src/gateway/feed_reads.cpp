// The feed's reads of the store, and how it uses their results.

#include "gateway/feed.hpp"

#include <algorithm>
#include <utility>

namespace crier::gateway {

namespace {

using history::Gid;
using history::Kept;
using history::ReadReply;
using history::ReadRequest;
using history::Record;
using history::StoreError;

constexpr ReadNumber after_all_reads = UINT64_MAX;

}  // namespace

void Feed::pump() {
  if (!reads_.is_idle() || retry_at_ != never) return;
  collect_reads();
  if (!reads_.has_requests() && stopped_) {
    // If the last members have left since the feed stopped, no read will end the stop.
    release_if_read();
    answer_questions();
    collect_reads();
  }
  if (!reads_.has_requests()) return;
  reads_.begin();
  say(ReadStore{reads_.requests()});
}

void Feed::collect_reads() {
  add_mixed();
  while (reads_.has_room()) {
    const auto name = reads_.next_queued();
    if (!name) return;
    Program* const program = find(*name);
    if (program == nullptr || !program->readings.dequeue()) continue;
    if (program->state != State::subscribing) add_read(*name, *program);
  }
}

/// Adds to the next read what the program lacks, or at least its top.
void Feed::add_read(const std::string& name, Program& program) {
  program.readings.dequeue();
  if (reads_.is_added(program.readings)) return;
  program.alone_when_asked = !has_members_(name) && program.questions == 0;
  reads_.add({name, program.missing_above(), 0}, program.readings);
}

Gid Feed::Program::missing_above() const {
  const bool lost_all = state == State::unread && !known;
  if (readings.wants_all() || (lost_all && event_questions > 0)) return 0;
  return lacks_the_latest() ? ring.top() : after_everything;
}

/// Reads a question's programs in one read, unless that is too much: then they are first read one
/// after the other.
void Feed::add_mixed() {
  for (const auto& [number, waiting] : questions_) {
    if (!reads_.has_room()) return;
    if (!waiting.mixed || !fits_one_read(waiting.what)) continue;
    for (const auto& read : waiting.what.reads) add_read(read.program, program_of(read));
  }
}

/// Whether one read can hold what all programs of the question lack.
bool Feed::fits_one_read(const Question& what) const {
  std::size_t whole = 0;
  for (const auto& read : what.reads) {
    const Program& program = program_of(read);
    if (program.state == State::subscribing) return false;
    if (reads_.is_added(program.readings)) continue;
    if (program.readings.wants_all() || program.lacks_the_latest()) ++whole;
  }
  return whole <= whole_reads_max;
}

/// Queues the programs of a failed read again.
void Feed::read_again(const std::vector<ReadRequest>& reads) {
  for (const auto& read : reads) {
    Program* const program = find(read.program);
    if (program == nullptr) continue;
    if (asks_for_all(read)) program->readings.want_all();
    if (program->state != State::subscribing) queue(read.program, *program);
  }
}

void Feed::store_read(Result<ReadReply, StoreError> answer, TimePoint now) {
  now_ = now;
  if (!answer) {
    read_again(reads_.end());
    retry_at_ = now + options_.retry;
    return fail_questions();
  }
  if (!reads_.is_outdated()) note_epoch(answer->epoch);
  if (reads_.is_outdated()) {
    read_again(reads_.end());
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
  reads_.answered();
  say(ProbeStore{});
}

/// Notes the epoch of a read: the first one, or one that was not reported before.
void Feed::note_epoch(const history::Epoch& epoch) {
  if (epoch_.empty()) epoch_ = epoch;
  if (epoch_ != epoch) renew(epoch);
}

/// Notes whether the program is broken. If it has become so, its members must reconnect to receive
/// a verdict.
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
  // Without a member or such a cursor no client can have missed an event.
  const bool members = has_members_(name);
  if (program.known && (members || program.passed_to != 0))
    return resume(name, program, std::move(kept));
  if (members) say(CloseMembers{name, "unknown"});
  begin(program, std::move(kept));
}

/// Begins a program of which nothing was known.
void Feed::begin(Program& program, Kept kept) {
  program.passed_to = 0;
  program.ring.begin(std::move(kept), now_);
  program.ring.trim(options_.ring, now_);
  program.whole_to = std::max(last_, floor_);
  program.known = true;
}

/// Continues a program whose members have received everything up to its top.
void Feed::resume(const std::string& name, Program& program, Kept kept) {
  const auto first = std::ranges::upper_bound(kept.records, program.ring.top(), {}, &Record::gid);
  const bool some = first != kept.records.end();
  const bool whole = some ? first->prev <= program.ring.top() : kept.top <= program.ring.top();
  // A program that the store had forgotten starts again with a first event. What was forgotten is
  // not above the floor.
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
    held_.push_back({{epoch_, name, std::move(*at)}, after_all_reads});
  }
}

/// The probe's answer: if everything was reported, the read counts.
void Feed::probed(bool heard) {
  if (!reads_.is_answered()) return;
  const auto reads = reads_.end();
  const auto tops = std::exchange(tops_, {});
  if (!heard || reads_.is_outdated()) {
    read_again(reads);
    return pump();
  }
  // Everything published before these has been reported only now.
  for (const auto& [name, top] : tops) seen_ = std::max(seen_, top);
  heard_to_ = std::max({seen_, last_, floor_});
  for (const auto& read : reads) cover(read);
  if (stopped_) {
    release_if_read();
  } else {
    replay_heard();
  }
  find_deaf(tops);
  for (auto& [number, waiting] : questions_) {
    waiting.mixed = waiting.mixed && !is_covered(waiting.what);
  }
  answer_questions();
  pump();
}

/// Makes the latest read count for one of its programs.
void Feed::cover(const ReadRequest& read) {
  Program* const program = find(read.program);
  if (program == nullptr) return;
  program->readings.cover(reads_.latest(), asks_for_all(read));
  program->whole_to = heard_to_;
  program->compared = program->alone_when_asked;
  if (program->state == State::read) program->state = State::live;
}

/// Whether the latest read has made all of the question's programs live at once.
bool Feed::is_covered(const Question& what) const {
  return std::ranges::all_of(what.reads, [this](const ReadRequest& read) {
    const Program& program = program_of(read);
    return program.state == State::live && program.readings.is_covered_by(reads_.latest());
  });
}

}  // namespace crier::gateway

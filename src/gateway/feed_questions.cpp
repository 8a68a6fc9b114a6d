// What those who are to become members ask of the feed, and when it is answered.

#include "gateway/feed.hpp"

#include <algorithm>
#include <utility>

namespace crier::gateway {

using history::Gid;
using history::ReadReply;
using history::StoreError;

/// The greatest number that is known here of the programs that are asked for.
Gid Feed::known_of(const Question& what) const {
  Gid known = floor_;
  for (const auto& read : what.reads) {
    const auto found = programs_.find(read.program);
    if (found != programs_.end()) known = std::max(known, found->second.ring.top());
  }
  return known;
}

void Feed::ask(std::uint64_t question, Question what, TimePoint now) {
  Waiting waiting;
  waiting.serial = busy_ == Busy::reading ? serial_ : serial_ + 1;
  waiting.asked_after = serial_;
  waiting.give_up_at = now + options_.patience;
  now_ = now;
  // Who comes from a node that knows more than this one may bring the first word of a new epoch.
  const bool other_epoch = !what.epoch.empty() && what.epoch != epoch_;
  // One that knows more than is known here of its own programs has been where more was heard.
  const bool doubtful = !epoch_.empty() && (other_epoch || what.cursor > known_of(what));
  if (doubtful) waiting.fresh_serial = serial_ + 1;
  for (const auto& read : what.reads) {
    Program& program = want(read.program);
    ++program.questions;
    if (read.after != after_everything) ++program.event_questions;
    const bool reading = busy_ == Busy::reading && program.asked_serial == serial_;
    const bool wants_all =
        program.known ? read.after < program.ring.start() : read.after != after_everything;
    const bool lacks_all = wants_all && !(reading && program.all_asked_serial == serial_);
    if (lacks_all) program.want_all = true;
    const bool unread = program.state == State::unread && !reading;
    const bool stale = is_stale(read.program, program, waiting);
    if (program.state != State::subscribing && (unread || lacks_all || doubtful || stale)) {
      queue(read.program, program);
    }
    const bool live = program.state == State::live;
    waiting.mixed = waiting.mixed || !live || wants_all || doubtful;
  }
  waiting.mixed = (waiting.mixed && what.reads.size() > 1) || is_uneven(what);
  waiting.what = std::move(what);
  const auto [at, is_new] = questions_.emplace(question, std::move(waiting));
  if (is_answerable(at->second)) end(at, answer(at->second));
  pump();
}

void Feed::withdraw(std::uint64_t question) {
  const auto waiting = questions_.find(question);
  if (waiting == questions_.end()) return;
  for (const auto& read : waiting->second.what.reads) {
    Program& program = programs_.find(read.program)->second;
    --program.questions;
    if (read.after != after_everything) --program.event_questions;
  }
  questions_.erase(waiting);
}

bool Feed::is_answerable(const Waiting& waiting) const {
  if (stopped_ || waiting.mixed || is_uneven(waiting.what)) return false;
  return std::ranges::all_of(waiting.what.reads, [&](const history::ReadRequest& read) {
    const Program& program = programs_.find(read.program)->second;
    if (program.state != State::live || program.read_serial < waiting.fresh_serial) return false;
    if (is_stale(read.program, program, waiting)) return false;
    return read.after >= program.ring.start() || program.all_serial >= waiting.serial;
  });
}

/// That a program was broken counts only for questions from before the read that found it so: it
/// may have been mended since, which nothing tells.
bool Feed::is_stale(const std::string& name, const Program& program, const Waiting& waiting) const {
  return program.read_serial <= waiting.asked_after && broken_.contains(name);
}

/// Whether one of the programs is known farther than another is known to be whole: it was read
/// later, for somebody else, and nothing has been heard since. From a node that is deaf the asker
/// would get the later events of the one, and its cursor would pass what is missing of the other.
bool Feed::is_uneven(const Question& what) const {
  if (!options_.compares || what.reads.size() < 2) return false;
  Gid top = 0;
  Gid whole_to = after_everything;
  for (const auto& read : what.reads) {
    const Program& program = programs_.find(read.program)->second;
    top = std::max(top, program.ring.top());
    whole_to = std::min(whole_to, program.whole_to);
  }
  return top > std::max(whole_to, heard_);
}

ReadReply Feed::answer(const Waiting& waiting) const {
  ReadReply reply{
      epoch_, floor_, {}, std::max(clock_, seen_), last_ == 0 ? 0 : std::max(last_, seen_)};
  reply.programs.reserve(waiting.what.reads.size());
  for (const auto& read : waiting.what.reads) {
    const Program& program = programs_.find(read.program)->second;
    reply.programs.push_back(program.ring.read(read));
    reply.programs.back().broken = broken_.contains(read.program);
  }
  return reply;
}

void Feed::answer_questions() {
  for (auto& [number, waiting] : questions_) {
    if (!is_answerable(waiting)) {
      want_lacking(waiting);
    } else if (!std::exchange(waiting.is_answerable, true)) {
      answerable_.push_back(number);
    }
  }
}

/// A reply may hold thousands of events, so there is never more than one of them.
void Feed::answer_next() {
  const auto waiting = questions_.find(answerable_.front());
  answerable_.pop_front();
  if (waiting == questions_.end()) return;
  waiting->second.is_answerable = false;
  if (is_answerable(waiting->second)) {
    end(waiting, answer(waiting->second));
  } else {
    want_lacking(waiting->second);
    pump();
  }
}

/// A ring that was good enough when it was asked for may have been lost since, or its program found
/// broken, or another one read.
void Feed::want_lacking(Waiting& waiting) {
  waiting.mixed = waiting.mixed || is_uneven(waiting.what);
  for (const auto& read : waiting.what.reads) {
    Program& program = programs_.find(read.program)->second;
    if (program.state != State::live) continue;
    const bool lacks_all = read.after < program.ring.start() && program.all_serial < waiting.serial;
    if (lacks_all) program.want_all = true;
    if (lacks_all || is_stale(read.program, program, waiting)) queue(read.program, program);
  }
}

void Feed::fail_questions() {
  while (!questions_.empty()) end(questions_.begin(), Unexpected{StoreError::unavailable});
}

/// Who is answered stands at the greatest number of the answer from now on, or at its own cursor.
void Feed::note_answered(const Question& what, const ReadReply& reply) {
  reached_ = std::max(reached_, reply.floor);
  for (const auto& kept : reply.programs) reached_ = std::max(reached_, kept.top);
  if (what.epoch == epoch_) {
    reached_ = std::max(reached_, std::min(what.cursor, std::max(seen_, last_)));
  }
}

void Feed::end(std::map<std::uint64_t, Waiting>::iterator waiting,
               Result<ReadReply, StoreError> reply) {
  const std::uint64_t question = waiting->first;
  if (reply) note_answered(waiting->second.what, *reply);
  withdraw(question);
  say(Answered{question, std::move(reply)});
}

}  // namespace crier::gateway

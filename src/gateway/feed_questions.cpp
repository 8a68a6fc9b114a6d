// The feed's answers to the questions of clients that are being admitted.

#include "gateway/feed.hpp"

#include <algorithm>
#include <utility>

namespace crier::gateway {

using history::Gid;
using history::ReadReply;
using history::ReadRequest;
using history::StoreError;

/// The greatest number known here of the question's programs.
Gid Feed::known_of(const Question& what) const {
  Gid known = floor_;
  for (const auto& read : what.reads) {
    const auto found = programs_.find(read.program);
    if (found != programs_.end()) known = std::max(known, found->second.ring.top());
  }
  return known;
}

/// Whether the client may come from a node that knows more than this one.
bool Feed::is_doubtful(const Question& what) const {
  if (epoch_.empty()) return false;
  // This client may be the first sign of a new epoch.
  if (!what.epoch.empty() && what.epoch != epoch_) return true;
  // A client that knows more of its programs than this node was at a node with later events.
  return what.cursor > known_of(what);
}

void Feed::ask(std::uint64_t question, Question what, TimePoint now) {
  now_ = now;
  Waiting waiting;
  waiting.asked = reads_.now(is_doubtful(what));
  waiting.give_up_at = now + options_.patience;
  bool from_the_rings = !waiting.asked.needs_new_reads;
  for (const auto& read : what.reads) {
    Program& program = want(read.program);
    ++program.questions;
    if (asks_for_events(read)) ++program.event_questions;
    read_for(read, program, waiting.asked);
    from_the_rings = from_the_rings && program.state == State::live && !program.needs_all(read);
  }
  waiting.mixed = (!from_the_rings && what.reads.size() > 1) || is_uneven(what);
  waiting.what = std::move(what);
  const auto [at, is_new] = questions_.emplace(question, std::move(waiting));
  if (is_answerable(at->second)) end(at, answer(at->second));
  pump();
}

/// Queues a read of what the question lacks of one program, unless the read in progress brings it.
void Feed::read_for(const ReadRequest& read, Program& program, const Asked& asked) {
  const bool lacks = program.needs_all(read) && !reads_.is_all_awaited(program.readings);
  if (lacks) program.readings.want_all();
  if (program.state == State::subscribing) return;
  const bool unread = program.state == State::unread && !reads_.is_awaited(program.readings);
  if (unread || lacks || asked.needs_new_reads || was_broken(read.program, program, asked)) {
    queue(read.program, program);
  }
}

void Feed::withdraw(std::uint64_t question) {
  const auto waiting = questions_.find(question);
  if (waiting == questions_.end()) return;
  for (const auto& read : waiting->second.what.reads) {
    Program& program = program_of(read);
    --program.questions;
    if (asks_for_events(read)) --program.event_questions;
  }
  questions_.erase(waiting);
}

bool Feed::is_answerable(const Waiting& waiting) const {
  if (stopped_ || waiting.mixed || is_uneven(waiting.what)) return false;
  return std::ranges::all_of(waiting.what.reads, [&](const ReadRequest& read) {
    return is_answerable(read, waiting.asked);
  });
}

bool Feed::is_answerable(const ReadRequest& read, const Asked& asked) const {
  const Program& program = program_of(read);
  return program.state == State::live && program.readings.count_for(asked) &&
         !was_broken(read.program, program, asked) && !program.lacks_all(read, asked);
}

bool Feed::Program::needs_all(const ReadRequest& read) const {
  return known ? read.after < ring.start() : asks_for_events(read);
}

bool Feed::Program::lacks_all(const ReadRequest& read, const Asked& asked) const {
  return needs_all(read) && !readings.all_count_for(asked);
}

/// Whether the program is known as broken only from a read that is too old for the question. It may
/// have been repaired since, and there is no notification of that.
bool Feed::was_broken(const std::string& name, const Program& program, const Asked& asked) const {
  return !program.readings.is_covered_after(asked.begun) && broken_.contains(name);
}

/// Whether one program's ring reaches beyond the number up to which another is known to be whole:
/// it was read later, for another question, and no notification has come since. If the node misses
/// notifications, the client would get the later events of the one, and its cursor would pass
/// missing events of the other.
bool Feed::is_uneven(const Question& what) const {
  if (!options_.compares || what.reads.size() < 2) return false;
  Gid top = 0;
  Gid whole_to = after_everything;
  for (const auto& read : what.reads) {
    const Program& program = program_of(read);
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
    const Program& program = program_of(read);
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

/// Answers one question. A reply may hold thousands of events, so there is never more than one.
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

/// Queues reads for a question that cannot be answered yet. A ring that sufficed at first may have
/// been lost since, its program found broken, or another program read.
void Feed::want_lacking(Waiting& waiting) {
  waiting.mixed = waiting.mixed || is_uneven(waiting.what);
  for (const auto& read : waiting.what.reads) {
    Program& program = program_of(read);
    if (program.state != State::live) continue;
    const bool lacks = program.lacks_all(read, waiting.asked);
    if (lacks) program.readings.want_all();
    if (lacks || was_broken(read.program, program, waiting.asked)) queue(read.program, program);
  }
}

void Feed::fail_questions() {
  while (!questions_.empty()) end(questions_.begin(), Unexpected{StoreError::unavailable});
}

/// Notes the client's new cursor: the greatest number of the answer, or its own cursor.
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

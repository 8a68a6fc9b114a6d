#include "gateway/recovery.hpp"

#include "base/assert.hpp"
#include "base/json_text.hpp"

#include <algorithm>
#include <optional>

namespace crier::gateway {

namespace {

using history::Gid;
using history::Kept;
using history::ReadReply;
using history::Verdict;

Gid last_of(std::int64_t milliseconds) { return static_cast<Gid>(milliseconds) * 1000 + 999; }
Gid first_of(std::int64_t milliseconds) { return static_cast<Gid>(milliseconds) * 1000; }

std::uint64_t generation_of(const access::User& user, std::size_t index) {
  return index < user.generations.size() ? user.generations[index] : 0;
}

/// What the pid knows of this membership; null if it is another one, or new.
const Sealed* find_sealed(const PidCursor& cursor, const access::User& user, std::size_t index) {
  const auto& sealed = cursor.pid.programs;
  const auto found = std::ranges::lower_bound(sealed, user.programs[index], {}, &Sealed::program);
  if (found == sealed.end() || found->program != user.programs[index]) return nullptr;
  return found->generation == generation_of(user, index) ? &*found : nullptr;
}

/// Whether events of the cursor's own millisecond have to be sent again: several share it, counting
/// one that is not kept but named by its successor.
bool shares_millisecond(const ReadReply& reply, std::int64_t milliseconds) {
  std::size_t count = 0;
  for (const auto& kept : reply.programs) {
    for (const auto& record : kept.records) {
      if (history::milliseconds(record.gid) != milliseconds) break;
      if (&record == &kept.records.front() && history::milliseconds(record.prev) == milliseconds) {
        ++count;
      }
      ++count;
    }
  }
  return count > 1;
}

/// One program's part: from where on it is owed, and what there is.
struct Part {
  Verdict verdict = Verdict::joined;
  Gid from = 0;  ///< For the next pid.
  Kept kept;     ///< After the cursor.
};

/// The floor for a cursor of the reply's epoch: of a program that the store still counts, every
/// number since then is known. One that it had forgotten counts from the beginning again.
Gid floor_of(const Kept& kept, const ReadReply& reply) {
  const bool first_ever = !kept.records.empty() && kept.records.front().prev == 0;
  return kept.top == 0 || first_ever ? reply.floor : 0;
}

/// The next pid owes what comes after the cursor, if that is an event's; `from` says where else.
void judge(Part& part, Gid cursor, Gid floor, std::optional<Gid> from = std::nullopt) {
  const bool whole = history::is_whole(part.kept, cursor, floor);
  part.verdict = whole ? Verdict::recovered : Verdict::gap;
  // Who has been told of a gap is owed nothing that was published before.
  part.from = whole ? from.value_or(cursor) : std::max(part.kept.top, floor);
}

Part start_anew(Kept kept, Gid floor, Verdict verdict) {
  const Gid from = std::max(kept.top, floor);
  kept.records.clear();
  return {verdict, from, std::move(kept)};
}

Part part_by_pid(const PidCursor& cursor, const access::User& user, std::size_t index,
                 const ReadReply& reply) {
  const Sealed* sealed = find_sealed(cursor, user, index);
  const Kept& kept = reply.programs[index];
  if (sealed == nullptr) return start_anew(kept, reply.floor, Verdict::joined);
  if (cursor.pid.epoch != reply.epoch) return start_anew(kept, reply.floor, Verdict::reset);
  Part part{Verdict::recovered, 0, kept};
  judge(part, std::max(cursor.gid, sealed->from), floor_of(kept, reply));
  return part;
}

Part part_by_timestamp(std::int64_t milliseconds, bool again, const Kept& kept, Gid floor,
                       std::uint32_t events_max) {
  Part part{Verdict::recovered, 0, kept};
  auto& records = part.kept.records;
  const Gid cursor = again ? first_of(milliseconds) - 1 : last_of(milliseconds);
  std::erase_if(records, [&](const history::Record& record) { return record.gid <= cursor; });
  if (records.size() > events_max) {
    records.erase(records.begin(), records.end() - static_cast<std::ptrdiff_t>(events_max));
  }
  // A time may be ahead of what has been published: what the store will yet number within the
  // cursor's millisecond is owed, though some of it may come again.
  const Gid known = std::max({kept.top, floor, first_of(milliseconds) - 1});
  judge(part, cursor, floor, std::min(cursor, known));
  return part;
}

std::vector<Part> parts_of(const Cursor& cursor, const access::User& user, const ReadReply& reply,
                           std::uint32_t timestamp_max) {
  std::vector<Part> parts;
  parts.reserve(user.programs.size());
  const auto* by_time = std::get_if<TimestampCursor>(&cursor);
  const bool again = by_time != nullptr && shares_millisecond(reply, by_time->milliseconds);
  for (std::size_t i = 0; i < user.programs.size(); ++i) {
    const Kept& kept = reply.programs[i];
    if (const auto* by_pid = std::get_if<PidCursor>(&cursor)) {
      parts.push_back(part_by_pid(*by_pid, user, i, reply));
    } else if (const auto* by_id = std::get_if<IdCursor>(&cursor)) {
      if (by_id->id.epoch != reply.epoch) {
        parts.push_back(start_anew(kept, reply.floor, Verdict::reset));
      } else {
        parts.push_back({Verdict::recovered, 0, kept});
        judge(parts.back(), by_id->id.gid, floor_of(kept, reply));
      }
    } else if (by_time != nullptr) {
      parts.push_back(
          part_by_timestamp(by_time->milliseconds, again, kept, reply.floor, timestamp_max));
    } else {
      parts.push_back(start_anew(kept, reply.floor, Verdict::joined));
    }
  }
  return parts;
}

/// Where the client stands, in the reply's epoch, but not above what has been published: it may say
/// what it likes, and its clock may be ahead. 0 if it cannot say.
Gid position_of(const Cursor& cursor, const ReadReply& reply) {
  Gid position = 0;
  if (const auto* by_pid = std::get_if<PidCursor>(&cursor)) {
    if (by_pid->pid.epoch == reply.epoch) position = by_pid->gid;
  } else if (const auto* by_id = std::get_if<IdCursor>(&cursor)) {
    if (by_id->id.epoch == reply.epoch) position = by_id->id.gid;
  } else if (const auto* by_time = std::get_if<TimestampCursor>(&cursor)) {
    position = first_of(by_time->milliseconds) - 1;
  }
  Gid published = 0;
  for (const Kept& kept : reply.programs) published = std::max(published, kept.top);
  return std::min(position, published);
}

void add_left(Recovery& recovery, const Cursor& cursor, const access::User& user) {
  const auto* by_pid = std::get_if<PidCursor>(&cursor);
  if (by_pid == nullptr) return;
  for (const auto& sealed : by_pid->pid.programs) {
    if (!std::ranges::binary_search(user.programs, sealed.program)) {
      recovery.verdicts.emplace_back(sealed.program, Verdict::left);
    }
  }
}

}  // namespace

Question recovery_question(const Cursor& cursor, const access::User& user,
                           std::uint32_t timestamp_max) {
  Question question;
  question.reads.reserve(user.programs.size());
  for (std::size_t i = 0; i < user.programs.size(); ++i) {
    history::ReadRequest read{user.programs[i], after_everything, 0};
    if (const auto* by_pid = std::get_if<PidCursor>(&cursor)) {
      if (const Sealed* sealed = find_sealed(*by_pid, user, i)) {
        read.after = std::max(by_pid->gid, sealed->from);
      }
    } else if (const auto* by_id = std::get_if<IdCursor>(&cursor)) {
      read.after = by_id->id.gid;
    } else if (const auto* by_time = std::get_if<TimestampCursor>(&cursor)) {
      read.after = first_of(by_time->milliseconds) - 1;
      read.newest_max = timestamp_max + 1;  // the event that the client has may be among them
    }
    question.reads.push_back(std::move(read));
  }
  if (const auto* by_pid = std::get_if<PidCursor>(&cursor)) {
    question.epoch = by_pid->pid.epoch;
    question.cursor = by_pid->gid;
  } else if (const auto* by_id = std::get_if<IdCursor>(&cursor)) {
    question.epoch = by_id->id.epoch;
    question.cursor = by_id->id.gid;
  } else if (const auto* by_time = std::get_if<TimestampCursor>(&cursor)) {
    question.cursor = first_of(by_time->milliseconds);
  }
  return question;
}

Recovery recover(const Cursor& cursor, const access::User& user, const ReadReply& reply,
                 std::uint32_t timestamp_max) {
  CRIER_ASSERT(reply.programs.size() == user.programs.size());
  Recovery recovery;
  recovery.next.user = user.id;
  recovery.next.epoch = reply.epoch;
  recovery.next.start = reply.floor;
  recovery.recovered = std::holds_alternative<PidCursor>(cursor);
  recovery.floor = position_of(cursor, reply);
  auto parts = parts_of(cursor, user, reply, timestamp_max);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Part& part = parts[i];
    recovery.recovered = recovery.recovered && part.verdict == Verdict::recovered;
    recovery.verdicts.emplace_back(user.programs[i], part.verdict);
    recovery.next.programs.push_back({user.programs[i], generation_of(user, i), part.from});
    for (auto& record : part.kept.records) {
      if (history::is_gap_marker(record)) continue;
      recovery.events.push_back(std::move(record));
    }
  }
  add_left(recovery, cursor, user);
  std::ranges::sort(recovery.verdicts);
  std::ranges::sort(recovery.events, {}, &history::Record::gid);
  return recovery;
}

std::string catchup_arguments(const Recovery& recovery) {
  std::string text = R"(["catchup",{"recovered":)";
  text += recovery.recovered ? "true" : "false";
  text += ",\"replayed\":" + std::to_string(recovery.events.size()) + ",\"programs\":{";
  bool first = true;
  for (const auto& [program, verdict] : recovery.verdicts) {
    if (!std::exchange(first, false)) text += ',';
    text.append(json::quote(program)).append(":\"").append(to_string(verdict)).append("\"");
  }
  return text + "}}]";
}

}  // namespace crier::gateway

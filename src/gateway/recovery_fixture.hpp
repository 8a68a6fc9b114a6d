#pragma once

// For tests: clients' cursors, the store's answers, and the recovery that follows.

#include "gateway/recovery.hpp"

#include <algorithm>
#include <gtest/gtest.h>

namespace crier::gateway {

using history::Gid;
using history::Kept;
using history::ReadReply;
using history::Verdict;
using Verdicts = std::vector<std::pair<std::string, Verdict>>;

/// A program's records at these gids, chained.
inline Kept kept(const std::string& program, const std::vector<Gid>& gids, Gid before = 0) {
  Kept kept;
  kept.program = program;
  Gid prev = before;
  history::Seq seq = 0;
  for (const Gid gid : gids) {
    kept.records.push_back({gid, ++seq, prev, Bytes(program + std::to_string(gid))});
    prev = gid;
  }
  kept.top = prev;
  return kept;
}

inline access::User user(std::vector<std::string> programs, std::vector<std::uint64_t> since = {}) {
  access::User user{"u1", "Ursula", "member", true, std::move(programs)};
  user.since = std::move(since);
  return user;
}

/// A client's recovery, and the events that are sent.
struct Sent : Recovery {
  std::vector<history::Record> events;
};

inline Sent sent(const Cursor& cursor, const access::User& user, const ReadReply& reply,
                 std::uint32_t timestamp_max) {
  Sent sent{recover(cursor, user, reply, timestamp_max), {}};
  for (std::size_t i = 0; i < reply.programs.size(); ++i) {
    for (const auto& record : reply.programs[i].records) {
      const bool is_event = !history::is_gap_marker(record);
      if (is_event && record.gid > sent.after.at(i)) sent.events.push_back(record);
    }
  }
  std::ranges::sort(sent.events, {}, &history::Record::gid);
  EXPECT_EQ(sent.replayed, sent.events.size());
  return sent;
}

inline std::vector<Gid> gids(const Sent& sent) {
  std::vector<Gid> gids;
  for (const auto& event : sent.events) gids.push_back(event.gid);
  return gids;
}

inline Cursor time_cursor(std::int64_t milliseconds) {
  Cursor cursor;
  cursor.basis = TimestampCursor{milliseconds};
  return cursor;
}

inline Cursor id_cursor(history::EventId id) {
  Cursor cursor;
  cursor.basis = IdCursor{id};
  cursor.received = std::move(id);
  return cursor;
}

inline Sent by_time(std::int64_t milliseconds, const ReadReply& reply,
                    std::uint32_t events_max = 50) {
  std::vector<std::string> programs;
  for (const auto& part : reply.programs) programs.push_back(part.program);
  return sent(time_cursor(milliseconds), user(programs), reply, events_max);
}

/// The cursor that an admission with a snapshot at `at` gave.
inline Cursor pid_cursor(Gid gid, std::vector<Membership> memberships, Gid at = 90) {
  Cursor cursor;
  cursor.basis = Snapshot{"e", gid, {at, std::move(memberships)}};
  cursor.pid = "sealed";
  cursor.sid = "sid";
  return cursor;
}

/// The same cursor without names.
inline Cursor digest_cursor(Gid gid, const std::vector<Membership>& memberships, Gid at) {
  Cursor cursor = pid_cursor(gid, {}, at);
  auto& then = std::get<Snapshot>(cursor.basis).memberships;
  then.count = static_cast<std::uint32_t>(memberships.size());
  for (const Membership& each : memberships) then.newest = std::max(then.newest, each.since);
  then.digest = digest_of(memberships);
  then.exact = exact_digest_of(memberships);
  return cursor;
}

/// A pid of a client that has not received its verdicts, which were about `earlier`. The client had
/// these memberships then; its replay began at `from`.
inline Cursor unheard(Basis earlier, Gid from, std::vector<Membership> memberships,
                      std::optional<Gid> received = {}) {
  Cursor cursor;
  cursor.basis = std::move(earlier);
  cursor.unheard = Snapshot{"e", from, {from, std::move(memberships)}};
  if (received) cursor.received = history::EventId{"e", *received};
  cursor.pid = "sealed";
  cursor.sid = "sid";
  return cursor;
}

}  // namespace crier::gateway

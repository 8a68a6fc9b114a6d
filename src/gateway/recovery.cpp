// Computes verdicts and replays: what a client knew at an earlier admission, and which events it
// lacks.

#include "gateway/recovery.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <limits>
#include <optional>

namespace crier::gateway {

namespace {

using history::EventId;
using history::Gid;
using history::Kept;
using history::ReadReply;
using history::Verdict;
using Verdicts = std::vector<std::pair<std::string, Verdict>>;

/// How far numbers may be ahead of the store's clock: a second, and as much for a replica whose
/// clock is behind its master's.
constexpr Gid ahead_max = 2'000'000;

/// A user without programs has no position in the history. With this position, which occurs in no
/// history, such a client can state that it has received the verdicts on its ended memberships.
constexpr const char* nobodys_epoch = "--------";
constexpr Gid nobodys_gid = 1;

Gid last_of(std::int64_t milliseconds) { return static_cast<Gid>(milliseconds) * 1000 + 999; }
Gid first_of(std::int64_t milliseconds) { return static_cast<Gid>(milliseconds) * 1000; }

Gid since_of(const access::User& user, std::size_t index) {
  return index < user.since.size() ? user.since[index] : 0;
}

std::vector<Membership> memberships_of(const access::User& user) {
  std::vector<Membership> all;
  all.reserve(user.programs.size());
  for (std::size_t i = 0; i < user.programs.size(); ++i) {
    all.push_back({user.programs[i], since_of(user, i)});
  }
  return all;
}

/// Decides which of the user's memberships an earlier admission knew.
class Known {
 public:
  /// `cursor`: the number up to which the client has received all events of those programs.
  Known(const Memberships& then, Gid cursor, const access::User& user)
      : then_(then), cursor_(cursor), user_(user) {
    if (!then_.digest.empty()) compare();
  }

  [[nodiscard]] bool has(std::size_t index) const {
    const std::uint64_t since = since_of(user_, index);
    if (!then_.digest.empty()) {
      return is_same_ || (since <= newest_ && !is_another(since, then_.newest));
    }
    const auto found =
        std::ranges::lower_bound(then_.named, user_.programs[index], {}, &Membership::program);
    if (found == then_.named.end() || found->program != user_.programs[index]) return false;
    // A membership that began before the admission is the same one, even if two sources differ in
    // its time.
    return found->since == since || (since <= began_by() && !is_another(since, found->since));
  }
  /// The start of a membership that the admission knew: at the latest the admission's snapshot,
  /// because memberships have other clocks than the store's numbers.
  [[nodiscard]] Gid since(std::size_t index) const {
    return std::min(since_of(user_, index), then_.at);
  }
  /// Whether it is unknown which memberships have ended or begun.
  [[nodiscard]] bool is_unclear() const { return is_unclear_; }

 private:
  /// Whether the membership began after the known one. If its clock is behind the store's, it seems
  /// to be older than the admission: then earlier events, which the client lacks, would be left out
  /// with the verdict `recovered`.
  [[nodiscard]] bool is_another(std::uint64_t since, std::uint64_t known) const {
    return since > known && since > cursor_;
  }
  /// Memberships that began up to this time existed at the look-up.
  [[nodiscard]] std::uint64_t began_by() const { return std::min(then_.at, then_.as_of); }

  /// Without names, a membership that began after the newest one of that time is new, by the clock
  /// of memberships, or of the store if two sources differ. This is certain if the remaining ones
  /// are exactly the programs of that time. It is uncertain if one has ended, or began earlier than
  /// when it was recorded.
  void compare() {
    is_same_ = then_.exact == exact_digest_of(memberships_of(user_));
    if (is_same_) return;
    const std::uint64_t by_store = std::max(then_.newest, began_by());
    for (const std::uint64_t newest :
         {std::numeric_limits<std::uint64_t>::max(), then_.newest, by_store}) {
      if (!were(newest)) continue;
      newest_ = std::min(newest, by_store);
      return;
    }
    newest_ = by_store;
    is_unclear_ = true;
  }
  /// Whether the memberships that began by `newest` are exactly those of the earlier admission.
  [[nodiscard]] bool were(std::uint64_t newest) const {
    std::vector<Membership> all = memberships_of(user_);
    std::erase_if(all, [&](const Membership& each) { return each.since > newest; });
    return all.size() == then_.count && digest_of(all) == then_.digest;
  }

  const Memberships& then_;
  Gid cursor_;
  const access::User& user_;
  std::uint64_t newest_ = 0;
  bool is_same_ = false;
  bool is_unclear_ = false;
};

/// What a client has received that knows only the time of its last event: at least the first event
/// of that millisecond, because events come in order.
struct OwnMillisecond {
  Gid has_to;               ///< The client has everything up to here.
  bool is_unclear = false;  ///< There may be several events in the millisecond, in any program.

  void add(Gid gid) {
    if (history::is_first_of_millisecond(gid)) {
      has_to = gid;
    } else {
      is_unclear = true;
    }
  }
};

OwnMillisecond own_millisecond(const ReadReply& reply, const access::User& user,
                               std::int64_t milliseconds) {
  const Gid first = first_of(milliseconds);
  const Gid last = last_of(milliseconds);
  OwnMillisecond own{first - 1};
  for (std::size_t i = 0; i < reply.programs.size(); ++i) {
    if (since_of(user, i) >= first) continue;
    const Kept& kept = reply.programs[i];
    const Gid before = kept.records.empty() ? kept.top : kept.records.front().prev;
    // The read begins later, so the event is unknown.
    if (before > last) own.is_unclear = true;
    if (before >= first && before <= last) own.add(before);
    auto record = std::ranges::lower_bound(kept.records, first, {}, &history::Record::gid);
    for (; record != kept.records.end() && record->gid <= last; ++record) own.add(record->gid);
  }
  return own;
}

/// The cursor's number, in any epoch; nothing if it has none.
std::optional<Gid> gid_of(const Basis& basis) {
  if (const auto* snapshot = std::get_if<Snapshot>(&basis)) return snapshot->gid;
  if (const auto* id = std::get_if<IdCursor>(&basis)) return id->id.gid;
  if (const auto* time = std::get_if<TimestampCursor>(&basis)) {
    return first_of(time->milliseconds) - 1;
  }
  return std::nullopt;
}

/// The cursor's epoch; null if it has none.
const history::Epoch* epoch_of(const Basis& basis) {
  if (const auto* snapshot = std::get_if<Snapshot>(&basis)) return &snapshot->epoch;
  if (const auto* id = std::get_if<IdCursor>(&basis)) return &id->id.epoch;
  return nullptr;
}

/// The floor for a cursor of the reply's epoch. For a program that the store still remembers, every
/// number since the start of the epoch is known. A program that it had forgotten starts again with
/// a first event.
Gid floor_of(const Kept& kept, const ReadReply& reply) {
  const bool first_ever = !kept.records.empty() && kept.records.front().prev == 0;
  return kept.top == 0 || first_ever ? reply.floor : 0;
}

/// All that recover() must know of a client, and the results that hold for all programs.
class Judgement {
 public:
  Judgement(const Cursor& cursor, const access::User& user, const ReadReply& reply,
            std::uint32_t timestamp_max)
      : cursor_(cursor), user_(user), reply_(reply), timestamp_max_(timestamp_max) {
    snapshot_ = reply.floor;
    for (const Kept& kept : reply.programs) snapshot_ = std::max(snapshot_, kept.top);
    is_ahead_ = ahead();
    // The client may have received later events, of programs of which it is no longer a member.
    if (!is_ahead_ && is_here(cursor.received)) {
      snapshot_ = std::max(snapshot_, cursor.received->gid);
    }
    const auto* epoch = epoch_of(cursor.basis);
    is_reset_ = std::holds_alternative<UnreadableCursor>(cursor.basis) || is_ahead_ ||
                (epoch != nullptr && *epoch != reply.epoch);
    if (const auto* then = std::get_if<Snapshot>(&cursor.basis)) {
      known_.emplace(then->memberships, then->gid, user);
    }
    if (cursor.unheard) unheard_.emplace(cursor.unheard->memberships, unheard_to(), user);
    if (const auto* time = std::get_if<TimestampCursor>(&cursor.basis)) weigh(*time);
    position_ = position();
  }

  [[nodiscard]] bool is_ahead() const { return is_ahead_; }
  [[nodiscard]] bool changed() const {
    return (known_ && known_->is_unclear()) || has_ended_unnamed();
  }
  /// Whether memberships have ended, without a name, between admissions whose verdicts were not
  /// received.
  [[nodiscard]] bool has_ended_unnamed() const {
    return cursor_.ended_unnamed || (unheard_ && unheard_->is_unclear());
  }
  /// Whether the program was not the user's at an admission since the last one whose verdicts were
  /// received.
  [[nodiscard]] bool was_interrupted(std::size_t index) const {
    return (unheard_ && !unheard_->has(index)) ||
           std::ranges::find(cursor_.ended, user_.programs[index]) != cursor_.ended.end();
  }
  /// Later events of these programs have greater numbers.
  [[nodiscard]] Gid snapshot() const { return snapshot_; }
  /// The number above which events are sent, apart from each membership's own start; nothing: none
  /// are sent.
  [[nodiscard]] std::optional<Gid> sent_from() const { return position_; }

  [[nodiscard]] Verdict verdict(std::size_t index) const {
    const Verdict verdict = by_basis(index);
    return verdict == Verdict::recovered && had_gap(user_.programs[index]) ? Verdict::gap : verdict;
  }

  struct Sent {
    Gid after;
    std::size_t count;
  };
  /// The number above which the program's events are sent, and how many they are.
  [[nodiscard]] Sent sent(std::size_t index) const {
    const Kept& kept = reply_.programs[index];
    if (!position_) return {kept.top, 0};
    const Gid from = std::max(*position_, since(index));
    auto first = std::ranges::upper_bound(kept.records, from, {}, &history::Record::gid);
    const auto count = kept.records.end() - first;
    const bool bounded = std::holds_alternative<TimestampCursor>(cursor_.basis) &&
                         !cursor_.unheard && count > timestamp_max_;
    if (bounded) first += count - timestamp_max_;
    if (first == kept.records.end()) return {kept.top, 0};
    const auto markers = std::count_if(first, kept.records.end(), history::is_gap_marker);
    return {first->gid - 1, static_cast<std::size_t>(kept.records.end() - first - markers)};
  }

 private:
  [[nodiscard]] bool had_gap(const std::string& program) const {
    return cursor_.gaps_unnamed || std::ranges::find(cursor_.gaps, program) != cursor_.gaps.end();
  }

  /// Whether the program is new to the client, whatever its history contains.
  [[nodiscard]] bool has_joined(std::size_t index) const {
    if ((known_ && !known_->has(index)) || was_interrupted(index)) return true;
    const auto* time = std::get_if<TimestampCursor>(&cursor_.basis);
    if (time == nullptr || is_ahead_) return false;
    // A membership that began within the millisecond may be newer than the client's last event.
    return since_of(user_, index) >= first_of(time->milliseconds);
  }

  [[nodiscard]] Verdict by_basis(std::size_t index) const {
    if (has_joined(index)) return Verdict::joined;
    if (is_reset_) return Verdict::reset;
    if (std::holds_alternative<NoCursor>(cursor_.basis)) return Verdict::joined;
    if (const auto* time = std::get_if<TimestampCursor>(&cursor_.basis)) {
      return by_timestamp(time->milliseconds, index);
    }
    const Gid cursor = *gid_of(cursor_.basis);
    if (!known_ && since_of(user_, index) > cursor) return Verdict::joined;
    return judge(index, std::max(cursor, since(index)));
  }

  [[nodiscard]] Gid since(std::size_t index) const {
    const bool is_same = known_ && known_->has(index) && !was_interrupted(index);
    return is_same ? known_->since(index) : since_of(user_, index);
  }
  [[nodiscard]] bool is_here(const std::optional<EventId>& id) const {
    return id && id->epoch == reply_.epoch;
  }

  /// The number up to which the client has the events of the admission whose verdicts it did not
  /// receive.
  [[nodiscard]] Gid unheard_to() const {
    const Gid sent = cursor_.unheard->gid;
    return is_here(cursor_.received) ? std::max(sent, cursor_.received->gid) : sent;
  }

  /// Evaluates a cursor by time. A time has no epoch, and may match several events.
  void weigh(const TimestampCursor& time) {
    const Gid first = first_of(time.milliseconds);
    const OwnMillisecond own = own_millisecond(reply_, user_, time.milliseconds);
    // A time before the floor counts as an id of an earlier epoch: the reply contains only this
    // one.
    const bool is_before = first <= reply_.floor;
    is_reset_ = is_reset_ || is_before;
    // In the earlier epoch, numbers may have run ahead of the clock, beyond this epoch's floor. An
    // event of this epoch may have the same time by chance.
    is_of_before_ = reply_.floor != 0 && first <= reply_.floor + ahead_max;
    if (is_before || is_of_before_) {
      again_from_ = first - 1;
    } else if (own.is_unclear) {
      again_from_ = own.has_to;
    }
  }

  [[nodiscard]] bool is_replay_here() const {
    return cursor_.unheard && cursor_.unheard->epoch == reply_.epoch;
  }

  /// Whether the cursor is above the store's last number, which no event sent in this epoch can be.
  [[nodiscard]] bool ahead() const {
    if (user_.programs.empty()) return false;  // the store was not read
    const Gid last = std::max(snapshot_, reply_.last != 0 ? reply_.last : reply_.clock);
    if (const auto* time = std::get_if<TimestampCursor>(&cursor_.basis)) {
      return first_of(time->milliseconds) > std::max(reply_.clock, last);
    }
    const auto* epoch = epoch_of(cursor_.basis);
    const bool basis_here = epoch != nullptr && *epoch == reply_.epoch;
    return (is_here(cursor_.received) && cursor_.received->gid > last) ||
           (is_replay_here() && cursor_.unheard->gid > last) ||
           (basis_here && *gid_of(cursor_.basis) > last);
  }

  [[nodiscard]] std::optional<Gid> position() const {
    if (is_ahead_) return std::nullopt;
    std::optional<Gid> from;
    if (cursor_.unheard) {
      if (is_replay_here()) from = cursor_.unheard->gid;
    } else if (const auto* time = std::get_if<TimestampCursor>(&cursor_.basis)) {
      from = timestamp_position(time->milliseconds);
    } else if (!is_reset_) {
      from = gid_of(cursor_.basis);
    }
    if (from && is_here(cursor_.received)) from = std::max(*from, cursor_.received->gid);
    return from;
  }

  [[nodiscard]] Gid timestamp_position(std::int64_t milliseconds) const {
    if (again_from_) return *again_from_;
    // Events that the store has yet to number within the millisecond are owed, too.
    return std::min(last_of(milliseconds), std::max(snapshot_, first_of(milliseconds) - 1));
  }

  [[nodiscard]] Verdict judge(std::size_t index, Gid cursor) const {
    const Kept& kept = reply_.programs[index];
    const bool whole = history::is_whole(kept, cursor, floor_of(kept, reply_));
    return whole ? Verdict::recovered : Verdict::gap;
  }

  [[nodiscard]] Verdict by_timestamp(std::int64_t milliseconds, std::size_t index) const {
    if (is_of_before_) return Verdict::gap;
    const Gid time = again_from_.value_or(last_of(milliseconds));
    const Kept& kept = reply_.programs[index];
    // A client that did not receive the verdict gets all later events; that verdict already covers
    // what the limit left out.
    const std::size_t newest_max = cursor_.unheard ? kept.records.size() : timestamp_max_;
    const bool whole = history::is_whole(kept, time, reply_.floor, newest_max);
    return whole ? Verdict::recovered : Verdict::gap;
  }

  const Cursor& cursor_;
  const access::User& user_;
  const ReadReply& reply_;
  std::uint32_t timestamp_max_;
  std::optional<Known> known_;
  std::optional<Known> unheard_;  ///< Memberships at the admission whose verdicts were not
                                  ///< received.
  Gid snapshot_ = 0;
  bool is_ahead_ = false;
  bool is_reset_ = false;
  bool is_of_before_ = false;      ///< The timestamp may be of an earlier epoch.
  std::optional<Gid> again_from_;  ///< Events above it in the timestamp's millisecond are sent
                                   ///< again.
  std::optional<Gid> position_;
};

/// Programs that the cursor names and that are no longer the user's: according to the admission
/// whose verdicts were received, and to later ones that the client may know. Sorted.
std::vector<std::string> left_of(const Cursor& cursor, const access::User& user) {
  std::vector<std::string> left = cursor.ended;
  const auto add = [&](const Snapshot& then) {
    for (const auto& membership : then.memberships.named) left.push_back(membership.program);
  };
  if (const auto* then = std::get_if<Snapshot>(&cursor.basis)) add(*then);
  if (cursor.unheard) add(*cursor.unheard);
  std::erase_if(left, [&](const std::string& program) {
    return std::ranges::binary_search(user.programs, program);
  });
  std::ranges::sort(left);
  const auto repeated = std::ranges::unique(left);
  left.erase(repeated.begin(), repeated.end());
  return left;
}

/// Adds what the next admission must know of the admissions since the one whose verdicts were
/// received. It knows that one's memberships.
void add_ended(Pid& next, const Cursor& cursor, const access::User& user,
               const Judgement& judgement) {
  next.ended = left_of(cursor, user);
  if (const auto* then = std::get_if<Snapshot>(&cursor.basis)) {
    std::erase_if(next.ended, [&](const std::string& program) {
      return std::ranges::binary_search(then->memberships.named, program, {}, &Membership::program);
    });
  }
  for (std::size_t i = 0; i < user.programs.size(); ++i) {
    if (judgement.was_interrupted(i)) next.ended.push_back(user.programs[i]);
  }
  next.ended_unnamed = judgement.has_ended_unnamed();
}

/// Makes the next pid: what its holder is owed, and which verdicts it may not have received.
Pid next_pid(const Cursor& cursor, const access::User& user, const ReadReply& reply,
             const Judgement& judgement, const Verdicts& verdicts, bool is_news) {
  Pid next;
  next.here.epoch = reply.epoch;
  next.here.gid = judgement.sent_from().value_or(judgement.snapshot());
  next.here.memberships = {judgement.snapshot(), memberships_of(user)};
  if (user.programs.empty()) next.here = {nobodys_epoch, nobodys_gid, {nobodys_gid, {}}};
  if (!is_news) return next;
  next.earlier = cursor.basis;
  next.gaps_unnamed = cursor.gaps_unnamed;
  next.stale = judgement.is_ahead() && cursor.received ? cursor.received : cursor.stale;
  add_ended(next, cursor, user, judgement);
  for (const auto& [program, verdict] : verdicts) {
    if (verdict == Verdict::gap) next.gaps.push_back(program);
  }
  return next;
}

/// Where the read of a program must begin, for the verdict and the replay. `since`: the start of
/// the membership, which may be later than the cursor.
Gid read_from(const Cursor& cursor, Gid since) {
  if (const auto* then = std::get_if<Snapshot>(&cursor.basis)) {
    since = std::min(since, then->memberships.at);
  }
  std::optional<Gid> from = gid_of(cursor.basis);
  if (cursor.unheard) {
    Gid replay = cursor.unheard->gid;
    if (cursor.received && cursor.received->epoch == cursor.unheard->epoch) {
      replay = std::max(replay, cursor.received->gid);
    }
    from = from ? std::min(*from, replay) : replay;
  }
  return from ? std::max(*from, since) : after_everything;
}

/// Adds the verdicts and replays of the user's programs. Returns whether all are recovered.
bool add_own(Recovery& recovery, const Judgement& judgement, const access::User& user) {
  recovery.verdicts.reserve(user.programs.size());
  recovery.after.reserve(user.programs.size());
  bool whole = true;
  for (std::size_t i = 0; i < user.programs.size(); ++i) {
    const Verdict verdict = judgement.verdict(i);
    whole = whole && verdict == Verdict::recovered;
    recovery.verdicts.emplace_back(user.programs[i], verdict);
    const auto [after, count] = judgement.sent(i);
    recovery.after.push_back(after);
    recovery.replayed += count;
  }
  return whole;
}

/// Adds the verdicts on programs that are no longer the user's. Returns whether there are any.
bool add_left(Recovery& recovery, const Cursor& cursor, const access::User& user) {
  std::vector<std::string> left = left_of(cursor, user);
  for (auto& program : left) recovery.verdicts.emplace_back(std::move(program), Verdict::left);
  return !left.empty();
}

}  // namespace

Question recovery_question(const Cursor& cursor, const access::User& user,
                           std::uint32_t timestamp_max) {
  Question question;
  question.reads.reserve(user.programs.size());
  const auto* time = std::get_if<TimestampCursor>(&cursor.basis);
  for (std::size_t i = 0; i < user.programs.size(); ++i) {
    const Gid since = since_of(user, i);
    history::ReadRequest read{user.programs[i], read_from(cursor, since), 0};
    if (time != nullptr && !cursor.unheard) {
      read.newest_max = timestamp_max + 1;  // one of them may be the client's last event
    }
    question.reads.push_back(std::move(read));
  }
  if (cursor.received) {
    question.epoch = cursor.received->epoch;
    question.cursor = cursor.received->gid;
  } else if (cursor.unheard) {
    question.epoch = cursor.unheard->epoch;
    question.cursor = cursor.unheard->gid;
  } else if (time != nullptr) {
    question.cursor = first_of(time->milliseconds);
  } else if (const auto* epoch = epoch_of(cursor.basis)) {
    question.epoch = *epoch;
    question.cursor = *gid_of(cursor.basis);
  }
  return question;
}

Recovery recover(const Cursor& cursor, const access::User& user, const ReadReply& reply,
                 std::uint32_t timestamp_max) {
  CRIER_ASSERT(reply.programs.size() == user.programs.size());
  const Judgement judgement(cursor, user, reply, timestamp_max);
  Recovery recovery;
  recovery.is_ahead = judgement.is_ahead();
  recovery.changed = judgement.changed();
  recovery.snapshot = judgement.snapshot();
  recovery.floor = std::min(judgement.sent_from().value_or(0), judgement.snapshot());
  const bool whole = add_own(recovery, judgement, user);
  const bool has_left = add_left(recovery, cursor, user) || recovery.changed;
  std::ranges::sort(recovery.verdicts);
  if (!user.programs.empty()) recovery.position = {reply.epoch, judgement.snapshot()};
  // A user without programs is whole, whatever the cursor.
  const bool was_member = std::holds_alternative<Snapshot>(cursor.basis) || user.programs.empty();
  recovery.recovered = whole && !has_left && !cursor.pid.empty() && was_member;
  if (!recovery.recovered || !cursor.session.empty()) {
    recovery.next = next_pid(cursor, user, reply, judgement, recovery.verdicts, !whole || has_left);
  }
  if (user.programs.empty() && has_left) {
    recovery.position = {recovery.next.here.epoch, recovery.next.here.gid};
  }
  return recovery;
}

}  // namespace crier::gateway

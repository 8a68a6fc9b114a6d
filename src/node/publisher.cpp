// Publishes events to the history, and retries gap markers that are owed.

#include "node/publisher.hpp"

#include "base/names.hpp"
#include "history/verdict.hpp"

#include <utility>

namespace crier::node {

namespace {

/// What an event's body grows by at most when it is encoded: its name, time and id, and the frame.
constexpr std::size_t encoding_bytes_max = 256;
constexpr std::chrono::milliseconds settle_interval{500};
constexpr std::chrono::seconds take_over_interval{10};  // from processes that have ended
constexpr std::size_t markers_max = 1'000;              // under way
constexpr std::size_t token_bytes_max = 259;  // a key of 255 and what tells it from others

Error key_reused() {
  return {409, "idempotency_key_reused", "The Idempotency-Key came with another body before.", ""};
}

Error outcome_unknown() {
  return {503, "outcome_unknown",
          "The event may or may not be stored; publish it again with the same Idempotency-Key.",
          ""};
}

}  // namespace

Publisher::Publisher(const Parts& parts, const Options& options)
    : parts_(parts), options_(options), outcomes_(options.outcomes, parts.random) {
  parts.worker.add_turn_user(*this);
  note_owed();  // by a process before this one
  if (parts.owed.has_record()) take_over_at_ = parts.worker.now() + take_over_interval;
  if (parts.owed.is_unsure()) clear_unreadable_at_ = parts.worker.now() + options_.cursors_for;
}

void Publisher::fail(const Done& done, Error error) {
  counters_.publish_errors.add(error.code);
  done(Unexpected{std::move(error)});
}

void Publisher::publish(std::string_view program, std::string_view body, std::string token,
                        Done done) {
  if (refusing_) {
    return fail(
        done, {503, "shutting_down", "The gateway is shutting down; publish to another one.", ""});
  }
  if (!is_name(program)) {
    return fail(done, {422, "bad_program",
                       "A programId is 1 to 128 bytes of UTF-8 without control characters.", ""});
  }
  if (token.size() > token_bytes_max) {
    return fail(done,
                {400, "bad_idempotency_key", "An idempotency key has at most 255 bytes.", ""});
  }
  auto checked = parts_.catalog.check(program, body);
  if (!checked) return fail(done, std::move(checked.error()));
  if (checked->body.size() + encoding_bytes_max > options_.event_bytes_max) {
    return fail(done,
                {413, "too_large", "The event is larger than a socket's backlog may be.", ""});
  }
  Publish publish{std::string(program), checked->body, {}, std::move(done)};
  if (!token.empty()) {
    publish.key = Outcomes::key(program, token);
    if (!begin(publish.key, publish.body, publish.done)) return;
  }
  append(std::move(publish), std::move(token));
}

bool Publisher::begin(const std::string& key, const Bytes& body, const Done& done) {
  Outcomes::Began began = outcomes_.begin(key, body, parts_.worker.now());
  switch (began.what) {
    case Outcomes::Begin::append:
      return true;
    case Outcomes::Begin::full:
      fail(done, {503, "outcomes_unknown_full",
                  "Too many publishes have an unknown outcome; nothing was stored or sent.", ""});
      return false;
    case Outcomes::Begin::other_body:
      fail(done, key_reused());
      return false;
    case Outcomes::Begin::known:
      done(std::move(began.position));
      return false;
  }
  return false;
}

void Publisher::append(Publish publish, std::string token) {
  send_markers(Owed::Which::fresh);
  ++in_flight_;
  history::AppendRequest request{publish.program, publish.body, std::move(token)};
  parts_.log.append(
      std::move(request),
      [this, publish = std::move(publish)](const Outcome& outcome) { appended(publish, outcome); });
}

void Publisher::appended(const Publish& publish, const Outcome& outcome) {
  --in_flight_;
  if (!outcome) return failed(publish, outcome.error());
  ++counters_.publishes;
  const auto& at = outcome->position;
  Position position;
  position.id = history::event_id(at.epoch, at.gid);
  position.seq = at.seq;
  position.timestamp = iso8601(history::milliseconds(at.gid));
  position.repeated = outcome->repeated;
  if (!publish.key.empty()) {
    outcomes_.stored(publish.key, publish.body, position, parts_.worker.now());
  }
  publish.done(std::move(position));
}

void Publisher::failed(const Publish& publish, history::StoreError error) {
  switch (error) {
    case history::StoreError::token_taken:
      outcomes_.taken(publish.key);
      return fail(publish.done, key_reused());
    case history::StoreError::unknown:
      if (!publish.key.empty()) outcomes_.unknown(publish.key, parts_.worker.now());
      return fail(publish.done, outcome_unknown());
    case history::StoreError::unavailable:
      return not_stored(publish);
  }
}

void Publisher::not_stored(const Publish& publish) {
  if (!publish.key.empty()) {
    auto failure = outcomes_.failed(publish.key, publish.body, parts_.worker.now());
    switch (failure.fate) {
      case Outcomes::Fate::absent:
        break;
      case Outcomes::Fate::unknown:
        // It may have its number and be with the members: it must not be sent again without one.
        return fail(publish.done, outcome_unknown());
      case Outcomes::Fate::other_body:
        return fail(publish.done, key_reused());
      case Outcomes::Fate::stored:
        return publish.done(std::move(failure.position));
    }
  }
  if (options_.policy == OutagePolicy::refuse) {
    return fail(publish.done, {503, "history_unavailable",
                               "The history cannot be written now; nothing was sent.", ""});
  }
  deliver_unnumbered(publish);
}

void Publisher::deliver_unnumbered(const Publish& publish) {
  ++counters_.publishes;
  ++counters_.publishes_unrecoverable;
  parts_.owed.owe(publish.program);
  note_owed();
  parts_.deliver(publish.program, publish.body);
  Position position;
  position.recoverable = false;
  position.timestamp = iso8601(parts_.wall_clock() / 1000);
  if (!publish.key.empty()) {
    outcomes_.sent(publish.key, publish.body, position, parts_.worker.now());
  }
  publish.done(std::move(position));
}

// Markers. Who was elsewhere, or away, finds the marker in what it missed and is told of a gap.

void Publisher::send_markers(Owed::Which which) {
  note_owed();
  // One that ends at once, and so wants to send more, leaves that to the loop that sent it.
  if (!parts_.owed.any() || std::exchange(sending_markers_, true)) return;
  while (parts_.log.available() && markers_ < markers_max) {
    auto markers = parts_.owed.take(markers_max - markers_, which);
    if (markers.empty()) break;
    for (auto& marker : markers) send_marker(std::move(marker));
    which = Owed::Which::fresh;
  }
  sending_markers_ = false;
}

void Publisher::send_marker(Owed::Marker marker) {
  ++markers_;
  history::AppendRequest request{marker.program, Bytes(std::string(history::gap_marker)),
                                 parts_.random.id20()};
  parts_.log.append(std::move(request), [this, marker = std::move(marker)](const Outcome& outcome) {
    marker_ended(marker, outcome);
  });
}

void Publisher::marker_ended(const Owed::Marker& marker, const Outcome& outcome) {
  --markers_;
  if (outcome) {
    parts_.owed.settled(marker);
  } else {
    parts_.owed.failed(marker);
  }
  send_markers(Owed::Which::fresh);  // more may wait than could be under way
}

/// Sees to it that what is owed is tried again, and says when that begins and ends.
void Publisher::note_owed() {
  const bool any = parts_.owed.any();
  // While it is unsure, whoever is admitted may add to it.
  if (parts_.owed.may_owe() && settle_at_ == never) {
    settle_at_ = parts_.worker.now() + settle_interval;
  }
  if (any == told_owed_) return;
  told_owed_ = any;
  if (any) {
    parts_.worker.log(LogLevel::warning, "programs are owed a gap marker",
                      {{"program", parts_.owed.names(1).front()}});
  } else {
    parts_.worker.log(LogLevel::info, "no program is owed a gap marker any more");
  }
}

void Publisher::tick(TimePoint now) {
  if (now >= take_over_at_) {
    take_over_at_ = now + take_over_interval;
    if (!parts_.owed.take_over()) clear_unreadable_at_ = now + options_.cursors_for;
    if (now >= clear_unreadable_at_) {
      clear_unreadable_at_ = never;
      parts_.owed.clear_unreadable();
    }
  }
  settle_at_ = parts_.owed.may_owe() ? now + settle_interval : never;
  settle();
}

}  // namespace crier::node

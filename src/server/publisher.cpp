#include "server/publisher.hpp"

#include "base/names.hpp"
#include "history/verdict.hpp"

#include <algorithm>
#include <utility>

namespace crier::server {

namespace {

/// What an event's body grows by at most when it is encoded: its name, time and id, and the frame.
constexpr std::size_t encoding_bytes_max = 256;
constexpr std::chrono::milliseconds settle_interval{500};
constexpr std::size_t token_bytes_max = 259;  // a key of 255 and what tells it from others
constexpr std::size_t untold_max = 1'000;

Error key_reused() {
  return {409, "idempotency_key_reused", "The Idempotency-Key came with another body before.", ""};
}

}  // namespace

Publisher::Publisher(const Parts& parts, OutagePolicy policy, std::size_t event_bytes_max)
    : parts_(parts), policy_(policy), event_bytes_max_(event_bytes_max) {
  parts.worker.add_turn_user(*this);
}

void Publisher::fail(const Done& done, Error error) {
  Metrics::count(parts_.worker.metrics().publish_errors, error.code);
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
  if (checked->body.size() + encoding_bytes_max > event_bytes_max_) {
    return fail(done,
                {413, "too_large", "The event is larger than a socket's backlog may be.", ""});
  }
  const auto sent = untold_.empty() ? untold_.end() : untold_.find({std::string(program), token});
  if (sent != untold_.end() && sent->second.body.view() != checked->body.view()) {
    return fail(done, key_reused());
  }
  if (sent != untold_.end() && !sent->second.timestamp.empty()) {
    Position position;
    position.recoverable = false;
    position.timestamp = sent->second.timestamp;
    position.repeated = true;
    return done(std::move(position));
  }
  settle();
  ++in_flight_;
  history::AppendRequest append{std::string(program), checked->body, token};
  Publish publish{append.program, checked->body, std::move(token), std::move(done)};
  parts_.history.append(
      std::move(append),
      [this, publish = std::move(publish)](const Outcome& outcome) { appended(publish, outcome); });
}

void Publisher::appended(const Publish& publish, const Outcome& outcome) {
  --in_flight_;
  if (!outcome) return failed(publish, outcome.error());
  if (!untold_.empty()) untold_.erase({publish.program, publish.token});
  Metrics& metrics = parts_.worker.metrics();
  ++metrics.publishes;
  const auto& at = outcome->position;
  Position position;
  position.id = history::event_id(at.epoch, at.gid);
  position.seq = at.seq;
  position.timestamp = iso8601(history::milliseconds(at.gid));
  position.repeated = outcome->repeated;
  publish.done(std::move(position));
}

void Publisher::failed(const Publish& publish, history::StoreError error) {
  if (error == history::StoreError::token_taken) {
    return fail(publish.done, key_reused());
  }
  // It may have its number and be with the members, so it must not be sent again without one.
  const bool unknown =
      error == history::StoreError::unknown || untold_.contains({publish.program, publish.token});
  if (unknown) {
    remember(publish, {});
    return fail(publish.done, {503, "outcome_unknown",
                               "The event may or may not be stored; publish it again with the same "
                               "Idempotency-Key.",
                               ""});
  }
  if (policy_ == OutagePolicy::refuse) {
    return fail(publish.done, {503, "history_unavailable",
                               "The history cannot be written now; nothing was sent.", ""});
  }
  deliver_unnumbered(publish);
}

void Publisher::deliver_unnumbered(const Publish& publish) {
  Metrics& metrics = parts_.worker.metrics();
  ++metrics.publishes;
  ++metrics.publishes_unrecoverable;
  owe(publish.program);
  const std::int64_t timestamp_ms = parts_.wall_clock() / 1000;
  const auto arguments = catalog::event_arguments(publish.body.view(), timestamp_ms, std::string());
  parts_.deliver(publish.program, make_packet(main_namespace, arguments));
  Position position;
  position.recoverable = false;
  position.timestamp = iso8601(timestamp_ms);
  remember(publish, position.timestamp);
  publish.done(std::move(position));
}

void Publisher::remember(const Publish& publish, const std::string& timestamp) {
  if (publish.token.empty()) return;
  const std::pair key(publish.program, publish.token);
  const auto [at, is_new] = untold_.insert_or_assign(key, Untold{timestamp, publish.body});
  if (is_new) untold_order_.push_back(key);
  if (untold_order_.size() <= untold_max) return;
  untold_.erase(untold_order_.front());
  untold_order_.pop_front();
}

void Publisher::owe(const std::string& program) {
  owed_.insert(program);
  if (settle_at_ == never) settle_at_ = parts_.worker.now() + settle_interval;
}

// Who was elsewhere, or away, finds the marker in what it missed and is told of a gap.
void Publisher::settle() {
  if (owed_.empty() || !parts_.history.available()) return;
  for (const auto& program : std::exchange(owed_, {})) {
    parts_.history.append({program, Bytes(std::string(history::gap_marker)), parts_.random.id20()},
                          [this, program](const Outcome& outcome) {
                            if (!outcome) owe(program);
                          });
  }
}

void Publisher::tick(TimePoint now) {
  settle_at_ = owed_.empty() ? never : now + settle_interval;
  settle();
}

}  // namespace crier::server

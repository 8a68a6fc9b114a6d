// Sends sockets the events they missed, within bounds of unsent bytes.

#include "node/replays.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace crier::node {

namespace {

constexpr std::size_t turn_bytes_max = 1024 * 1024;  // before live events have a turn again

}  // namespace

struct Replays::Entry {
  std::shared_ptr<const UserPrograms> programs;
  gateway::Replay replay;
  std::string catchup;
  std::size_t bytes = 0;  ///< Unsent, when that was last looked at; 0 without a place.
  bool has_place = false;
  TimePoint placed_at{};
  bool is_served = false;  ///< It has been sent something since then.
  bool is_ready = false;   ///< In ready_.
};

Replays::Replays(const Parts& parts, std::size_t bytes_max)
    : parts_(parts),
      bytes_max_(bytes_max),
      window_(std::min(window_max, parts.sessions.backlog_bytes_max())),
      turn_(parts.worker.options().slow_reader_timeout) {}

Replays::~Replays() = default;

const gateway::Replay* Replays::find(Key socket) const {
  const auto found = entries_.find(socket);
  return found == entries_.end() ? nullptr : &found->second->replay;
}

// Beginning and ending.

void Replays::begin(Key socket, Start start) {
  gateway::Replay replay(std::move(start.positions));
  if (serve_at_once(socket, start, replay)) return;
  const Key session = parts_.sockets.session_of(socket);
  if (session == 0) return;
  parts_.sockets.set_replaying(socket, true);
  auto& entry = entries_[socket];
  entry = std::make_unique<Entry>(Entry{share(start), std::move(replay), std::move(start.catchup)});
  if (!has_place()) return waiting_.push_back(socket);
  hold(*entry, parts_.sessions.unsent(session));
  give_place(socket, *entry);
}

/// Whether the socket has everything now. Over a WebSocket the kernel takes what is in a window, so
/// that needs no place; a poll may be long in coming, and until then it counts.
bool Replays::serve_at_once(Key socket, const Start& start, gateway::Replay& replay) {
  const Key session = parts_.sockets.session_of(socket);
  const bool is_websocket = parts_.sessions.is_websocket(session);
  const std::size_t unsent = parts_.sessions.unsent(session);
  if (unsent >= window_ || (!is_websocket && !has_place())) return false;
  // Without a place it is served only if that is all: it stands where it stood otherwise.
  std::optional<gateway::Replay> before;
  if (!has_place()) before = replay;
  const auto pull = this->pull(replay, start.programs, unsent, 0, false);
  const bool is_all = pull.end == gateway::Pull::End::snapshot;
  if (!is_all && before) {
    replay = *std::move(before);
    return false;
  }
  send(socket, pull);
  if (is_all) send_catchup(socket, start.catchup);
  return is_all && is_websocket;
}

std::shared_ptr<const Replays::UserPrograms> Replays::share(const Start& start) {
  auto& shared = lists_[start.user];
  auto list = shared.lock();
  if (list && list->names == start.programs) return list;
  list = std::make_shared<const UserPrograms>(UserPrograms{start.user, start.programs});
  shared = list;
  return list;
}

void Replays::forget(Key socket) {
  const auto found = entries_.find(socket);
  if (found == entries_.end()) return;
  hold(*found->second, 0);
  if (next_over_ == socket) next_over_ = 0;
  if (over_ == socket) end_over();
  if (found->second->has_place) --places_;
  const auto list = std::move(found->second->programs);
  entries_.erase(found);
  if (list.use_count() == 1) lists_.erase(list->user);
  give_places();
}

void Replays::give_places() {
  while (has_place() && !waiting_.empty()) {
    const Key next = waiting_.front();
    waiting_.pop_front();
    const auto waits = entries_.find(next);
    if (waits != entries_.end()) give_place(next, *waits->second);
  }
}

void Replays::give_place(Key socket, Entry& entry) {
  entry.has_place = true;
  entry.placed_at = parts_.worker.now();
  entry.is_served = false;
  ++places_;
  make_ready(socket, entry);
}

/// Whether it is somebody else's turn. It has nothing unsent, or its place would not be free.
bool Replays::yields(const Entry& entry) const {
  return entry.bytes == 0 && entry.is_served && !waiting_.empty() &&
         parts_.worker.now() - entry.placed_at >= turn_;
}

void Replays::yield(Key socket, Entry& entry) {
  entry.has_place = false;
  --places_;
  if (next_over_ == socket) next_over_ = 0;
  waiting_.push_back(socket);
  give_places();
}

/// It has everything that was delivered: from now on it is a member like any other.
void Replays::release(Key socket) {
  forget(socket);
  parts_.sockets.set_replaying(socket, false);
}

// Turns.

void Replays::make_ready(Key socket, Entry& entry) {
  if (std::exchange(entry.is_ready, true)) return;
  another_turn();
  ready_.push_back(socket);
}

void Replays::another_turn() {
  if (std::exchange(is_posted_, true)) return;
  parts_.worker.loop().post([this] { is_posted_ = false; });
}

void Replays::drained(Key socket) {
  const auto found = entries_.find(socket);
  if (found == entries_.end() || !found->second->has_place) return;
  hold(*found->second, parts_.sessions.unsent(parts_.sockets.session_of(socket)));
  make_ready(socket, *found->second);
}

void Replays::end_turn() {
  const std::uint64_t end = sent_bytes_ + turn_bytes_max;
  bool is_stuck = true;
  is_short_ = false;
  for (std::size_t left = ready_.size(); left > 0; --left) {
    if (sent_bytes_ >= end) return another_turn();
    const Key socket = ready_.front();
    ready_.pop_front();
    const Step next = step(socket);
    if (next != Step::waits) ready_.push_back(socket);
    is_stuck = is_stuck && next != Step::again;
  }
  if (!is_stuck) another_turn();
}

/// Sends the socket its next window.
Replays::Step Replays::step(Key socket) {
  const auto found = entries_.find(socket);
  if (found == entries_.end()) return Step::waits;
  Entry& entry = *found->second;
  const Step next = step(socket, entry);
  if (entries_.contains(socket)) entry.is_ready = next != Step::waits;
  return next;
}

Replays::Step Replays::step(Key socket, Entry& entry) {
  using End = gateway::Pull::End;
  for (;;) {
    flush(socket, entry);
    if (!entries_.contains(socket) || entry.bytes >= window_) return Step::waits;
    if (yields(entry)) {
      yield(socket, entry);
      return entry.has_place ? Step::again : Step::waits;
    }
    const bool may_exceed = over_ == 0 && (next_over_ == 0 || next_over_ == socket);
    const auto pull = this->pull(entry.replay, entry.programs->names, entry.bytes,
                                 unsent_of_others(socket, entry), may_exceed);
    if (pull.end == End::lost) {
      parts_.sessions.close(parts_.sockets.session_of(socket), engineio::CloseReason::forced_close,
                            true);
      return Step::waits;
    }
    if (pull.end == End::full && pull.events.empty()) {
      if (entry.bytes != 0) return Step::waits;
      is_short_ = true;
      if (next_over_ == 0) next_over_ = socket;
      return Step::no_room;
    }
    if (next_over_ == socket) next_over_ = 0;
    entry.is_served = true;
    const std::string catchup = pull.end == End::snapshot ? std::exchange(entry.catchup, {}) : "";
    send(socket, pull);
    if (!catchup.empty()) send_catchup(socket, catchup);
    if (!entries_.contains(socket)) return Step::waits;
    if (pull.end == End::snapshot) continue;
    flush(socket, entry);
    if (!entries_.contains(socket)) return Step::waits;
    if (pull.end == End::full) return entry.bytes < window_ ? Step::again : Step::waits;
    if (entry.bytes == 0) release(socket);
    return Step::waits;
  }
}

/// Offers the socket what is queued for it; it may be gone with that.
void Replays::flush(Key socket, Entry& entry) {
  const std::size_t unsent = parts_.sessions.flush(parts_.sockets.session_of(socket));
  if (!entries_.contains(socket)) return;
  hold(entry, unsent);
  if (over_ == 0 && bytes_ > bytes_max_) over_ = socket;
  if (over_ == socket && (unsent == 0 || bytes_ <= bytes_max_)) end_over();
}

void Replays::end_over() {
  over_ = 0;
  if (is_short_) another_turn();
}

/// Without the event that is beyond the bound.
std::size_t Replays::unsent_of_others(Key socket, const Entry& entry) const {
  const std::size_t others = bytes_ - entry.bytes;
  return over_ == 0 || over_ == socket ? others : others - entries_.at(over_)->bytes;
}

void Replays::hold(Entry& entry, std::size_t bytes) {
  const bool frees = bytes < entry.bytes;
  bytes_ += bytes;
  bytes_ -= std::exchange(entry.bytes, bytes);
  if (frees && is_short_) another_turn();
}

// Sending.

/// What fits into the window. A larger event comes alone, beside what others have unsent only if it
/// fits or `may_exceed`.
gateway::Pull Replays::pull(gateway::Replay& replay, const std::vector<std::string>& programs,
                            std::size_t unsent, std::size_t others, bool may_exceed) const {
  std::vector<const gateway::Ring*> rings;
  rings.reserve(programs.size());
  for (const auto& name : programs) rings.push_back(parts_.feed.ring(name));
  const std::size_t left = bytes_max_ - std::min(bytes_max_, others + unsent);
  std::size_t alone = unsent == 0 ? left : 0;
  if (unsent == 0 && may_exceed) alone = std::numeric_limits<std::size_t>::max();
  return replay.pull(rings, std::min(window_ - unsent, left), alone);
}

void Replays::send(Key socket, const gateway::Pull& pull) {
  for (const auto& record : pull.events) {
    const sockets::EncodedEvent& event = parts_.encode(record);
    if (event.message.view().empty()) continue;
    sent_bytes_ += event.message.size();
    parts_.sockets.send(socket, event);
    ++sent_;
  }
}

void Replays::send_catchup(Key socket, const std::string& arguments) {
  parts_.sockets.send(socket, sockets::encode_event(sockets::main_namespace, arguments));
}

}  // namespace crier::node

#include "books.hpp"

#include "base/json_text.hpp"
#include "history/verdict.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace crier::simulation {

namespace {

/// How long after its cause an epoch may begin.
constexpr Duration epoch_lag_max = std::chrono::seconds(15);

}  // namespace

EventNumber event_number(std::string_view envelope) {
  const auto id = json::member(envelope, "requestId");
  EventNumber number = 0;
  if (id && id->size() > 3) std::from_chars(id->data() + 2, id->data() + id->size(), number);
  return number;
}

void Books::appended(const std::string& program, const history::EventNumbers& position,
                     std::string_view body) {
  const bool marker = body == history::gap_marker;
  const EventNumber event = marker ? 0 : event_number(body);
  if (marker) ++markers_;
  auto& entries = entries_[program];
  if (!entries.empty() && entries.back().epoch == position.epoch &&
      entries.back().gid >= position.gid) {
    violation_("the store's model numbers backwards");
  }
  index_[{position.epoch, position.gid}] = {program, entries.size()};
  entries.push_back({event, position.epoch, position.gid, world_.now(), false});
  world_.trace("store", program + " " + (marker ? "marker" : "n" + std::to_string(event)) + " " +
                            history::event_id(position.epoch, position.gid));
  if (marker) return;
  const auto [known, is_new] = appended_.emplace(event, Appended{world_.now(), position.gid});
  if (is_new) return;
  const Appended before = std::exchange(known->second, {world_.now(), position.gid});
  // By the store's clock, which may have been set ahead.
  const auto by_number = std::chrono::microseconds(position.gid - before.gid);
  if (world_.now() - before.at >= remembers_ || by_number >= remembers_) {
    forgotten_.insert(event);
  } else if (before.at > last_loss_) {
    violation_("n" + std::to_string(event) + " of " + program + " is in the store twice");
  }
  again_.insert(event);
}

void Books::epoch_begun(const history::Epoch& epoch, history::Gid floor) {
  // A node that knows of greater numbers than the one that came first begins another one.
  const bool has_cause = std::exchange(epoch_has_cause_, false);
  if (!has_cause && world_.now() - epoch_cause_ > epoch_lag_max) {
    violation_("an epoch begins without a cause");
  }
  epochs_.push_back(world_.now());
  epoch_ = epoch;
  floor_ = std::max(floor_, floor);
}

void Books::trimmed(const std::string& program, history::Gid gid) {
  for (Entry& entry : entries_[program]) entry.trimmed = entry.trimmed || entry.gid <= gid;
}

const std::vector<Entry>& Books::of(const std::string& program) const {
  static const std::vector<Entry> none;
  const auto found = entries_.find(program);
  return found == entries_.end() ? none : found->second;
}

std::optional<std::size_t> Books::find(const std::string& program,
                                       const history::EventId& id) const {
  const auto found = index_.find({id.epoch, id.gid});
  if (found == index_.end() || found->second.first != program) return std::nullopt;
  return found->second.second;
}

bool Books::marked(const std::string& program, TimePoint from) const {
  return std::ranges::any_of(
      of(program), [&](const Entry& entry) { return entry.event == 0 && entry.time >= from; });
}

bool Books::was_broken(const std::string& program, TimePoint from, TimePoint until) const {
  const auto found = breaks_.find(program);
  return found != breaks_.end() && std::ranges::any_of(found->second, [&](const auto& time) {
           return time.first <= until && from <= time.second;
         });
}

bool Books::epoch_began(TimePoint from, TimePoint until) const {
  return std::ranges::any_of(epochs_,
                             [&](TimePoint time) { return from <= time && time <= until; });
}

}  // namespace crier::simulation

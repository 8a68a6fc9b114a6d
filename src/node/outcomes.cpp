// Keeps the outcomes of publishes with an idempotency key.

#include "node/outcomes.hpp"

#include "base/assert.hpp"

#include <utility>

namespace crier::node {

Outcomes::Outcomes(const Options& options, Random& random)
    : options_(options), digest_(access::Algorithm::hs256, random.id20()) {}

std::string Outcomes::key(std::string_view program, std::string_view token) {
  std::string key(program);
  return key.append("\n").append(token);
}

bool Outcomes::same_body(const Open& open, const Bytes& body) const {
  if (open.digest.empty()) return open.body == body;
  return open.digest == digest_.of(body.view());
}

Outcomes::Began Outcomes::begin(const std::string& key, const Bytes& body, TimePoint now) {
  expire(now);
  for (const Table* table : {&sent_, &stored_}) {
    const auto known = table->entries.find(key);
    if (known == table->entries.end()) continue;
    if (known->second.digest != digest_.of(body.view())) return {Begin::other_body};
    return {Begin::known, known->second.position};
  }
  auto found = open_.find(key);
  if (found == open_.end()) {
    if (open_.size() >= options_.unknown_max) return {Begin::full};
    found = open_.try_emplace(key).first;
    found->second.body = body;
  } else {
    if (!same_body(found->second, body)) return {Begin::other_body};
    if (found->second.appends == 0) due_.erase(found->second.due);
  }
  ++found->second.appends;
  return {Begin::append};
}

/// One append of it less is under way.
void Outcomes::end_one(Opened opened, TimePoint now) {
  Open& open = opened->second;
  if (--open.appends > 0) return;
  if (!open.unknown) {
    open_.erase(opened);
    return;
  }
  if (open.digest.empty()) open.digest = digest_.of(open.body.view());
  open.body = {};
  open.due = due_.insert(due_.end(), {now + options_.ttl, &opened->first});
}

void Outcomes::stored(const std::string& key, const Bytes& body, const Position& position,
                      TimePoint now) {
  const auto open = open_.find(key);
  CRIER_ASSERT(open != open_.end());
  open->second.unknown = false;
  end_one(open, now);
  remember(stored_, key, body, position, now);
}

void Outcomes::taken(const std::string& key) {
  const auto open = open_.find(key);
  CRIER_ASSERT(open != open_.end());
  open->second.unknown = false;
  end_one(open, {});
}

void Outcomes::unknown(const std::string& key, TimePoint now) {
  const auto open = open_.find(key);
  CRIER_ASSERT(open != open_.end());
  open->second.unknown = true;
  end_one(open, now);
}

Outcomes::Failure Outcomes::failed(const std::string& key, const Bytes& body, TimePoint now) {
  expire(now);
  const auto open = open_.find(key);
  CRIER_ASSERT(open != open_.end());
  const bool may_be_stored = open->second.unknown || open->second.appends > 1;
  end_one(open, now);
  if (const auto stored = stored_.entries.find(key); stored != stored_.entries.end()) {
    if (stored->second.digest != digest_.of(body.view())) return {Fate::other_body};
    return {Fate::stored, stored->second.position};
  }
  return {may_be_stored ? Fate::unknown : Fate::absent};
}

void Outcomes::sent(const std::string& key, const Bytes& body, const Position& position,
                    TimePoint now) {
  remember(sent_, key, body, position, now);
}

void Outcomes::remember(Table& table, const std::string& key, const Bytes& body,
                        const Position& position, TimePoint now) {
  forget(table, key);
  if (table.entries.size() >= options_.known_max) forget(table, *table.due.front().second);
  const auto added = table.entries.try_emplace(key).first;
  Known& known = added->second;
  known.digest = digest_.of(body.view());
  known.position = position;
  known.position.repeated = true;
  known.due = table.due.insert(table.due.end(), {now + options_.ttl, &added->first});
}

void Outcomes::forget(Table& table, const std::string& key) {
  const auto found = table.entries.find(key);
  if (found == table.entries.end()) return;
  table.due.erase(found->second.due);
  table.entries.erase(found);
}

void Outcomes::expire(TimePoint now) {
  while (!due_.empty() && due_.front().first <= now) {
    open_.erase(open_.find(*due_.front().second));
    due_.pop_front();
  }
  for (Table* table : {&sent_, &stored_}) {
    while (!table->due.empty() && table->due.front().first <= now) {
      forget(*table, *table->due.front().second);
    }
  }
}

}  // namespace crier::node

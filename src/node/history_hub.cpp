// Shares one history store among several workers; this is the end on the store's loop.

#include "node/history_hub.hpp"

#include "node/history_line.hpp"

#include <algorithm>
#include <utility>

namespace crier::node {

using history::Fence;

namespace {

/// What an event under way takes besides its body.
constexpr std::size_t event_bytes = 256;

}  // namespace

HistoryHub::HistoryHub(web::Worker& home, history::HistoryView& store,
                       std::size_t backlog_bytes_max)
    : home_(home), store_(store), backlog_bytes_max_(backlog_bytes_max) {
  home.add_turn_user(*this);
  store.listen(*this);
  look();
}

HistoryHub::~HistoryHub() = default;

void HistoryHub::look() {
  available_ = store_.available();
  hears_ = store_.hears();
  if (history::StoreHealth health = store_.health(); health != health_) {
    health_ = std::move(health);
    const std::lock_guard lock(health_mutex_);
    shown_health_ = health_;
  }
}

void HistoryHub::tell_subscribed(const std::string& program, const Subscriber& subscriber) {
  if (subscriber.line->behind) return;
  Line::post(subscriber.line,
             [line = subscriber.line.get(), program, subscription = subscriber.subscription] {
               if (line->is_in_force(program, subscription)) line->listener->subscribed(program);
             });
}

void HistoryHub::subscribed(const std::string& program) {
  const auto found = programs_.find(program);
  if (found == programs_.end()) return;
  found->second.confirmed = true;
  look();
  for (const Subscriber& subscriber : found->second.subscribers) {
    tell_subscribed(program, subscriber);
  }
}

void HistoryHub::published(history::Published event) {
  const auto found = programs_.find(event.program);
  if (found == programs_.end()) return;
  const std::size_t bytes = event.record.body.size() + event_bytes;
  const auto shared = std::make_shared<const history::Published>(std::move(event));
  for (const Subscriber& subscriber : found->second.subscribers) {
    Line& line = *subscriber.line;
    if (line.behind) continue;
    const std::size_t before = line.event_bytes_under_way;
    if (before > 0 && before + bytes > backlog_bytes_max_) {
      fall_behind(subscriber.line);
      continue;
    }
    line.event_bytes_under_way += bytes;
    Line::post(subscriber.line,
               [to = &line, shared, bytes, subscription = subscriber.subscription] {
                 to->event_bytes_under_way -= bytes;
                 if (!to->is_in_force(shared->program, subscription)) return;
                 to->listener->published(*shared);
               });
  }
}

void HistoryHub::fall_behind(const std::shared_ptr<Line>& line) {
  home_.log(LogLevel::warning, "a worker is behind, and reads again what it misses",
            {{"worker", std::to_string(line->worker.index())}});
  Line::post(line, [this, line] {
    line->tell_loss();
    home_.loop().post([this, line] { caught_up(line); });
  });
  line->behind = true;
}

void HistoryHub::caught_up(const std::shared_ptr<Line>& line) {
  line->behind = false;
  if (hears_claims_) Line::post(line, [to = line.get()] { to->listener->claims_heard(); });
  for (const auto& [name, program] : programs_) {
    if (!program.confirmed) continue;
    for (const Subscriber& subscriber : program.subscribers) {
      if (subscriber.line == line) tell_subscribed(name, subscriber);
    }
  }
}

void HistoryHub::claims_heard() {
  hears_claims_ = true;
  look();
  for (const auto& line : listening_) {
    if (line->behind) continue;
    Line::post(line, [to = line.get()] { to->listener->claims_heard(); });
  }
}

void HistoryHub::claimed(const std::string& sid, Fence fence) {
  for (const auto& line : listening_) {
    if (line->behind) continue;
    Line::post(line, [to = line.get(), sid, fence] { to->listener->claimed(sid, fence); });
  }
}

void HistoryHub::lost() {
  hears_claims_ = false;
  for (auto& [name, program] : programs_) program.confirmed = false;
  look();
  for (const auto& line : listening_) {
    if (line->behind) continue;
    Line::post(line, [to = line.get()] { to->tell_loss(); });
  }
}

void HistoryHub::listen(const std::shared_ptr<Line>& line) {
  listening_.push_back(line);
  if (hears_claims_) Line::post(line, [to = line.get()] { to->listener->claims_heard(); });
}

void HistoryHub::leave(const std::shared_ptr<Line>& line) {
  std::erase(listening_, line);
  for (auto program = programs_.begin(); program != programs_.end();) {
    auto& subscribers = program->second.subscribers;
    std::erase_if(subscribers, [&](const Subscriber& each) { return each.line == line; });
    if (!subscribers.empty()) {
      ++program;
      continue;
    }
    store_.unsubscribe(program->first);
    program = programs_.erase(program);
  }
}

void HistoryHub::subscribe(const std::string& program, const Subscriber& subscriber) {
  const auto [at, is_new] = programs_.try_emplace(program);
  at->second.subscribers.push_back(subscriber);
  if (is_new) {
    store_.subscribe(program);
  } else if (at->second.confirmed) {
    tell_subscribed(program, subscriber);
  }
}

void HistoryHub::unsubscribe(const std::string& program, const Subscriber& subscriber) {
  const auto found = programs_.find(program);
  if (found == programs_.end()) return;
  auto& subscribers = found->second.subscribers;
  std::erase_if(subscribers, [&](const Subscriber& each) {
    return each.line == subscriber.line && each.subscription == subscriber.subscription;
  });
  if (!subscribers.empty()) return;
  store_.unsubscribe(program);
  programs_.erase(found);
}

}  // namespace crier::node

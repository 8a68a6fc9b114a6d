#include "node/shared_history.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <utility>

namespace crier::node {

using history::Fence;
using history::StoreError;

namespace {

/// What an event under way takes besides its body.
constexpr std::size_t event_bytes = 256;

}  // namespace

/// What both ends of a link know. The worker's thread alone uses it, but for what says otherwise.
struct SharedHistory::Line {
  explicit Line(web::Worker& w) : worker(w) {}

  web::Worker& worker;
  history::Listener* listener = nullptr;
  std::unordered_map<std::string, std::uint64_t> subscriptions;  ///< Which one is in force.
  std::uint64_t subscriptions_made = 0;
  std::uint64_t losses = 0;  ///< How often the listener was told of one.
  bool closed = false;       ///< The link has gone.
  std::atomic<std::size_t> under_way = 0;
  std::atomic<std::size_t> event_bytes_under_way = 0;
  bool behind = false;  ///< The home's: nothing is posted before the worker has caught up.

  /// From the home's thread: runs `task` on the worker's, unless the link has gone by then.
  static void post(const std::shared_ptr<Line>& line, std::function<void()> task) {
    line->under_way.fetch_add(1, std::memory_order_relaxed);
    line->worker.loop().post([line, task = std::move(task)]() {
      if (!line->closed) {
        line->worker.update_now();
        task();
      }
      line->under_way.fetch_sub(1, std::memory_order_release);
    });
  }

  void tell_loss() {
    ++losses;
    listener->lost();
  }

  [[nodiscard]] bool is_in_force(const std::string& program, std::uint64_t subscription) const {
    const auto found = subscriptions.find(program);
    return found != subscriptions.end() && found->second == subscription;
  }
};

SharedHistory::SharedHistory(web::Worker& home, history::HistoryStore& store,
                             std::size_t backlog_bytes_max)
    : home_(home), store_(store), backlog_bytes_max_(backlog_bytes_max) {
  home.add_turn_user(*this);
  store.listen(*this);
  look();
}

SharedHistory::~SharedHistory() = default;

void SharedHistory::look() {
  available_ = store_.available();
  hears_ = store_.hears();
  if (history::StoreHealth health = store_.health(); health != health_) {
    health_ = std::move(health);
    const std::lock_guard lock(health_mutex_);
    shown_health_ = health_;
  }
}

void SharedHistory::tell_subscribed(const std::string& program, const Subscriber& subscriber) {
  if (subscriber.line->behind) return;
  Line::post(subscriber.line,
             [line = subscriber.line.get(), program, subscription = subscriber.subscription] {
               if (line->is_in_force(program, subscription)) line->listener->subscribed(program);
             });
}

void SharedHistory::subscribed(const std::string& program) {
  const auto found = programs_.find(program);
  if (found == programs_.end()) return;
  found->second.confirmed = true;
  look();
  for (const Subscriber& subscriber : found->second.subscribers) {
    tell_subscribed(program, subscriber);
  }
}

void SharedHistory::published(history::Published event) {
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

void SharedHistory::fall_behind(const std::shared_ptr<Line>& line) {
  home_.log(LogLevel::warning, "a worker is behind, and reads again what it misses",
            {{"worker", std::to_string(line->worker.index())}});
  Line::post(line, [this, line] {
    line->tell_loss();
    home_.loop().post([this, line] { caught_up(line); });
  });
  line->behind = true;
}

void SharedHistory::caught_up(const std::shared_ptr<Line>& line) {
  line->behind = false;
  if (hears_claims_) Line::post(line, [to = line.get()] { to->listener->claims_heard(); });
  for (const auto& [name, program] : programs_) {
    if (!program.confirmed) continue;
    for (const Subscriber& subscriber : program.subscribers) {
      if (subscriber.line == line) tell_subscribed(name, subscriber);
    }
  }
}

void SharedHistory::claims_heard() {
  hears_claims_ = true;
  look();
  for (const auto& line : listening_) {
    if (line->behind) continue;
    Line::post(line, [to = line.get()] { to->listener->claims_heard(); });
  }
}

void SharedHistory::claimed(const std::string& sid, Fence fence) {
  for (const auto& line : listening_) {
    if (line->behind) continue;
    Line::post(line, [to = line.get(), sid, fence] { to->listener->claimed(sid, fence); });
  }
}

void SharedHistory::lost() {
  hears_claims_ = false;
  for (auto& [name, program] : programs_) program.confirmed = false;
  look();
  for (const auto& line : listening_) {
    if (line->behind) continue;
    Line::post(line, [to = line.get()] { to->tell_loss(); });
  }
}

void SharedHistory::listen(const std::shared_ptr<Line>& line) {
  listening_.push_back(line);
  if (hears_claims_) Line::post(line, [to = line.get()] { to->listener->claims_heard(); });
}

void SharedHistory::leave(const std::shared_ptr<Line>& line) {
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

void SharedHistory::subscribe(const std::string& program, const Subscriber& subscriber) {
  const auto [at, is_new] = programs_.try_emplace(program);
  at->second.subscribers.push_back(subscriber);
  if (is_new) {
    store_.subscribe(program);
  } else if (at->second.confirmed) {
    tell_subscribed(program, subscriber);
  }
}

void SharedHistory::unsubscribe(const std::string& program, const Subscriber& subscriber) {
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

// Links.

HistoryLink::HistoryLink(SharedHistory& shared, web::Worker& worker)
    : shared_(shared), line_(std::make_shared<SharedHistory::Line>(worker)) {}

HistoryLink::~HistoryLink() {
  line_->closed = true;
  shared_.home_.loop().post([shared = &shared_, line = line_] { shared->leave(line); });
}

/// `question(store, answer)` runs on the home's loop; `done` on the worker's, with the answer.
template <class Answer, class Question>
void HistoryLink::ask(Question question, std::function<void(Answer)> done) {
  shared_.home_.loop().post([shared = &shared_, line = line_, question = std::move(question),
                             done = std::move(done)]() mutable {
    question(shared->store_, [line = std::move(line), done = std::move(done)](Answer answer) {
      SharedHistory::Line::post(
          line, [done, answer = std::move(answer)]() mutable { done(std::move(answer)); });
    });
  });
}

void HistoryLink::append(history::AppendRequest request,
                         std::function<void(Result<history::Appended, StoreError>)> done) {
  ask<Result<history::Appended, StoreError>>(
      [request = std::move(request)](history::HistoryStore& store, auto answer) mutable {
        store.append(std::move(request), std::move(answer));
      },
      std::move(done));
}

void HistoryLink::read(std::vector<history::ReadRequest> requests,
                       std::function<void(Result<history::ReadReply, StoreError>)> done) {
  ask<Result<history::ReadReply, StoreError>>(
      [requests = std::move(requests)](history::HistoryStore& store, auto answer) mutable {
        store.read(std::move(requests), std::move(answer));
      },
      std::move(done));
}

void HistoryLink::take_over(history::SessionPosition position,
                            std::function<void(Result<void, StoreError>)> done) {
  ask<Result<void, StoreError>>(
      [position = std::move(position)](history::HistoryStore& store, auto answer) mutable {
        store.take_over(std::move(position), std::move(answer));
      },
      std::move(done));
}

void HistoryLink::save_positions(std::vector<history::SessionPosition> positions) {
  shared_.home_.loop().post([shared = &shared_, positions = std::move(positions)]() mutable {
    shared->store_.save_positions(std::move(positions));
  });
}

void HistoryLink::load_position(const std::string& user, const std::string& session,
                                std::function<void(Result<std::string, StoreError>)> done) {
  ask<Result<std::string, StoreError>>(
      [user, session](history::HistoryStore& store, auto answer) {
        store.load_position(user, session, std::move(answer));
      },
      std::move(done));
}

bool HistoryLink::available() const { return shared_.available_; }
history::StoreHealth HistoryLink::health() const {
  const std::lock_guard lock(shared_.health_mutex_);
  return shared_.shown_health_;
}
void HistoryLink::when_available(std::function<void()> /*call*/) { CRIER_ASSERT(false); }
void HistoryLink::witnessed(const history::Epoch& epoch, history::Gid gid) {
  shared_.home_.loop().post(
      [shared = &shared_, epoch, gid] { shared->store_.witnessed(epoch, gid); });
}
bool HistoryLink::hears() const { return shared_.hears_; }

void HistoryLink::listen(history::Listener& listener) {
  line_->listener = &listener;
  shared_.home_.loop().post([shared = &shared_, line = line_] { shared->listen(line); });
}

void HistoryLink::subscribe(const std::string& program) {
  const std::uint64_t subscription = ++line_->subscriptions_made;
  line_->subscriptions[program] = subscription;
  shared_.home_.loop().post([shared = &shared_, line = line_, program, subscription] {
    shared->subscribe(program, {line, subscription});
  });
}

void HistoryLink::unsubscribe(const std::string& program) {
  const auto found = line_->subscriptions.find(program);
  if (found == line_->subscriptions.end()) return;
  const std::uint64_t subscription = found->second;
  line_->subscriptions.erase(found);
  shared_.home_.loop().post([shared = &shared_, line = line_, program, subscription] {
    shared->unsubscribe(program, {line, subscription});
  });
}

// The home has heard all, but this worker has not if it was too far behind meanwhile.
void HistoryLink::probe(std::function<void(bool)> done) {
  ask<bool>([](history::HistoryStore& store, auto answer) { store.probe(std::move(answer)); },
            [line = line_.get(), losses = line_->losses, done = std::move(done)](bool heard) {
              done(heard && line->losses == losses);
            });
}

void HistoryLink::listen_again() {
  shared_.home_.loop().post([shared = &shared_] { shared->store_.listen_again(); });
}

void HistoryLink::claim(const std::string& sid,
                        std::function<void(Result<Fence, StoreError>)> done) {
  ask<Result<Fence, StoreError>>(
      [sid](history::HistoryStore& store, auto answer) { store.claim(sid, std::move(answer)); },
      std::move(done));
}

void HistoryLink::fences(std::vector<std::string> sids,
                         std::function<void(Result<std::vector<Fence>, StoreError>)> done) {
  ask<Result<std::vector<Fence>, StoreError>>(
      [sids = std::move(sids)](history::HistoryStore& store, auto answer) mutable {
        store.fences(std::move(sids), std::move(answer));
      },
      std::move(done));
}

bool HistoryLink::idle() const { return line_->under_way.load(std::memory_order_acquire) == 0; }

}  // namespace crier::node

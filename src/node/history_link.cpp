// Connects a worker to the shared history store; this is the end on the worker's loop.

#include "node/history_link.hpp"

#include "node/history_line.hpp"

#include <utility>

namespace crier::node {

using history::Fence;
using history::StoreError;

HistoryLink::HistoryLink(HistoryHub& shared, web::Worker& worker)
    : shared_(shared), line_(std::make_shared<HistoryHub::Line>(worker)) {}

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
      HistoryHub::Line::post(
          line, [done, answer = std::move(answer)]() mutable { done(std::move(answer)); });
    });
  });
}

void HistoryLink::read(std::vector<history::ReadRequest> requests,
                       history::Done<history::ReadReply> done) {
  ask<Result<history::ReadReply, StoreError>>(
      [requests = std::move(requests)](history::HistoryView& store, auto answer) mutable {
        store.read(std::move(requests), std::move(answer));
      },
      std::move(done));
}

void HistoryLink::take_over(history::SessionPosition position, history::Done<void> done) {
  ask<Result<void, StoreError>>(
      [position = std::move(position)](history::HistoryView& store, auto answer) mutable {
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
                                history::Done<std::string> done) {
  ask<Result<std::string, StoreError>>(
      [user, session](history::HistoryView& store, auto answer) {
        store.load_position(user, session, std::move(answer));
      },
      std::move(done));
}

bool HistoryLink::available() const { return shared_.available_; }
history::StoreHealth HistoryLink::health() const {
  const std::lock_guard lock(shared_.health_mutex_);
  return shared_.shown_health_;
}
void HistoryLink::witnessed(const history::Epoch& epoch, history::Gid gid) {
  shared_.home_.loop().post(
      [shared = &shared_, epoch, gid] { shared->store_.witnessed(epoch, gid); });
}
bool HistoryLink::hears() const { return shared_.hears_; }

void HistoryLink::listen(history::BusListener& listener) {
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
  ask<bool>([](history::HistoryView& store, auto answer) { store.probe(std::move(answer)); },
            [line = line_.get(), losses = line_->losses, done = std::move(done)](bool heard) {
              done(heard && line->losses == losses);
            });
}

void HistoryLink::listen_again() {
  shared_.home_.loop().post([shared = &shared_] { shared->store_.listen_again(); });
}

void HistoryLink::claim(const std::string& sid, history::Done<Fence> done) {
  ask<Result<Fence, StoreError>>(
      [sid](history::HistoryView& store, auto answer) { store.claim(sid, std::move(answer)); },
      std::move(done));
}

void HistoryLink::fences(std::vector<std::string> sids, history::Done<std::vector<Fence>> done) {
  ask<Result<std::vector<Fence>, StoreError>>(
      [sids = std::move(sids)](history::HistoryView& store, auto answer) mutable {
        store.fences(std::move(sids), std::move(answer));
      },
      std::move(done));
}

bool HistoryLink::idle() const { return line_->under_way.load(std::memory_order_acquire) == 0; }

}  // namespace crier::node

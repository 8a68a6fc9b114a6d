#pragma once

#include "history/store.hpp"
#include "web/worker.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace crier::node {

class HistoryLink;

/// One store for several workers. The store lives on a loop of its own; each worker has a
/// HistoryLink, by which it asks, and to which everything that the worker subscribed to is posted:
/// one post an event and worker, in the store's order. Of the many subscribers the store sees one.
/// A worker that is too far behind is told that something was lost, and is subscribed anew when it
/// has caught up: it reads again what it missed.
class SharedHistory final : public web::TurnUser, private history::Listener {
 public:
  /// `home` runs the loop that `store` is used on. Both outlive it. `backlog_bytes_max` bounds what
  /// is posted to one worker and has not arrived; one event may always be.
  SharedHistory(web::Worker& home, history::HistoryStore& store, std::size_t backlog_bytes_max);
  ~SharedHistory() override;

  // TurnUser, of the home.
  void turn_end() override { look(); }
  void tick(TimePoint /*now*/) override {}
  [[nodiscard]] TimePoint deadline() const override { return never; }

 private:
  friend class HistoryLink;
  struct Line;
  struct Subscriber {
    std::shared_ptr<Line> line;
    std::uint64_t subscription;
  };
  struct Program {
    bool confirmed = false;
    std::vector<Subscriber> subscribers;
  };

  // Listener, of the store.
  void subscribed(const std::string& program) override;
  void published(history::Published event) override;
  void claims_heard() override;
  void claimed(const std::string& sid, history::Fence fence) override;
  void lost() override;

  // What links ask for, on the home's loop.
  void listen(const std::shared_ptr<Line>& line);
  void leave(const std::shared_ptr<Line>& line);
  void subscribe(const std::string& program, const Subscriber& subscriber);
  void unsubscribe(const std::string& program, const Subscriber& subscriber);

  void fall_behind(const std::shared_ptr<Line>& line);
  void caught_up(const std::shared_ptr<Line>& line);

  /// What a link may see of the store without asking.
  void look();
  void tell_subscribed(const std::string& program, const Subscriber& subscriber);

  web::Worker& home_;
  history::HistoryStore& store_;
  std::size_t backlog_bytes_max_;
  std::vector<std::shared_ptr<Line>> listening_;
  std::unordered_map<std::string, Program> programs_;
  bool hears_claims_ = false;
  std::atomic<bool> available_ = false;
  std::atomic<bool> hears_ = false;
  history::StoreHealth health_;  ///< The home's,
  mutable std::mutex health_mutex_;
  history::StoreHealth shown_health_;  ///< and what links see of it.
};

/// The shared store as one worker sees it. Made before the loops run; used on the worker's loop.
/// What the home has been asked is answered in order, at the earliest in a later turn.
class HistoryLink final : public history::HistoryStore {
 public:
  /// The home's loop and the worker's outlive it; so does `shared`, unless the home runs no more.
  HistoryLink(SharedHistory& shared, web::Worker& worker);
  ~HistoryLink() override;

  void append(history::AppendRequest request,
              std::function<void(Result<history::Appended, history::StoreError>)> done) override;
  void read(std::vector<history::ReadRequest> requests,
            std::function<void(Result<history::ReadReply, history::StoreError>)> done) override;
  /// As the home saw it last. False: calls fail, but not at once.
  [[nodiscard]] bool available() const override;
  /// As the home saw it last.
  [[nodiscard]] history::StoreHealth health() const override;
  /// Never: who has something to send first lives at the home, and asks the store itself.
  void when_available(std::function<void()> call) override;
  void witnessed(const history::Epoch& epoch, history::Gid gid) override;
  void take_over(history::SessionPosition position,
                 std::function<void(Result<void, history::StoreError>)> done) override;
  void save_positions(std::vector<history::SessionPosition> positions) override;
  void load_position(const std::string& user, const std::string& session,
                     std::function<void(Result<std::string, history::StoreError>)> done) override;
  void listen(history::Listener& listener) override;
  void subscribe(const std::string& program) override;
  void unsubscribe(const std::string& program) override;
  void probe(std::function<void(bool)> done) override;
  void listen_again() override;
  [[nodiscard]] bool hears() const override;
  void claim(const std::string& sid,
             std::function<void(Result<history::Fence, history::StoreError>)> done) override;
  void fences(
      std::vector<std::string> sids,
      std::function<void(Result<std::vector<history::Fence>, history::StoreError>)> done) override;

  /// Whether all that was posted to the worker has reached it. From any thread.
  [[nodiscard]] bool idle() const;

 private:
  template <class Answer, class Question>
  void ask(Question question, std::function<void(Answer)> done);

  SharedHistory& shared_;
  std::shared_ptr<SharedHistory::Line> line_;
};

}  // namespace crier::node

#pragma once

// One store for several workers: the end that lives with a worker.

#include "history/store.hpp"
#include "node/history_hub.hpp"
#include "web/worker.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace crier::node {

/// The shared store as one worker sees it. Made before the loops run; used on the worker's loop.
/// What the home has been asked is answered in order, at the earliest in a later turn.
class HistoryLink final : public history::HistoryView {
 public:
  /// The home's loop and the worker's outlive it; so does `shared`, unless the home runs no more.
  HistoryLink(HistoryHub& shared, web::Worker& worker);
  ~HistoryLink() override;

  void read(std::vector<history::ReadRequest> requests,
            history::Done<history::ReadReply> done) override;
  /// As the home saw it last. False: calls fail, but not at once.
  [[nodiscard]] bool available() const override;
  /// As the home saw it last.
  [[nodiscard]] history::StoreHealth health() const override;
  void witnessed(const history::Epoch& epoch, history::Gid gid) override;
  void take_over(history::SessionPosition position, history::Done<void> done) override;
  void save_positions(std::vector<history::SessionPosition> positions) override;
  void load_position(const std::string& user, const std::string& session,
                     history::Done<std::string> done) override;
  void listen(history::BusListener& listener) override;
  void subscribe(const std::string& program) override;
  void unsubscribe(const std::string& program) override;
  void probe(std::function<void(bool)> done) override;
  void listen_again() override;
  [[nodiscard]] bool hears() const override;
  void claim(const std::string& sid, history::Done<history::Fence> done) override;
  void fences(std::vector<std::string> sids,
              history::Done<std::vector<history::Fence>> done) override;

  /// Whether all that was posted to the worker has reached it. From any thread.
  [[nodiscard]] bool idle() const;

 private:
  template <class Answer, class Question>
  void ask(Question question, std::function<void(Answer)> done);

  HistoryHub& shared_;
  std::shared_ptr<HistoryHub::Line> line_;
};

}  // namespace crier::node

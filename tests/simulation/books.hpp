#pragma once

// What was really published, and what became of it in the store.

#include "history/store.hpp"
#include "store_model.hpp"
#include "world.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace crier::simulation {

/// The n-th event that a publisher made up; 0 for a gap marker.
using EventNumber = std::uint64_t;

struct Entry {
  EventNumber event = 0;
  history::Epoch epoch;
  history::Gid gid = 0;
  TimePoint time{};
  bool trimmed = false;
};

class Books final : public StoreWitness {
 public:
  using Violation = std::function<void(const std::string&)>;
  /// The store knows a publish again for so long.
  Books(World& world, Duration remembers, Violation violation)
      : world_(world), remembers_(remembers), violation_(std::move(violation)) {}

  void appended(const std::string& program, const history::EventNumbers& position,
                std::string_view body) override;
  void lost() override { last_loss_ = world_.now(); }
  void epoch_begun(const history::Epoch& epoch, history::Gid floor) override;
  /// Nothing of the program is stored or read until then.
  void broken(const std::string& program, TimePoint until) {
    breaks_[program].emplace_back(world_.now(), until);
  }
  /// Something has happened to the store after which a new epoch has a cause.
  void may_begin_epoch() {
    epoch_has_cause_ = true;
    epoch_cause_ = world_.now();
  }
  void trimmed(const std::string& program, history::Gid gid) override;

  [[nodiscard]] const std::vector<Entry>& of(const std::string& program) const;
  /// Where in its program's entries an id stands.
  [[nodiscard]] std::optional<std::size_t> find(const std::string& program,
                                                const history::EventId& id) const;
  /// Whether a gap marker of the program was stored from then on.
  [[nodiscard]] bool marked(const std::string& program, TimePoint from) const;
  [[nodiscard]] bool was_broken(const std::string& program, TimePoint from, TimePoint until) const;
  /// Whether an epoch has begun in this time.
  [[nodiscard]] bool epoch_began(TimePoint from, TimePoint until) const;
  /// Whether it was stored again after a loss,
  [[nodiscard]] bool again(EventNumber event) const { return again_.contains(event); }
  /// or when it was not known again any more.
  [[nodiscard]] bool forgotten(EventNumber event) const { return forgotten_.contains(event); }
  [[nodiscard]] const history::Epoch& epoch() const { return epoch_; }
  /// The greatest floor that an epoch began with.
  [[nodiscard]] history::Gid floor() const { return floor_; }
  [[nodiscard]] std::size_t markers() const { return markers_; }

 private:
  struct Appended {
    TimePoint at;
    history::Gid gid;
  };

  World& world_;
  Duration remembers_;
  Violation violation_;
  std::map<std::string, std::vector<Entry>> entries_;
  std::map<std::pair<history::Epoch, history::Gid>, std::pair<std::string, std::size_t>> index_;
  std::map<EventNumber, Appended> appended_;
  std::set<EventNumber> again_;
  std::set<EventNumber> forgotten_;
  std::vector<TimePoint> epochs_;
  std::map<std::string, std::vector<std::pair<TimePoint, TimePoint>>> breaks_;
  history::Epoch epoch_;
  history::Gid floor_ = 0;
  TimePoint last_loss_{};
  std::size_t markers_ = 0;
  bool epoch_has_cause_ = true;  ///< The first one has.
  TimePoint epoch_cause_{};      ///< The latest.
};

/// The number in the envelope's requestId; 0 if there is none.
EventNumber event_number(std::string_view envelope);

}  // namespace crier::simulation

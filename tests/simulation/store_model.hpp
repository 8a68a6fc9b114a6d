#pragma once

// Redis as its nodes see it: what the scripts of backends/redis do with the data, and what happens
// to a server. The other half, a node's connections to it, is in store_link.hpp.

#include "base/random.hpp"
#include "history/store.hpp"
#include "world.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace crier::simulation {

class StoreLink;

/// What a call tells of its caller: what it learnt when it connected, and has seen.
struct Caller {
  std::string run_id;
  history::Epoch spare_epoch;
  history::Gid seen = 0;
  history::Epoch epoch;
  history::Gid seen_in_epoch = 0;
  std::deque<history::Epoch> left;
};

/// Everything that a store keeps. A value: a snapshot is a copy.
struct StoreData {
  struct Program {
    bool known = false;  ///< Its numbers are.
    history::Seq seq = 0;
    history::Gid top = 0;
    std::deque<history::Record> records;
    std::size_t bytes = 0;
  };
  struct Remembered {
    history::Appended first;
    std::string body;  ///< Empty: a token of the node's own.
    std::string call;
    WallTime until = 0;
  };
  std::string run_id;    ///< Of the instance that began the epoch,
  std::string replid;    ///< and its replication id then.
  history::Epoch epoch;  ///< Empty: none yet.
  history::Gid last = 0;
  history::Gid floor = 0;
  std::map<std::string, Program> programs;
  std::map<std::pair<std::string, std::string>, Remembered> tokens;
  std::map<std::string, history::Fence> claims;
  struct Saved {
    std::string holder;
    std::string value;
    WallTime at = 0;
    std::uint64_t order = 0;
  };
  std::map<std::string, std::map<std::string, Saved>> sessions;  ///< Of each user, by name.
};

/// Who keeps the books of a run.
class StoreWitness {
 public:
  virtual void appended(const std::string& program, const history::EventNumbers& position,
                        std::string_view body) = 0;
  /// What is there is lost, in whole or since the snapshot; a new epoch follows.
  virtual void lost() = 0;
  /// All that it numbers is above the floor.
  virtual void epoch_begun(const history::Epoch& epoch, history::Gid floor) = 0;
  /// The program's records up to `gid` are not kept any more.
  virtual void trimmed(const std::string& program, history::Gid gid) = 0;

 protected:
  ~StoreWitness() = default;
};

class StoreModel {
 public:
  StoreModel(World& world, const history::Retention& retention, StoreWitness* witness);

  [[nodiscard]] WallTime clock() const;
  /// The greatest number so far.
  [[nodiscard]] history::Gid last() const { return data_.last; }
  [[nodiscard]] const history::Retention& retention() const { return retention_; }

  // What the scripts do.
  std::optional<history::Appended> append(const Caller& caller,
                                          const history::AppendRequest& request,
                                          const std::string& call, bool own_token);
  history::ReadReply read(const Caller& caller, const std::vector<history::ReadRequest>& requests);
  history::Fence claim(const std::string& sid);
  [[nodiscard]] history::Fence fence(const std::string& sid) const;
  void take_over(const history::SessionPosition& position);
  void save(const std::vector<history::SessionPosition>& positions);
  [[nodiscard]] std::string load(const std::string& user, const std::string& session) const;

  [[nodiscard]] bool is_broken(const std::string& program) const {
    const auto found = broken_until_.find(program);
    return found != broken_until_.end() && world_.now() < found->second;
  }

  // Links.
  void add(StoreLink& link) { links_.push_back(&link); }
  void remove(StoreLink& link) { std::erase(links_, &link); }
  [[nodiscard]] bool up() const { return world_.now() >= down_until_; }
  [[nodiscard]] TimePoint answers_from() const { return hangs_until_; }
  /// Of the instance that answers now, as a connection learns it.
  [[nodiscard]] const std::string& run_id() const { return instance_; }

  // Faults.
  enum class Loss : std::uint8_t { nothing, everything, since_snapshot };
  void snapshot();
  void restart(Loss loss, Duration down);
  /// What was numbered since the snapshot is lost, as on a master that was another's replica for a
  /// while: the process and the connections go on.
  void set_back();
  void flush();
  void evict_numbers();
  void evict_records(const std::string& program);
  /// The program's key is of another type for so long.
  void break_program(const std::string& program, Duration time) {
    broken_until_[program] = world_.now() + time;
  }
  void hang(Duration time);
  void step_clock(Duration step) { clock_step_ += step; }
  /// Of the next messages on the bus, this many come twice.
  void repeat_messages(std::size_t count) { repeats_ += count; }

 private:
  void check_epoch(const Caller& caller);
  void save(const history::SessionPosition& position, bool takes_over);
  void trim(const std::string& name, StoreData::Program& program);
  [[nodiscard]] history::Gid oldest() const;
  [[nodiscard]] bool is_old(const StoreData::Saved& saved) const {
    return saved.at < static_cast<WallTime>(oldest());
  }

  World& world_;
  Dice dice_;
  history::Retention retention_;
  StoreWitness* witness_;
  StoreData data_;
  StoreData snapshot_;
  std::vector<StoreLink*> links_;
  TimePoint down_until_{};
  TimePoint hangs_until_{};
  Duration clock_step_{};
  std::map<std::string, TimePoint> broken_until_;
  std::size_t repeats_ = 0;
  std::uint64_t runs_ = 0;
  std::uint64_t saves_ = 0;
  std::string instance_ = "run0";
  std::string replid_ = "repl0";
};

}  // namespace crier::simulation

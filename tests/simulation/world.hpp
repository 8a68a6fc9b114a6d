#pragma once

// Virtual time and the one order in which everything happens.

#include "base/time.hpp"
#include "dice.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace crier::simulation {

class Network;

/// A machine with one process: where a loop runs. Everything that is made on a loop belongs to the
/// host that was current when the loop was made.
struct Host {
  std::string name;
  std::uint32_t index = 0;
  bool dead = false;               ///< The process is gone: nothing of it runs or is sent any more.
  TimePoint frozen_until = {};     ///< Handlers wait until then,
  std::vector<TimePoint> threads;  ///< and those of each loop, in the order made, until then.
  std::set<std::uint32_t> descriptors;  ///< In use.
};

/// One run: its clock, its events, its network. One at a time a thread: the headers of net/ have no
/// place for it.
class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  static World& current();

  [[nodiscard]] TimePoint now() const { return now_; }
  /// What a right clock shows.
  [[nodiscard]] WallTime wall_clock() const {
    return 1'764'000'000'000'000 + now_.time_since_epoch().count();
  }
  /// Milliseconds since the start.
  [[nodiscard]] std::int64_t milliseconds() const;
  /// Runs `action` then; what is asked for one time runs in the order asked.
  void at(TimePoint time, std::function<void()> action);
  void after(Duration delay, std::function<void()> action) { at(now_ + delay, std::move(action)); }
  /// Runs the next action; false when there is none.
  bool step();
  void run_until(TimePoint end);

  [[nodiscard]] const Dice& dice() const { return dice_; }
  Network& network() { return *network_; }

  // Hosts.
  Host& add_host(std::string name);
  void set_current(Host& host) { host_ = &host; }
  [[nodiscard]] Host& current_host();

  // What happened. The hash covers all of it, the text is written if asked for.
  void print_trace(bool print) { printing_ = print; }
  [[nodiscard]] bool printing() const { return printing_; }
  void mix(std::uint64_t value);
  void mix(std::string_view bytes);
  void trace(std::string_view who, std::string_view what);
  /// Prints only: nothing that the run depends on.
  void print(std::string_view who, std::string_view what) const;
  [[nodiscard]] std::uint64_t hash() const { return hash_; }

 private:
  struct Due {
    TimePoint time;
    std::uint64_t number;
    std::size_t place;  ///< Place of its action.
  };
  static bool later(const Due& a, const Due& b);

  Dice dice_;
  TimePoint now_{std::chrono::hours(1)};
  std::uint64_t number_ = 0;
  std::vector<Due> due_;  ///< A heap of small values: the actions themselves are not moved.
  std::vector<std::function<void()>> actions_;
  std::vector<std::size_t> free_;  ///< Places in actions_.
  std::vector<std::unique_ptr<Host>> hosts_;
  Host* host_ = nullptr;
  std::unique_ptr<Network> network_;
  std::uint64_t hash_ = 0xCBF29CE484222325U;
  bool printing_ = false;
};

}  // namespace crier::simulation

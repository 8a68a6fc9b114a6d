#pragma once

#include <cstdint>
#include <string_view>

namespace crier::simulation {

/// The only source of chance in a simulation: SplitMix64, the same on every machine. A value.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31U);
  }

  /// 0 … `count` - 1.
  std::uint64_t below(std::uint64_t count) { return count == 0 ? 0 : next() % count; }
  /// Both ends included.
  std::int64_t between(std::int64_t least, std::int64_t greatest) {
    return least +
           static_cast<std::int64_t>(below(static_cast<std::uint64_t>(greatest - least) + 1));
  }
  bool one_in(std::uint64_t count) { return below(count) == 0; }
  bool percent(std::uint64_t chance) { return below(100) < chance; }

  /// Dice of their own for what is called `name`: what is drawn from them moves no others.
  [[nodiscard]] Dice fork(std::string_view name, std::uint64_t number = 0) const {
    std::uint64_t hash = 0xCBF29CE484222325U ^ state_;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
    Dice dice(hash ^ (number * 0xD6E8FEB86659FD93U));
    dice.next();
    return dice;
  }

 private:
  std::uint64_t state_;
};

}  // namespace crier::simulation

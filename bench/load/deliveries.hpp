#pragma once

// What arrives: how many events, how long each took, and when a broadcast has reached everybody.

#include "histogram.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <string_view>

namespace load {

/// The ns after `"now":"` in a text; 0 when there are none.
class Stamp {
 public:
  [[nodiscard]] std::int64_t in(std::string_view text) {
    constexpr std::string_view name = R"("now":")";
    // It mostly is where it was the last time.
    if (at_ + name.size() > text.size() ||
        std::memcmp(text.data() + at_, name.data(), name.size()) != 0) {
      const void* found = ::memmem(text.data(), text.size(), name.data(), name.size());
      if (found == nullptr) return 0;
      at_ = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    }
    std::int64_t number = 0;
    for (std::size_t i = at_ + name.size(); i < text.size(); ++i) {
      const auto digit = static_cast<unsigned>(text[i]) - '0';
      if (digit > 9) break;
      number = number * 10 + digit;
    }
    return number;
  }

 private:
  std::size_t at_ = 0;
};

/// Whether a packet is what a gateway sends by itself after each CONNECT.
inline bool is_catchup(std::string_view packet) {
  return packet.substr(std::min(packet.find('['), packet.size())).starts_with(R"(["catchup")");
}

class Deliveries {
 public:
  /// `stamped`: what is published has a time in it, so that events without one are none of ours.
  explicit Deliveries(bool stamped) : stamped_(stamped) {}

  /// An event arrived at a client at `now`.
  void event(std::string_view text, std::int64_t now) {
    const std::int64_t stamp = stamp_.in(text);
    if (stamp == 0) {
      (stamped_ || is_catchup(text) ? others : count) += 1;
      return;
    }
    ++count;
    latency.record(now - stamp);
    Broadcast& broadcast = broadcasts_[slot_of(stamp)];
    if (broadcast.stamp == stamp && ++broadcast.count >= expected_) over(broadcast, now);
  }

  /// A broadcast that begins at `now`: the time to write into it, and to call it by. No two have
  /// the same.
  std::int64_t begin(std::int64_t now);

  /// It was not accepted: nobody gets it.
  void cancel(std::int64_t stamp);

  /// How many clients a broadcast goes to, from now on and for those that are under way.
  void expect(std::uint64_t clients, std::int64_t now);

  /// Those without a stamp in them end in the order of their beginning.
  void end_unstamped(std::int64_t now);

  /// Gives up those that began before `time`; how many.
  std::uint64_t give_up(std::int64_t time);

  /// How many broadcasts have begun and are not over.
  [[nodiscard]] std::uint64_t under_way() const { return under_way_; }

  /// Forgets all figures; what is under way stays so.
  void clear();

  std::uint64_t count = 0;    ///< Events that somebody published.
  std::uint64_t others = 0;   ///< Events that the server sent by itself.
  std::uint64_t overrun = 0;  ///< Broadcasts that more than 4,096 later ones have overtaken.
  Histogram latency;          ///< Latency of each delivery.
  Histogram whole;            ///< Of each broadcast, to its last client.

 private:
  static constexpr std::size_t slots = 4096;
  struct Broadcast {
    std::int64_t stamp = 0;  ///< 0: none.
    std::uint64_t count = 0;
  };

  static std::size_t slot_of(std::int64_t stamp) {
    return static_cast<std::uint64_t>(stamp) % slots;
  }
  void over(Broadcast& broadcast, std::int64_t now);

  bool stamped_;
  Stamp stamp_;
  std::uint64_t expected_ = 0;
  std::uint64_t under_way_ = 0;
  std::int64_t ended_ =
      0;  ///< Events of unstamped broadcasts that are over, less what clear() forgot.
  std::int64_t last_ = 0;
  std::array<Broadcast, slots> broadcasts_{};
  std::deque<std::int64_t> unstamped_;
};

}  // namespace load

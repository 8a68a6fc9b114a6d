#include "deliveries.hpp"

#include <algorithm>

namespace load {

std::int64_t Deliveries::begin(std::int64_t now) {
  last_ = std::max(now, last_ + 1);
  ++under_way_;
  if (!stamped_) {
    unstamped_.push_back(last_);
    return last_;
  }
  // The time itself, a few ns later if need be, says which slot is whose.
  if (under_way_ <= slots) {
    while (broadcasts_[slot_of(last_)].stamp != 0) ++last_;
  } else {
    --under_way_;
    ++overrun;
  }
  broadcasts_[slot_of(last_)] = {last_, 0};
  return last_;
}

void Deliveries::cancel(std::int64_t stamp) {
  if (stamped_) {
    Broadcast& broadcast = broadcasts_[slot_of(stamp)];
    if (broadcast.stamp != stamp) return;
    broadcast = {};
    --under_way_;
  } else if (std::erase(unstamped_, stamp) != 0) {
    --under_way_;
  }
}

void Deliveries::expect(std::uint64_t clients, std::int64_t now) {
  expected_ = clients;
  if (under_way_ == 0 || !stamped_) return;
  for (Broadcast& broadcast : broadcasts_) {
    if (broadcast.stamp != 0 && broadcast.count >= expected_) over(broadcast, now);
  }
}

void Deliveries::end_unstamped(std::int64_t now) {
  while (!unstamped_.empty() &&
         static_cast<std::int64_t>(count) - ended_ >= static_cast<std::int64_t>(expected_)) {
    whole.record(now - unstamped_.front());
    unstamped_.pop_front();
    ended_ += static_cast<std::int64_t>(expected_);
    --under_way_;
  }
}

std::uint64_t Deliveries::give_up(std::int64_t time) {
  std::uint64_t given_up = 0;
  for (Broadcast& broadcast : broadcasts_) {
    if (broadcast.stamp == 0 || broadcast.stamp >= time) continue;
    broadcast = {};
    ++given_up;
  }
  while (!unstamped_.empty() && unstamped_.front() < time) {
    unstamped_.pop_front();
    ended_ = static_cast<std::int64_t>(count);
    ++given_up;
  }
  under_way_ -= given_up;
  return given_up;
}

void Deliveries::clear() {
  ended_ -= static_cast<std::int64_t>(count);
  count = others = overrun = 0;
  latency.clear();
  whole.clear();
}

void Deliveries::over(Broadcast& broadcast, std::int64_t now) {
  whole.record(now - broadcast.stamp);
  broadcast = {};
  --under_way_;
}

}  // namespace load

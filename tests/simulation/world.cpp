#include "world.hpp"

#include "base/assert.hpp"
#include "network.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <utility>

namespace crier::simulation {

namespace {

thread_local World* current_world = nullptr;

constexpr TimePoint start{std::chrono::hours(1)};

}  // namespace

World::World(std::uint64_t seed) : dice_(Dice(seed).fork("world")) {
  CRIER_ASSERT(current_world == nullptr);
  current_world = this;
  network_ = std::make_unique<Network>(*this);
}

World::~World() {
  // What actions hold may close connections, which asks for more of them.
  while (!actions_.empty()) {
    free_.clear();
    const std::vector<std::function<void()>> gone = std::exchange(actions_, {});
  }
  network_.reset();
  current_world = nullptr;
}

World& World::current() {
  CRIER_ASSERT(current_world != nullptr);
  return *current_world;
}

std::int64_t World::milliseconds() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now_ - start).count();
}

bool World::later(const Due& a, const Due& b) {
  return a.time != b.time ? a.time > b.time : a.number > b.number;
}

void World::at(TimePoint time, std::function<void()> action) {
  std::size_t place = actions_.size();
  if (free_.empty()) {
    actions_.push_back(std::move(action));
  } else {
    place = free_.back();
    free_.pop_back();
    actions_[place] = std::move(action);
  }
  due_.push_back({std::max(time, now_), number_++, place});
  std::push_heap(due_.begin(), due_.end(), later);
}

bool World::step() {
  if (due_.empty()) return false;
  std::pop_heap(due_.begin(), due_.end(), later);
  const Due next = due_.back();
  due_.pop_back();
  now_ = next.time;
  const std::function<void()> action = std::exchange(actions_[next.place], nullptr);
  free_.push_back(next.place);
  action();
  return true;
}

void World::run_until(TimePoint end) {
  while (!due_.empty() && due_.front().time <= end) step();
  now_ = std::max(now_, end);
}

Host& World::add_host(std::string name) {
  hosts_.push_back(std::make_unique<Host>());
  Host& host = *hosts_.back();
  host.name = std::move(name);
  host.index = static_cast<std::uint32_t>(hosts_.size());
  return host;
}

Host& World::current_host() {
  if (host_ == nullptr) host_ = &add_host("host");
  return *host_;
}

void World::mix(std::uint64_t value) {
  hash_ = (hash_ ^ value) * 0x9E3779B97F4A7C15U;
  hash_ ^= hash_ >> 32U;
}

/// Eight bytes at a time: all that is traced goes through here.
void World::mix(std::string_view bytes) {
  mix(bytes.size());
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = std::min(bytes.size(), sizeof word);
    std::memcpy(&word, bytes.data(), size);
    mix(word);
    bytes.remove_prefix(size);
  }
}

void World::trace(std::string_view who, std::string_view what) {
  mix(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
  mix(who);
  mix(what);
  print(who, what);
}

void World::print(std::string_view who, std::string_view what) const {
  if (!printing_) return;
  std::printf("%8" PRId64 " ms  %-8.*s %.*s\n", milliseconds(), static_cast<int>(who.size()),
              who.data(), static_cast<int>(what.size()), what.data());
}

}  // namespace crier::simulation

#include "world.hpp"

#include "base/assert.hpp"
#include "network.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
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
  while (!actions_.empty()) const std::vector<Action> gone = std::exchange(actions_, {});
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

bool World::later(const Action& a, const Action& b) {
  return std::pair(a.time, a.number) > std::pair(b.time, b.number);
}

void World::at(TimePoint time, std::function<void()> action) {
  actions_.push_back({std::max(time, now_), number_++, std::move(action)});
  std::push_heap(actions_.begin(), actions_.end(), later);
}

bool World::step() {
  if (actions_.empty()) return false;
  std::pop_heap(actions_.begin(), actions_.end(), later);
  Action action = std::move(actions_.back());
  actions_.pop_back();
  now_ = action.time;
  action.run();
  return true;
}

void World::run_until(TimePoint end) {
  while (!actions_.empty() && actions_.front().time <= end) step();
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

void World::mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001B3U; }

void World::mix(std::string_view bytes) {
  for (const char c : bytes) mix(static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
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

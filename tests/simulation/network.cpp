#include "network.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <utility>

namespace crier::simulation {

namespace {

constexpr int other(int end) { return 1 - end; }

}  // namespace

Wire::Wire(World& world, Dice dice, Duration latency)
    : world_(world), dice_(dice), latency_(latency), usual_latency_(latency) {
  // Small ones make short writes and backlogs, but over a long way nothing would get through them;
  // most are as large as a kernel's.
  capacity_ = dice_.one_in(4) && latency < std::chrono::milliseconds(20)
                  ? static_cast<std::size_t>(dice_.between(200, 3'000))
                  : 64 * 1024;
}

void Wire::set_user(int end, EndUser* user) {
  Side& side = sides_[end];
  side.user = user;
  if (user == nullptr) side.waits_readable = side.waits_writable = false;
}

bool Wire::can_read(const Side& side) const {
  return side.reset || side.fin || !side.received.empty();
}

std::size_t Wire::room(int to) const {
  const Side& side = sides_[to];
  const std::size_t used = side.in_flight + side.received.size();
  return used >= capacity_ ? 0 : capacity_ - used;
}

void Wire::wait_readable(int end) {
  sides_[end].waits_readable = true;
  if (can_read(sides_[end])) tell_readable(end);
}

void Wire::wait_writable(int end) {
  sides_[end].waits_writable = true;
  if (sides_[end].reset || room(other(end)) > 0) tell_writable(end);
}

void Wire::tell_readable(int end) {
  Side& side = sides_[end];
  if (!std::exchange(side.waits_readable, false) || side.user == nullptr) return;
  side.user->end_readable();
}

void Wire::tell_writable(int end) {
  Side& side = sides_[end];
  if (!std::exchange(side.waits_writable, false) || side.user == nullptr) return;
  side.user->end_writable();
}

net::IoResult Wire::read(int end, std::span<char> into) {
  Side& side = sides_[end];
  if (!side.received.empty()) {
    const bool was_full = room(end) == 0;
    const std::size_t count = std::min(into.size(), side.received.size());
    std::copy_n(side.received.begin(), count, into.begin());
    side.received.erase(0, count);
    if (was_full && !silent_) {
      world_.after(latency_, [self = shared_from_this(), end] {
        if (self->room(end) > 0) self->tell_writable(other(end));
      });
    }
    return {net::IoStatus::done, count};
  }
  if (side.reset) return {net::IoStatus::failed};
  if (side.fin) return {net::IoStatus::closed};
  return {net::IoStatus::would_block};
}

net::IoResult Wire::write(int end, std::string_view bytes) {
  Side& self = sides_[end];
  if (self.reset || self.closed) return {net::IoStatus::failed};
  if (bytes.empty()) return {net::IoStatus::done, 0};
  const std::size_t count = std::min(room(other(end)), bytes.size());
  if (count == 0) return {net::IoStatus::would_block};
  send(other(end), std::string(bytes.substr(0, count)));
  return {net::IoStatus::done, count};
}

TimePoint Wire::arrival(Side& side) {
  const Duration jitter(dice_.below(static_cast<std::uint64_t>(latency_.count()) / 2 + 1));
  side.last_arrival = std::max(side.last_arrival, world_.now() + latency_ + jitter);
  return side.last_arrival;
}

void Wire::send(int to, std::string bytes) {
  Side& side = sides_[to];
  side.in_flight += bytes.size();
  side.unacknowledged += bytes.size();
  if (silent_) return;
  world_.at(arrival(side), [self = shared_from_this(), to, bytes = std::move(bytes)] {
    self->arrived(to, bytes);
  });
}

void Wire::arrived(int to, const std::string& bytes) {
  Side& side = sides_[to];
  if (silent_ || side.reset) return;
  std::string_view view = bytes;
  const bool last = view.size() >= side.cut_after;
  if (last) view = view.substr(0, side.cut_after);
  if (side.cut_after != SIZE_MAX) side.cut_after -= view.size();
  side.in_flight -= bytes.size();
  world_.mix(view);
  if (side.closed) {  // nobody is there to read it
    send_reset(other(to));
    return;
  }
  side.received += view;
  world_.after(latency_, [self = shared_from_this(), to, count = view.size()] {
    self->acknowledge(to, count);
  });
  if (!view.empty()) tell_readable(to);
  if (last) cut(side.cut_how);
}

void Wire::acknowledge(int to, std::size_t bytes) {
  if (!silent_ && !cut_) sides_[to].unacknowledged -= bytes;
}

bool Wire::all_acknowledged(int end) const { return sides_[other(end)].unacknowledged == 0; }

void Wire::send_fin(int to) {
  Side& side = sides_[to];
  if (std::exchange(side.fin_sent, true) || silent_) return;
  world_.at(arrival(side), [self = shared_from_this(), to] {
    Side& side = self->sides_[to];
    if (self->silent_ || side.reset || side.fin) return;
    side.fin = true;
    self->tell_readable(to);
  });
}

void Wire::send_reset(int to) {
  if (silent_) return;
  world_.after(latency_, [self = shared_from_this(), to] {
    Side& side = self->sides_[to];
    if (self->silent_ || std::exchange(side.reset, true)) return;
    if (self->dice_.one_in(2)) side.received.clear();  // as some systems do
    self->tell_readable(to);
    self->tell_writable(to);
  });
}

void Wire::shut_down_write(int end) { send_fin(other(end)); }

void Wire::close(int end, bool reset) {
  Side& side = sides_[end];
  side.user = nullptr;
  if (std::exchange(side.closed, true)) return;
  if (end == 1) world_.network().release(*this);
  if (reset || !side.received.empty()) {
    send_reset(other(end));
  } else {
    send_fin(other(end));
  }
}

void Wire::cut(Cut how) {
  if (std::exchange(cut_, true)) return;
  world_.trace("net", "cut " + std::to_string(number));
  if (how == Cut::silent) {
    silent_ = true;
  } else if (how == Cut::roam) {
    sides_[0].reset = true;
    tell_readable(0);
    silent_ = true;
  } else if (how == Cut::fin) {
    send_fin(0);
    send_fin(1);
  } else {
    send_reset(0);
    send_reset(1);
  }
}

void Wire::cut_after(int end, std::size_t bytes, Cut how) {
  sides_[end].cut_after = bytes;
  sides_[end].cut_how = how;
}

void Wire::spare() {
  for (Side& side : sides_) {
    if (!cut_) side.cut_after = SIZE_MAX;  // what a cut wire had under way stays lost
  }
  latency_ = usual_latency_;
}

void Wire::kill(int end, bool silent) {
  Side& side = sides_[end];
  side.user = nullptr;
  if (silent) silent_ = true;
  const bool unread = !side.received.empty();
  if (std::exchange(side.closed, true)) return;
  if (end == 1) world_.network().release(*this);
  if (unread) {
    send_reset(other(end));
  } else {
    send_fin(other(end));
  }
}

Network::Network(World& world) : world_(world), dice_(world.dice().fork("network")) {}
Network::~Network() = default;

std::uint16_t Network::bind(Host& host, const net::Address& address) {
  const std::uint16_t port = address.port == 0 ? next_port_++ : address.port;
  Port& bound = ports_[port];
  if (address.sharing != net::Sharing::joining) bound = {&host};
  CRIER_ASSERT(bound.host == &host);
  return port;
}

void Network::listen(Host& host, std::uint16_t port, const void* listener, Accept accept) {
  Port& listening = ports_[port];
  listening.host = &host;
  listening.listeners.emplace_back(listener, std::move(accept));
}

void Network::stop_listening(std::uint16_t port, const void* listener) {
  const auto found = ports_.find(port);
  if (found == ports_.end() || found->second.vanished) return;
  std::erase_if(found->second.listeners,
                [&](const auto& candidate) { return candidate.first == listener; });
  if (found->second.listeners.empty()) ports_.erase(found);
}

void Network::connect(std::uint16_t port, Duration timeout, Connected done) {
  const std::uint64_t number = next_wire_++;
  Dice dice = world_.dice().fork("wire", number);
  const Duration latency(dice.between(100, weather.latency_us_max));
  world_.after(latency, [this, port, timeout, number, dice, latency, done = std::move(done)] {
    const auto found = ports_.find(port);
    if (found != ports_.end() && found->second.vanished) {
      world_.after(timeout, [done] { done(nullptr); });
      return;
    }
    if (found == ports_.end() || found->second.listeners.empty()) {
      world_.after(latency, [done] { done(nullptr); });
      return;
    }
    auto wire = std::make_shared<Wire>(world_, dice, latency);
    wire->number = number;
    Host& host = *found->second.host;
    std::uint32_t descriptor = host.index * 100'000;
    while (host.descriptors.contains(descriptor)) ++descriptor;  // the lowest, as systems do
    host.descriptors.insert(descriptor);
    wire->descriptor = descriptor;
    wire->host = &host;
    descriptors_[descriptor] = wire;
    wires_[number] = wire;
    const auto& listeners = found->second.listeners;
    const std::size_t lot = listeners.size() == 1 ? 0 : Dice(dice).below(listeners.size());
    listeners[lot].second(wire);
    world_.after(latency, [done, wire] { done(wire); });
  });
}

std::shared_ptr<Wire> Network::find(int descriptor) const {
  const auto found = descriptors_.find(static_cast<std::uint32_t>(descriptor));
  return found == descriptors_.end() ? nullptr : found->second.lock();
}

void Network::release(Wire& wire) {
  descriptors_.erase(wire.descriptor);
  wires_.erase(wire.number);
  wire.host->descriptors.erase(wire.descriptor);
}

void Network::kill(Host& host, bool silent) {
  host.dead = true;
  for (auto& [port, listening] : ports_) {
    if (listening.host == &host) listening.vanished = silent;
  }
  if (!silent) {
    std::erase_if(ports_, [&](const auto& port) { return port.second.host == &host; });
  }
  for (const auto& wire : open_wires()) {
    if (wire->host == &host) wire->kill(1, silent);
  }
}

std::vector<std::shared_ptr<Wire>> Network::open_wires() const {
  std::vector<std::shared_ptr<Wire>> open;
  for (const auto& [number, wire] : wires_) {
    if (auto alive = wire.lock()) open.push_back(std::move(alive));
  }
  return open;
}

}  // namespace crier::simulation

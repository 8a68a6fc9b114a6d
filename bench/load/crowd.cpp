#include "crowd.hpp"

#include "clock.hpp"
#include "polling_client.hpp"
#include "process.hpp"
#include "websocket_client.hpp"

#include <algorithm>
#include <cmath>

namespace load {

namespace {

constexpr double patience = 30;  ///< Seconds without any handshake that ends.
/// Seconds. The kernel adds what a thread spends to its account at a tick of at most 10 ms, or
/// when the thread sleeps: what 20 connects cost is not there yet when the last one is through.
constexpr double cpu_delay = 0.02;
constexpr std::size_t quick_ports = 10'000;
constexpr std::size_t sip_bytes = 4096;
constexpr double sip_interval = 0.1;
constexpr std::size_t sip_turns = 50;

}  // namespace

Crowd::Crowd(const Options& options, Loop& loop, Deliveries& deliveries, Errors& errors)
    : options_(options), loop_(loop), errors_(errors), shared_(loop, deliveries, errors) {
  shared_.url = options.url;
  shared_.path = options.path;
  shared_.set_name_space(options.name_space);
  shared_.joined = [this](Client& client, std::int64_t now) { joined(client, now); };
  shared_.lost = [this](Client& client, bool had_joined) { lost(client, had_joined); };
  shared_.acked = [](Client&, std::uint64_t, std::int64_t) {};
  shared_.recovered_event = [](Client&, std::int64_t) {};
}

bool Crowd::set_up(std::string& problem) {
  if (!resolve(options_.url, shared_.to, problem)) return false;
  if (options_.url.tls) {
    tls_ = std::make_unique<Tls>(options_.url.host, options_.insecure);
    shared_.tls = tls_.get();
  }
  set_sources();
  const auto share_of = [&](std::size_t count) {
    return std::floor(static_cast<double>(count) * options_.slow);
  };
  for (std::size_t i = 0; i < options_.clients; ++i) {
    clients_.push_back(make_client(i));
    clients_.back()->slow = share_of(i + 1) > share_of(i);
    slow.clients += clients_.back()->slow ? 1 : 0;
  }
  return true;
}

std::unique_ptr<Client> Crowd::make_client(std::size_t index) {
  const std::string& auth = options_.auth_of(index);
  if (options_.transport == Transport::polling) {
    return std::make_unique<PollingClient>(shared_, index, auth);
  }
  return std::make_unique<WebSocketClient>(shared_, index, auth);
}

void Crowd::set_sources() {
  const std::size_t connections = options_.transport == Transport::polling ? 2 : 1;
  if (!shared_.to.loopback()) return;
  // Of 28,000 ports the kernel tries half first, and all of them in turn when most are taken.
  const std::size_t ports = std::min(ports_per_source(), quick_ports);
  shared_.clients_per_source = std::max<std::size_t>(ports / connections, 1);
  if (options_.clients <= shared_.clients_per_source) return;
  for (std::size_t i = 0; i * shared_.clients_per_source < options_.clients; ++i) {
    shared_.sources.push_back(loopback_source(static_cast<std::uint32_t>(i)));
  }
}

void Crowd::joined(Client& client, std::int64_t now) {
  if (!client.slow) {
    ++listening_;
    shared_.deliveries.expect(listening_, now);
  }
  if (on_joined) on_joined(client, now);
}

void Crowd::lost(Client& client, bool had_joined) {
  if (had_joined && client.slow) {
    ++slow.closed;
  } else if (had_joined) {
    ++disconnects;
    --listening_;
    shared_.deliveries.expect(listening_, nanoseconds());
  }
  if (on_lost) on_lost(client, had_joined);
}

void Crowd::cut() {
  for (const auto& client : clients_) client->cut();
  listening_ = 0;
}

void Crowd::connect(Figures& figures) {
  if (!figures.connect) figures.connect.emplace();
  std::vector<Client*> away;
  for (const auto& client : clients_) {
    if (!client->open()) away.push_back(client.get());
  }
  const std::size_t count = away.size();
  std::size_t next = 0;
  std::size_t ended = 0;
  const std::int64_t begin = nanoseconds();
  const std::int64_t cpu = cpu_nanoseconds(options_.servers);
  std::int64_t last = begin;
  on_joined = [&](Client& client, std::int64_t now) {
    figures.connect->took.record(now - client.started());
    ++figures.connect->count;
    ++ended;
    last = now;
  };
  on_lost = [&](Client& /*client*/, bool had_joined) {
    if (had_joined) return;
    ++figures.connect_failed;
    ++ended;
    last = nanoseconds();
  };
  loop_.run([&](std::int64_t now) {
    while (next < count && next - ended < options_.connecting) away[next++]->start();
    const bool tired = now - last > in_nanoseconds(patience);
    return ended == count || tired ? Loop::done : now + in_nanoseconds(1);
  });
  on_joined = {};
  on_lost = {};
  for (Client* client : away) {
    if (!client->open() || client->joined()) continue;
    client->cut();
    errors_.add("handshake without an answer", "given up after 30 s");
    ++figures.connect_failed;
  }
  figures.connect_seconds += static_cast<double>(last - begin) / 1e9;
  figures.connect->per_second =
      static_cast<double>(figures.connect->count) / figures.connect_seconds;
  if (options_.servers.empty()) return;
  loop_.wait(cpu_delay);
  const auto spent = static_cast<double>(cpu_nanoseconds(options_.servers) - cpu);
  figures.cpu_seconds_connecting = figures.cpu_seconds_connecting.value_or(0) + spent / 1e9;
  figures.connect->cpu_microseconds = *figures.cpu_seconds_connecting * 1e6 /
                                      std::max(1.0, static_cast<double>(figures.connect->count));
}

void Crowd::slow_down() {
  if (slow.clients == 0) return;
  std::vector<Client*> sippers;
  bool sips = false;
  for (const auto& client : clients_) {
    if (!client->slow) continue;
    client->pause();
    if (sips) sippers.push_back(client.get());
    sips = !sips;
  }
  if (sippers.empty()) return;
  // By turns: all at one moment would hold up those that read as fast as they can.
  const std::size_t turns = std::min(sip_turns, sippers.size());
  const std::size_t each = (sippers.size() + turns - 1) / turns;
  loop_.every(in_nanoseconds(sip_interval / static_cast<double>(turns)),
              [sippers, each, next = std::size_t{0}](std::int64_t /*now*/) mutable {
                for (std::size_t i = 0; i < each; ++i)
                  sippers[next++ % sippers.size()]->sip(sip_bytes);
              });
}

void Crowd::speed_up() {
  for (const auto& client : clients_) {
    if (client->slow) client->resume();
  }
  slow.deliveries = shared_.slow_deliveries;
}

}  // namespace load

#include "churn.hpp"

#include "clock.hpp"

#include <algorithm>

namespace load {

namespace {

constexpr double patience = 10;  ///< Seconds, for each.
constexpr std::uint64_t failures_most = 100;

}  // namespace

Churn::Churn(Bench& bench, std::function<bool(const Client&)> complete)
    : bench_(bench), complete_(std::move(complete)) {
  bench_.crowd.on_joined = [this](Client& client, std::int64_t now) { look_at(client, now); };
  bench_.crowd.shared().recovered_event = [this](Client& client, std::int64_t now) {
    look_at(client, now);
  };
  bench_.crowd.on_lost = [this](Client& client, bool /*had_joined*/) {
    if (client.over) return;
    client.over = true;
    ++failed;
    ended_.push_back(&client);
  };
}

Churn::~Churn() {
  bench_.crowd.on_joined = {};
  bench_.crowd.on_lost = {};
  bench_.crowd.shared().recovered_event = [](Client&, std::int64_t) {};
}

void Churn::clear() {
  completed = recovered = failed = 0;
  took.clear();
}

void Churn::look_at(Client& client, std::int64_t now) {
  if (client.over || !client.joined() || !complete_(client)) return;
  client.over = true;
  took.record(now - client.started());
  ++completed;
  ++bench_.happened;
  recovered += client.recovered() ? 1 : 0;
  // It is not cut while it reads its frames.
  ended_.push_back(&client);
}

void Churn::start_next() {
  const auto& clients = bench_.crowd.clients();
  while (clients[next_ % clients.size()]->open()) ++next_;
  ++under_way_;
  clients[next_++ % clients.size()]->start();
}

void Churn::give_up(std::int64_t now) {
  if (now - looked_ < in_nanoseconds(1)) return;
  looked_ = now;
  for (const auto& client : bench_.crowd.clients()) {
    if (!client->open() || client->over || now - client->started() < in_nanoseconds(patience))
      continue;
    bench_.errors.add("incomplete", "a client that was not done after 10 s");
    client->over = true;
    ++failed;
    ended_.push_back(client.get());
  }
}

bool Churn::go_on(double seconds) {
  const std::int64_t end = nanoseconds() + in_nanoseconds(seconds);
  const std::size_t most = std::min(bench_.options.connecting, bench_.crowd.clients().size());
  const auto hopeless = [this] { return failed >= failures_most && completed == 0; };
  bench_.loop.run([&](std::int64_t now) {
    std::vector<Client*> ended;
    ended.swap(ended_);
    for (Client* client : ended) client->cut();
    under_way_ -= ended.size();
    if (now >= end || hopeless()) return Loop::done;
    give_up(now);
    // One that fails at once ends in this turn and begins again in the next one.
    for (std::size_t i = under_way_; i < most; ++i) start_next();
    return ended_.empty() ? std::min(end, now + in_nanoseconds(1)) : now;
  });
  return !hopeless();
}

void Churn::once() {
  std::vector<Client*> away;
  for (const auto& client : bench_.crowd.clients()) {
    if (!client->open()) away.push_back(client.get());
  }
  std::size_t next = 0;
  bench_.loop.run([&](std::int64_t now) {
    under_way_ -= std::exchange(ended_, {}).size();
    give_up(now);
    while (next < away.size() && under_way_ < bench_.options.connecting) {
      ++under_way_;
      away[next++]->start();
    }
    if (!ended_.empty()) return now;
    return under_way_ == 0 && next == away.size() ? Loop::done : now + in_nanoseconds(1);
  });
}

}  // namespace load

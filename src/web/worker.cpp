// Accepts connections and runs them on one loop.

#include "web/worker.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <utility>

namespace crier::web {

namespace {

constexpr std::size_t spare_outboxes_max = 256;

/// Answers what no other endpoint serves.
class NotFound final : public Endpoint {
 public:
  std::size_t head(Connection& connection, const http::Request& /*request*/) override {
    connection.answer(http::json(404, R"({"code":"not_found","message":"There is nothing here.")"
                                      R"(,"path":""})"));
    return 0;
  }
  void request(Connection& /*connection*/, http::Request& /*request*/) override {}
  void body_failed(Connection& connection, int status) override {
    connection.answer({status, {}, {}});
  }
  void lost(Connection& /*connection*/, bool /*answered*/) override {}
};

}  // namespace

void Totals::limit_handshakes(std::uint32_t per_second, std::uint32_t burst, TimePoint now) {
  const std::lock_guard lock(mutex_);
  handshakes_.reset();
  if (per_second > 0) handshakes_.emplace(per_second, burst, now);
}

bool Totals::take_handshake(TimePoint now) {
  const std::lock_guard lock(mutex_);
  return !handshakes_ || handshakes_->take(now);
}

Worker::Counters& Worker::Counters::operator+=(const Counters& other) {
  accepted += other.accepted;
  refused += other.refused;
  accept_failures += other.accept_failures;
  return *this;
}

Worker::Worker(WorkerOptions options, LogSink log)
    : options_(std::move(options)),
      log_(std::move(log)),
      wheel_(now()),
      timer_(loop_, [this] { tick(); }),
      not_found_(std::make_unique<NotFound>()),
      scratch_(64 * 1024) {
  loop_.on_turn_end([this] { turn_end(); });
}

Worker::~Worker() { loop_.on_turn_end({}); }

void Worker::route(std::string prefix, Endpoint& endpoint) {
  const auto shorter = std::find_if(routes_.begin(), routes_.end(), [&](const auto& route) {
    return route.first.size() < prefix.size();
  });
  routes_.emplace(shorter, std::move(prefix), &endpoint);
}

void Worker::add_turn_user(TurnUser& user) { turn_users_.push_back(&user); }

void Worker::join(std::size_t index, std::span<Worker* const> workers, Totals& totals) {
  index_ = index;
  workers_ = workers;
  totals_ = &totals;
}

Result<void, std::string> Worker::listen() {
  auto bound = bind(options_.address);
  return bound ? open_port() : bound;
}

Result<void, std::string> Worker::open_port() {
  if (!listener_) return {};
  return listener_->listen();
}

Result<void, std::string> Worker::bind(const net::Address& address) {
  auto listener = net::Listener::bind(
      loop_, address, [this](net::Stream stream) { accept(std::move(stream)); }, options_.tls,
      [this](const std::string& reason) { accept_failed(reason); });
  if (!listener) return Unexpected{listener.error()};
  listener_ = std::move(listener).value();
  port_ = listener_->port();
  ++totals_->listeners;
  return {};
}

void Worker::stop_listening() {
  if (!listener_) return;
  listener_.reset();
  --totals_->listeners;
}

Endpoint* Worker::endpoint_for(std::string_view path) const {
  for (const auto& [prefix, endpoint] : routes_) {
    if (path.starts_with(prefix)) return endpoint;
  }
  return not_found_.get();
}

void Worker::accept(net::Stream stream) {
  if (totals_->connections >= options_.connections_max) {
    ++counters_.refused;
    return;
  }
  ++counters_.accepted;
  const Key key = connections_.reserve();
  connections_.emplace(key, std::make_unique<Connection>(*this, key, std::move(stream)));
  ++totals_->connections;
}

void Worker::accept_failed(const std::string& reason) {
  ++counters_.accept_failures;
  ++unsaid_accept_failures_;
  if (accept_failure_said_ && now() < *accept_failure_said_ + std::chrono::seconds(1)) return;
  accept_failure_said_ = now();
  log(LogLevel::warning, "connections wait: none can be accepted",
      {{"reason", reason},
       {"times", std::to_string(std::exchange(unsaid_accept_failures_, 0))},
       {"connections", std::to_string(totals_->connections)}});
}

void Worker::receive(Connection::Parcel& parcel) {
  auto stream = net::attach(loop_, std::move(parcel.stream));
  if (!stream) {
    --totals_->connections;
    return;
  }
  const Key key = connections_.reserve();
  connections_.emplace(key, std::make_unique<Connection>(*this, key, std::move(*stream), parcel))
      .arrived();
}

void Worker::forget(Key connection) {
  wheel_.cancel(slot_of(connection));
  if (auto gone = connections_.erase(connection)) {
    forgotten_.push_back(std::move(gone));
    --totals_->connections;
  }
}

void Worker::set_deadline(Key connection, TimePoint deadline) {
  wheel_.set(slot_of(connection), deadline);
}

std::unique_ptr<Outbox> Worker::spare_outbox() {
  if (spare_outboxes_.empty()) return std::make_unique<Outbox>();
  auto outbox = std::move(spare_outboxes_.back());
  spare_outboxes_.pop_back();
  return outbox;
}

void Worker::spare(std::unique_ptr<Outbox> outbox) {
  if (spare_outboxes_.size() >= spare_outboxes_max) return;
  outbox->clear();
  spare_outboxes_.push_back(std::move(outbox));
}

void Worker::flush() {
  // What a dead connection makes a handler do may queue more, and may flush in its turn: that goes
  // on from here, so that all has been written when it returns.
  while (flushed_ < dirty_.size()) {
    if (Connection* connection = connections_.find(dirty_[flushed_++])) connection->flush();
  }
  dirty_.clear();
  flushed_ = 0;
}

void Worker::turn_end() {
  flush();
  for (TurnUser* user : turn_users_) user->turn_end();
  flush();
  forgotten_.clear();
  ++turn_;
  arm();
}

void Worker::tick() {
  armed_ = never;
  due_.clear();
  wheel_.advance(now(), due_);
  for (const auto slot : due_) {
    if (Connection* connection = connections_.at_slot(slot)) connection->expired();
  }
  for (TurnUser* user : turn_users_) {
    if (user->deadline() <= now()) user->tick(now());
  }
}

void Worker::arm() {
  TimePoint next = wheel_.next();
  for (const TurnUser* user : turn_users_) next = std::min(next, user->deadline());
  if (next == armed_) return;
  armed_ = next;
  timer_.arm(next);
}

void Worker::close_idle_connections() {
  for (std::uint32_t slot = 0; slot < connections_.slots(); ++slot) {
    Connection* connection = connections_.at_slot(slot);
    if (connection == nullptr || connection->is_websocket() || connection->awaits_answer()) {
      continue;
    }
    connection->close_after_flush();
  }
}

void Worker::log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (log_) log_(level, message, fields);
}

}  // namespace crier::web

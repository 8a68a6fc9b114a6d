#include "client.hpp"

#include "base/json_text.hpp"
#include "base/time.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace crier::simulation {

namespace {

constexpr Duration connect_timeout = std::chrono::seconds(20);
constexpr std::int64_t delay_min_ms = 1'000;
constexpr std::int64_t delay_max_ms = 5'000;

/// Within one epoch; ids of one are of one length.
bool is_later(const std::optional<std::string>& offset, const std::optional<std::string>& than) {
  return offset && than &&
         offset->substr(0, offset->find('.')) == than->substr(0, than->find('.')) &&
         *offset > *than;
}

}  // namespace

Client::Client(World& world, std::string name, ClientOptions options,
               std::function<std::uint16_t()> route, Application& application)
    : page_(std::make_shared<Page>(world, world.dice().fork("page " + name), name)),
      losses_(world.dice().fork("losses " + page_->name)),
      options_(std::move(options)),
      route_(std::move(route)),
      application_(application) {}

Client::~Client() { detach(); }

void Client::start() {
  started_ = true;
  page_->after(Duration(0), [this] { open(false); });
}

void Client::stop() {
  ++generation_;
  ++opening_;
  skip_reconnect_ = true;
  connected_ = false;
  detach();
  engine_.reset();
  past_.clear();
}

void Client::reload() {
  if (!started_) return;
  page_->world.trace(name(), "reload");
  const bool was_connected = connected_;
  stop();
  if (was_connected) application_.disconnected(*this, "reload");
  skip_reconnect_ = reconnecting_ = manager_open_ = false;
  attempts_ = 0;
  id_.clear();
  pid_.reset();
  has_lost_pid_ = false;
  last_offset_.reset();
  receive_buffer_.clear();
  page_->after(Duration(page_->dice.between(1'000, 500'000)), [this, generation = generation_] {
    if (generation == generation_) open(false);
  });
}

// Manager.

void Client::detach() {
  if (!engine_) return;
  if (engine_->upgraded()) ++upgrades_;
  repeated_polls_ += engine_->repeated_polls();
  engine_->listeners = {};
  past_.push_back(engine_);
  if (past_.size() > 4) past_.erase(past_.begin());
}

void Client::open(bool reconnecting) {
  if (skip_reconnect_) return;
  const std::uint16_t port = route_();
  engine_ = std::make_shared<EngineClient>(*page_, port, options_.transports);
  page_->world.trace(name(), "open " + std::to_string(port));
  engine_->listeners.open = [this, reconnecting] { engine_opened(reconnecting); };
  engine_->listeners.error = [this, reconnecting] { engine_failed(reconnecting); };
  const std::uint64_t opening = ++opening_;
  page_->after(connect_timeout, [this, opening, reconnecting] {
    if (opening != opening_ || manager_open_) return;
    const auto engine = engine_;
    engine_failed(reconnecting);
    engine->close();
  });
  engine_->open();
}

void Client::engine_failed(bool reconnecting) {
  ++opening_;
  detach();
  manager_open_ = false;
  if (reconnecting) {
    reconnecting_ = false;
    reconnect();
  } else if (!reconnecting_ && attempts_ == 0) {
    reconnect();
  }
}

void Client::engine_opened(bool reconnecting) {
  ++opening_;
  manager_open_ = true;
  hears_nothing_ = false;
  engine_->listeners = {};
  // The socket hears of it before the manager listens for what follows, and so does not see data
  // that comes in the same breath any later.
  send_connect();
  engine_->listeners.data = [this](std::string_view data) { engine_data(data); };
  engine_->listeners.error = [] {};
  engine_->listeners.close = [this](std::string_view reason) { manager_closed(reason); };
  if (reconnecting) {
    reconnecting_ = false;
    attempts_ = 0;
  }
}

void Client::engine_data(std::string_view data) {
  page_->microtask([this, generation = generation_, data = std::string(data)] {
    if (generation == generation_) packet(data);
  });
}

void Client::manager_closed(std::string_view reason) {
  detach();
  engine_->close();
  attempts_ = 0;
  manager_open_ = false;
  // Told whether or not it was connected, as the official socket does.
  connected_ = false;
  id_.clear();
  page_->world.trace(name(), "closed: " + std::string(reason));
  application_.disconnected(*this, reason);
  if (!skip_reconnect_) reconnect();
}

Duration Client::backoff() {
  const double doubled = static_cast<double>(delay_min_ms) * std::pow(2.0, attempts_++);
  const auto delay = static_cast<std::int64_t>(std::min(doubled, 1e6));
  const std::int64_t jitter = page_->dice.between(0, delay / 2);
  const std::int64_t spread = page_->dice.one_in(2) ? delay - jitter : delay + jitter;
  return std::chrono::milliseconds(std::min(spread, delay_max_ms));
}

void Client::reconnect() {
  if (reconnecting_ || skip_reconnect_) return;
  reconnecting_ = true;
  page_->after(backoff(), [this, generation = generation_] {
    if (generation == generation_) open(true);
  });
}

// Socket.

void Client::lose_pid() {
  if (!options_.loses_pid || !pid_ || !losses_.one_in(32)) return;
  const Client* other = losses_.one_in(2) ? options_.other_user() : nullptr;
  if (other != nullptr && other->pid()) {
    pid_ = other->pid();
    // A page has what is up to its offset, as whatever user it got that: it may only be farther.
    if (is_later(other->offset(), last_offset_)) last_offset_ = other->offset();
  } else {
    pid_->front() = '!';
  }
  has_lost_pid_ = true;
  page_->world.trace(name(), "its pid is not its own any more");
}

void Client::send_connect() {
  lose_pid();
  const std::string stated = auth();
  application_.connecting(*this, stated);
  engine_->write("0" + stated);
}

std::string Client::auth() {
  std::string auth = "{";
  if (pid_ && options_.knows_pid && options_.cursor != CursorKind::unreadable) {
    auth += "\"pid\":" + json::quote(*pid_) + ",";
    if (last_offset_) auth += "\"offset\":" + json::quote(*last_offset_) + ",";
  }
  return auth + "\"token\":" + json::quote(options_.token) + cursor() + "}";
}

std::string Client::cursor() {
  switch (options_.cursor) {
    case CursorKind::none:
      return {};
    case CursorKind::session:
      return ",\"session\":" + json::quote("page of " + name());
    case CursorKind::event_id:
      return stored_id.empty() ? "" : ",\"lastEventId\":" + json::quote(stored_id);
    case CursorKind::timestamp:
      if (stored_timestamp_ms == 0) return {};
      return ",\"lastEventTimestamp\":" + std::to_string(stored_timestamp_ms);
    case CursorKind::iso_time:
      if (stored_timestamp_ms == 0) return {};
      return ",\"lastEventTimestamp\":" + json::quote(iso8601(stored_timestamp_ms));
    case CursorKind::future:
      return future();
    case CursorKind::unreadable:
      return unreadable();
  }
  return {};
}

/// Farther ahead than any clock of a simulation is wrong.
std::string Client::future() {
  const std::int64_t ahead_ms = page_->dice.between(90'000, 86'400'000);
  const std::size_t dot = stored_id.find('.');
  if (dot != std::string::npos && page_->dice.one_in(2)) {
    const std::int64_t gid = page_->world.wall_clock() + 1'000 * ahead_ms;
    return ",\"lastEventId\":" + json::quote(stored_id.substr(0, dot + 1) + std::to_string(gid));
  }
  const std::int64_t time_ms = page_->world.wall_clock() / 1'000 + ahead_ms;
  const std::string number = std::to_string(time_ms);
  return ",\"lastEventTimestamp\":" +
         (page_->dice.one_in(2) ? number : json::quote(iso8601(time_ms)));
}

std::string Client::unreadable() {
  const Client* other = options_.other_user ? options_.other_user() : nullptr;
  if (other != nullptr) return ",\"pid\":" + json::quote(*other->pid()) + ",\"offset\":\"x\"";
  switch (page_->dice.below(4)) {
    case 0:
      return ",\"lastEventId\":\"yesterday\"";
    case 1:
      return ",\"lastEventTimestamp\":\"2026-13-01T00:00:00Z\"";
    case 2:
      return ",\"lastEventTimestamp\":-1";
    default:
      // Sealed with a secret that is not used any more, as far as the gateway can see.
      std::string pid = pid_.value_or("pid");
      pid.front() = pid.front() == 'A' ? 'B' : 'A';
      return ",\"pid\":" + json::quote(pid);
  }
}

void Client::packet(std::string_view packet) {
  if (packet.empty() || hears_nothing_) return;
  const std::string_view data = packet.substr(1);
  switch (packet.front()) {
    case '0':
      return on_connect(data);
    case '1':
      return destroy("disconnected by the server");
    case '2':
      return on_event(data);
    case '4':
      return destroy(data);
    default:
      return;
  }
}

void Client::on_connect(std::string_view data) {
  const auto text = [&](std::string_view key) -> std::optional<std::string> {
    const auto value = json::member(data, key);
    return value ? json::unquote(*value) : std::nullopt;
  };
  id_ = text("sid").value_or("");
  const auto pid = text("pid");
  const bool recovered = pid && pid_ == pid;
  pid_ = pid;
  hears_nothing_ = std::exchange(has_lost_pid_, false) && losses_.one_in(2);
  if (hears_nothing_) page_->after(Duration(0), [engine = engine_] { engine->close(); });
  connected_ = true;
  application_.connected(*this, recovered);
  const auto waiting = receive_buffer_;
  for (const auto& event : waiting) emit(event);
  receive_buffer_.clear();
}

void Client::on_event(std::string_view data) {
  if (connected_) {
    emit(data);
  } else {
    receive_buffer_.emplace_back(data);
  }
}

void Client::emit(std::string_view data) {
  const auto arguments = json::elements(data);
  if (!arguments || arguments->empty()) return;
  const auto name = json::unquote(arguments->front()).value_or("");
  application_.event(*this, name, *arguments);
  const std::string_view last = arguments->back();
  if (pid_ && !last.empty() && last.front() == '"') last_offset_ = json::unquote(last);
}

void Client::destroy(std::string_view why) {
  skip_reconnect_ = true;
  connected_ = false;
  application_.refused(*this, why);
  detach();
  if (engine_) engine_->close();
}

}  // namespace crier::simulation

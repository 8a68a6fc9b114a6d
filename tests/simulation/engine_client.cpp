#include "engine_client.hpp"

#include "base/json_text.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace crier::simulation {

namespace {

constexpr char separator = '\x1E';

std::int64_t number_in(std::string_view object, std::string_view key) {
  const auto value = json::member(object, key);
  std::int64_t number = 0;
  if (value) std::from_chars(value->data(), value->data() + value->size(), number);
  return number;
}

}  // namespace

EngineClient::EngineClient(Page& page, std::uint16_t port, Transports transports)
    : page_(page),
      port_(port),
      transports_(transports),
      requests_(std::make_shared<Requests>(page, port)) {}

void EngineClient::open() {
  if (transports_ == Transports::websocket) {
    open_websocket();
  } else {
    polling_current_ = true;
    poll();
  }
}

std::string EngineClient::target(std::string_view transport) {
  std::string path = "/socket.io/?EIO=4&transport=" + std::string(transport);
  if (transport == "polling") path += "&t=" + std::to_string(page_.dice.below(1U << 30U));
  if (!sid_.empty()) path += "&sid=" + sid_;
  return path;
}

// Polling.

void EngineClient::poll() {
  is_polling_ = true;
  requests_->send("GET", target("polling"), {},
                  [weak = weak_from_this()](int status, const std::string& body) {
                    if (const auto self = weak.lock()) self->polled(status, body);
                  });
}

void EngineClient::polled(int status, const std::string& payload) {
  if (status != 200) return polling_error();
  for (std::string_view rest = payload;;) {
    const std::size_t end = rest.find(separator);
    polling_packet(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (polling_ == Polling::closed) return;
  is_polling_ = false;
  if (polling_ == Polling::pausing && polling_writable_ && on_paused_) {
    polling_ = Polling::paused;
    std::exchange(on_paused_, {})();
  }
  if (polling_ == Polling::open) poll();
}

void EngineClient::polling_packet(std::string_view packet) {
  if (packet.empty()) return;
  if (polling_ == Polling::opening && packet.front() == '0') {
    polling_ = Polling::open;
    polling_writable_ = true;
  }
  if (packet.front() == '1') {
    polling_ = Polling::closed;
    if (polling_current_) on_close("transport close");
    return;
  }
  if (polling_current_) this->packet(packet);
}

void EngineClient::polling_write(const std::vector<std::string>& packets) {
  polling_writable_ = false;
  std::string payload;
  for (const auto& packet : packets) {
    if (!payload.empty()) payload += separator;
    payload += packet;
  }
  requests_->send("POST", target("polling"), payload,
                  [weak = weak_from_this()](int status, const std::string& /*body*/) {
                    const auto self = weak.lock();
                    if (!self) return;
                    if (status != 200) return self->polling_error();
                    self->polling_writable_ = true;
                    if (self->polling_current_ && self->state_ != State::closed) self->drained();
                    if (self->polling_ == Polling::pausing && !self->is_polling_ &&
                        self->polling_writable_ && self->on_paused_) {
                      self->polling_ = Polling::paused;
                      std::exchange(self->on_paused_, {})();
                    }
                  });
}

void EngineClient::pause_polling(std::function<void()> paused) {
  polling_ = Polling::pausing;
  if (is_polling_ || !polling_writable_) {
    on_paused_ = std::move(paused);
    return;
  }
  polling_ = Polling::paused;
  paused();
}

void EngineClient::polling_error() {
  if (polling_current_ && state_ != State::closed) on_error();
}

// WebSocket.

void EngineClient::open_websocket() {
  const std::weak_ptr<EngineClient> weak = weak_from_this();
  const auto with = [weak](auto call) {
    return [weak, call] {
      if (const auto self = weak.lock()) {
        if (self->state_ != State::closed) call(*self);
      }
    };
  };
  websocket_ = std::make_shared<WebSocket>(
      page_, port_, target("websocket"),
      WebSocket::Handlers{[] {},
                          [weak](std::string_view text) {
                            if (const auto self = weak.lock()) self->packet(text);
                          },
                          with([](EngineClient& self) { self.on_error(); }),
                          with([](EngineClient& self) { self.on_close("transport close"); })});
  websocket_->start();
}

void EngineClient::websocket_write(const std::vector<std::string>& packets) {
  writable_ = false;
  for (const auto& packet : packets) websocket_->send(packet);
  page_.microtask([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->state_ == State::closed) return;
    self->writable_ = true;
    self->drained();
  });
}

void EngineClient::probe() {
  const std::weak_ptr<EngineClient> weak = weak_from_this();
  probing_ = std::make_shared<WebSocket>(
      page_, port_, target("websocket"),
      WebSocket::Handlers{[weak] {
                            const auto self = weak.lock();
                            if (self && self->probing_) self->probing_->send("2probe");
                          },
                          [weak](std::string_view text) {
                            const auto self = weak.lock();
                            if (!self) return;
                            if (self->probing_) {
                              self->probe_packet(text);
                            } else {
                              self->packet(text);
                            }
                          },
                          [weak] {
                            const auto self = weak.lock();
                            if (!self) return;
                            if (self->probing_) return self->probe_failed();
                            if (self->upgraded() && self->state_ != State::closed) self->on_error();
                          },
                          [weak] {
                            const auto self = weak.lock();
                            if (!self) return;
                            if (self->probing_) return self->probe_failed();
                            if (self->upgraded() && self->state_ != State::closed) {
                              self->on_close("transport close");
                            }
                          }});
  probing_->start();
}

void EngineClient::probe_packet(std::string_view packet) {
  if (std::exchange(probe_answered_, true)) return;
  if (packet != "3probe") return;  // told as an upgradeError, to nobody here
  upgrading_ = true;
  pause_polling([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || !self->probing_ || self->state_ == State::closed) return;
    self->websocket_ = std::exchange(self->probing_, nullptr);
    self->polling_current_ = false;
    self->websocket_write({"5"});
    self->upgrading_ = false;
    self->upgrade_settled();
    self->flush();
  });
}

// The pause that is under way is not taken back: the client of the day stays paused, and finds
// itself closed by its ping time-out.
void EngineClient::probe_failed() {
  const auto gone = std::exchange(probing_, nullptr);
  if (gone) gone->close();
  upgrade_settled();
}

// The session.

void EngineClient::packet(std::string_view packet) {
  if (state_ == State::closed || packet.empty()) return;
  switch (packet.front()) {
    case '0':
      handshake(packet.substr(1));
      break;
    case '2':
      send_packet("3");
      reset_ping_timeout();
      break;
    case '4':
      if (const auto told = listeners.data) told(packet.substr(1));
      break;
    default:
      break;
  }
}

void EngineClient::handshake(std::string_view data) {
  const auto sid = json::member(data, "sid");
  sid_ = sid ? json::unquote(*sid).value_or("") : "";
  ping_timeout_ =
      std::chrono::milliseconds(number_in(data, "pingInterval") + number_in(data, "pingTimeout"));
  state_ = State::open;
  if (const auto told = listeners.open) told();
  flush();
  if (state_ == State::open && transports_ == Transports::polling_then_websocket) probe();
  if (state_ == State::closed) return;
  reset_ping_timeout();
}

void EngineClient::reset_ping_timeout() {
  const std::uint64_t arming = ++ping_arming_;
  page_.after(ping_timeout_, [weak = weak_from_this(), arming] {
    const auto self = weak.lock();
    if (self && self->ping_arming_ == arming) self->on_close("ping timeout");
  });
}

void EngineClient::send_packet(std::string packet) {
  if (state_ == State::closing || state_ == State::closed) return;
  write_buffer_.push_back(std::move(packet));
  flush();
}

void EngineClient::flush() {
  const bool ready = polling_current_ ? polling_writable_ : writable_;
  if (state_ == State::closed || !ready || upgrading_ || write_buffer_.empty()) return;
  const std::vector<std::string> packets = write_buffer_;
  if (!polling_current_) {
    websocket_write(packets);
  } else if (polling_ == Polling::open) {
    polling_write(packets);
  }
  previous_length_ = packets.size();
}

void EngineClient::drained() {
  write_buffer_.erase(write_buffer_.begin(),
                      write_buffer_.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                  previous_length_, write_buffer_.size())));
  previous_length_ = 0;
  if (!write_buffer_.empty()) return flush();
  if (!std::exchange(close_when_drained_, false)) return;
  if (upgrading_) {
    close_when_upgraded_ = true;
  } else {
    close_now();
  }
}

void EngineClient::upgrade_settled() {
  if (std::exchange(close_when_upgraded_, false)) close_now();
}

void EngineClient::close_now() { on_close("forced close"); }

void EngineClient::close() {
  if (state_ != State::opening && state_ != State::open) return;
  state_ = State::closing;
  if (!write_buffer_.empty()) {
    close_when_drained_ = true;
  } else if (upgrading_) {
    close_when_upgraded_ = true;
  } else {
    close_now();
  }
}

void EngineClient::on_error() {
  const auto self = shared_from_this();
  if (const auto told = listeners.error) told();
  on_close("transport error");
}

void EngineClient::close_transport() {
  if (!polling_current_) {
    if (websocket_) websocket_->close();
  } else if (polling_ == Polling::open) {
    polling_write({"1"});
    polling_ = Polling::closed;
  } else if (polling_ == Polling::opening) {
    polling_ = Polling::closed;
  }
}

void EngineClient::on_close(std::string_view reason) {
  if (state_ == State::closed) return;
  const auto self = shared_from_this();
  ++ping_arming_;
  close_transport();
  state_ = State::closed;
  sid_.clear();
  if (const auto told = listeners.close) told(reason);
  if (probing_) probe_failed();
  write_buffer_.clear();
  previous_length_ = 0;
}

}  // namespace crier::simulation

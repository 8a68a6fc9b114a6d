#include "browser.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace crier::simulation {

namespace {

constexpr Duration connect_timeout = std::chrono::seconds(10);

}  // namespace

void Page::task(const std::function<void()>& run) {
  if (running_) return run();
  running_ = true;
  run();
  while (!microtasks_.empty()) {
    const std::function<void()> next = std::move(microtasks_.front());
    microtasks_.pop_front();
    next();
  }
  running_ = false;
}

void Page::after(Duration delay, std::function<void()> action) {
  world.after(delay, [this, action = std::move(action)] { task(action); });
}

// Connections.

PageConnection::PageConnection(Page& page, std::shared_ptr<Wire> wire)
    : page_(page), wire_(std::move(wire)) {
  wire_->set_user(0, this);
}

PageConnection::~PageConnection() { close(false); }

void PageConnection::start() { wire_->wait_readable(0); }

void PageConnection::send(std::string bytes) {
  unsent_ += bytes;
  write();
}

void PageConnection::write() {
  while (!closed_ && !unsent_.empty()) {
    const auto result = wire_->write(0, unsent_);
    if (result.status == net::IoStatus::would_block) return wire_->wait_writable(0);
    if (result.status != net::IoStatus::done) return;  // the reading side finds out
    unsent_.erase(0, result.bytes);
  }
}

void PageConnection::close(bool reset) {
  if (std::exchange(closed_, true)) return;
  wire_->close(0, reset);
}

void PageConnection::end_writable() { write(); }

void PageConnection::end_readable() {
  const auto self = shared_from_this();
  if (page_.world.now() < page_.reads_from) {
    page_.world.at(page_.reads_from, [weak = weak_from_this()] {
      if (const auto later = weak.lock()) later->end_readable();
    });
    return;
  }
  if (closed_) return;
  std::array<char, 4096> buffer;
  const auto result = wire_->read(0, buffer);
  if (result.status == net::IoStatus::would_block) return wire_->wait_readable(0);
  if (result.status != net::IoStatus::done) return ended(result.status == net::IoStatus::failed);
  received({buffer.data(), result.bytes});
  if (!closed_) wire_->wait_readable(0);
}

// Requests.

class Requests::Connection final : public PageConnection {
 public:
  Connection(Requests& pool, std::shared_ptr<Wire> wire)
      : PageConnection(pool.page_, std::move(wire)), pool_(pool.weak_from_this()) {}

  void run(std::shared_ptr<Exchange> exchange) {
    exchange_ = std::move(exchange);
    answer_.clear();
    send(exchange_->bytes);
  }
  [[nodiscard]] bool idle() const { return exchange_ == nullptr; }
  bool used = false;

 protected:
  void received(std::string_view bytes) override {
    if (!exchange_) return close(true);  // nobody has asked
    answer_ += bytes;
    const std::size_t head = answer_.find("\r\n\r\n");
    if (head == std::string::npos) return;
    const std::size_t length = content_length(std::string_view(answer_).substr(0, head));
    if (answer_.size() < head + 4 + length) return;
    int status = 0;
    std::from_chars(answer_.data() + 9, answer_.data() + 12, status);
    const bool keep =
        std::string_view(answer_).substr(0, head).find("onnection: close") == std::string::npos;
    const auto exchange = std::exchange(exchange_, nullptr);
    const std::string body = answer_.substr(head + 4, length);
    used = true;
    if (const auto pool = pool_.lock()) pool->finished(self(), keep);
    page_.task([&] { exchange->done(status, body); });
  }

  void ended(bool /*failed*/) override {
    const auto keep = self();
    close(false);
    const auto pool = pool_.lock();
    if (!pool) return;
    const auto exchange = std::exchange(exchange_, nullptr);
    pool->finished(keep, false);
    if (exchange) pool->failed(keep, exchange, !answer_.empty());
  }

 private:
  std::shared_ptr<Connection> self() {
    return std::static_pointer_cast<Connection>(shared_from_this());
  }
  static std::size_t content_length(std::string_view head) {
    constexpr std::string_view name = "Content-Length: ";
    const std::size_t at = head.find(name);
    std::size_t length = 0;
    if (at == std::string_view::npos) return length;
    std::from_chars(head.data() + at + name.size(), head.data() + head.size(), length);
    return length;
  }

  std::weak_ptr<Requests> pool_;
  std::shared_ptr<Exchange> exchange_;
  std::string answer_;
};

Requests::~Requests() = default;

void Requests::send(const std::string& method, const std::string& target, const std::string& body,
                    Done done) {
  auto exchange = std::make_shared<Exchange>();
  exchange->bytes = method + ' ' + target + " HTTP/1.1\r\nHost: crier\r\n";
  if (method == "POST") {
    exchange->bytes +=
        "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n";
  }
  exchange->bytes += "\r\n" + body;
  exchange->done = std::move(done);
  run(exchange);
}

void Requests::run(const std::shared_ptr<Exchange>& exchange) {
  for (const auto& connection : connections_) {
    if (!connection->idle()) continue;
    return connection->run(exchange);
  }
  page_.world.network().connect(
      port_, connect_timeout, [weak = weak_from_this(), exchange](std::shared_ptr<Wire> wire) {
        const auto self = weak.lock();
        if (!self) {
          if (wire) wire->close(0, false);
          return;
        }
        if (!wire) return self->page_.task([&] { exchange->done(0, {}); });
        auto connection = std::make_shared<Connection>(*self, std::move(wire));
        self->connections_.push_back(connection);
        connection->start();
        connection->run(exchange);
      });
}

void Requests::finished(const std::shared_ptr<Connection>& connection, bool keep) {
  if (keep) return;
  connection->close(false);
  std::erase(connections_, connection);
}

void Requests::failed(const std::shared_ptr<Connection>& connection,
                      const std::shared_ptr<Exchange>& what, bool answer_began) {
  if (connection->used && !answer_began) {
    ++repeats_;
    return run(what);
  }
  page_.task([&] { what->done(0, {}); });
}

// WebSocket.

class WebSocket::Connection final : public PageConnection {
 public:
  Connection(WebSocket& socket, std::shared_ptr<Wire> wire)
      : PageConnection(socket.page_, std::move(wire)), socket_(socket.weak_from_this()) {}

 protected:
  void received(std::string_view bytes) override {
    if (const auto socket = socket_.lock()) socket->receive(bytes);
  }
  void ended(bool failed) override {
    const auto keep = shared_from_this();
    close(false);
    if (const auto socket = socket_.lock()) socket->lost(failed);
  }

 private:
  std::weak_ptr<WebSocket> socket_;
};

WebSocket::WebSocket(Page& page, std::uint16_t port, std::string target, Handlers handlers)
    : page_(page), port_(port), target_(std::move(target)), handlers_(std::move(handlers)) {}

WebSocket::~WebSocket() {
  if (connection_) connection_->close(false);
}

void WebSocket::start() {
  page_.world.network().connect(port_, connect_timeout,
                                [weak = weak_from_this()](std::shared_ptr<Wire> wire) {
                                  const auto self = weak.lock();
                                  if (self && self->state_ == State::connecting) {
                                    self->connected(wire);
                                  } else if (wire) {
                                    wire->close(0, false);
                                  }
                                });
}

void WebSocket::connected(const std::shared_ptr<Wire>& wire) {
  if (!wire) return lost(true);
  connection_ = std::make_shared<Connection>(*this, wire);
  connection_->start();
  connection_->send("GET " + target_ +
                    " HTTP/1.1\r\nHost: crier\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                    "\r\n");
}

void WebSocket::receive(std::string_view bytes) {
  const auto self = shared_from_this();
  input_ += bytes;
  if (!answered_ && !take_answer()) return;
  while (state_ != State::closed && take_frame()) {
  }
}

bool WebSocket::take_answer() {
  const std::size_t head = input_.find("\r\n\r\n");
  if (head == std::string::npos) return false;
  const bool switched = input_.starts_with("HTTP/1.1 101");
  input_.erase(0, head + 4);
  if (!switched) {
    connection_->close(false);
    lost(true);
    return false;
  }
  answered_ = true;
  if (state_ == State::connecting) {
    state_ = State::open;
    page_.task([&] { handlers_.open(); });
  }
  return true;
}

bool WebSocket::take_frame() {
  if (input_.size() < 2) return false;
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint64_t>(static_cast<unsigned char>(input_[i]));
  };
  std::uint64_t length = byte(1) & 0x7FU;
  std::size_t begin = 2;
  const std::size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (input_.size() < begin + more) return false;
  if (more != 0) length = 0;
  for (std::size_t i = 0; i < more; ++i) length = length << 8U | byte(begin++);
  if (input_.size() < begin + length) return false;
  const auto opcode = static_cast<unsigned>(byte(0) & 0x0FU);
  const std::string payload = input_.substr(begin, length);
  input_.erase(0, begin + length);
  frame(opcode, payload);
  return true;
}

void WebSocket::frame(unsigned opcode, std::string_view payload) {
  if (opcode == 1 && state_ == State::open) {
    page_.task([&] { handlers_.message(payload); });
  } else if (opcode == 8) {
    if (state_ == State::open) send_frame(8, payload);
    connection_->close(false);
    lost(false);
  } else if (opcode == 9) {
    send_frame(10, payload);
  }
}

void WebSocket::send(std::string_view text) {
  if (state_ == State::open) send_frame(1, text);
}

void WebSocket::send_frame(unsigned opcode, std::string_view payload) {
  std::string bytes(1, static_cast<char>(0x80U | opcode));
  if (payload.size() < 126) {
    bytes += static_cast<char>(0x80U | payload.size());
  } else {
    bytes += static_cast<char>(0x80U | 126U);
    bytes += static_cast<char>(payload.size() >> 8U);
    bytes += static_cast<char>(payload.size() & 0xFFU);
  }
  std::array<char, 4> mask;
  for (char& c : mask) c = static_cast<char>(page_.dice.below(256));
  bytes.append(mask.data(), mask.size());
  for (std::size_t i = 0; i < payload.size(); ++i) {
    bytes += static_cast<char>(payload[i] ^ mask[i % 4]);
  }
  connection_->send(std::move(bytes));
}

void WebSocket::close() {
  if (state_ == State::open) {
    state_ = State::closing;
    send_frame(8, {});
    page_.after(std::chrono::seconds(2), [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && self->state_ == State::closing) {
        self->connection_->close(false);
        self->lost(false);
      }
    });
  } else if (state_ == State::connecting) {
    if (connection_) connection_->close(false);
    lost(true);
  }
}

void WebSocket::lost(bool failed) {
  const auto self = shared_from_this();
  const bool connecting = state_ == State::connecting;
  if (std::exchange(state_, State::closed) == State::closed) return;
  page_.task([&] {
    if (failed || connecting) handlers_.error();
    handlers_.close();
  });
}

}  // namespace crier::simulation

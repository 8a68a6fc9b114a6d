// net/stream.hpp and net/listener.hpp over the simulated network.

#include "base/assert.hpp"
#include "net_loop.hpp"
#include "network.hpp"

#include <algorithm>
#include <utility>

namespace crier::net {

using simulation::EndUser;
using simulation::Wire;
using simulation::World;

/// End 1 of a wire, on a loop.
struct Stream::State final : EndUser, std::enable_shared_from_this<Stream::State> {
  State(std::shared_ptr<LoopState> loop, std::shared_ptr<Wire> connection, int which)
      : on(std::move(loop)), wire(std::move(connection)), end(which) {
    wire->set_user(end, this);
  }

  void end_readable() override {
    on->enqueue([self = shared_from_this()] {
      self->waits_readable = false;
      if (self->user != nullptr) self->user->on_readable();
    });
  }
  void end_writable() override {
    on->enqueue([self = shared_from_this()] {
      self->waits_writable = false;
      if (self->user != nullptr) self->user->on_writable();
    });
  }
  void close() {
    user = nullptr;
    wire->close(end, reset);
  }

  std::shared_ptr<LoopState> on;
  std::shared_ptr<Wire> wire;
  int end;
  StreamUser* user = nullptr;
  bool waits_readable = false;
  bool waits_writable = false;
  bool reset = false;
};

Stream::Stream(std::shared_ptr<State> state) : state_(std::move(state)) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&& other) noexcept {
  Stream previous(std::move(other));
  std::swap(state_, previous.state_);
  return *this;
}
Stream::~Stream() {
  if (state_) state_->close();
}

void Stream::set_user(StreamUser& user) { state_->user = &user; }
void Stream::wait_readable() {
  if (!std::exchange(state_->waits_readable, true)) state_->wire->wait_readable(state_->end);
}
void Stream::wait_writable() {
  if (!std::exchange(state_->waits_writable, true)) state_->wire->wait_writable(state_->end);
}
IoResult Stream::read(std::span<char> into) {
  CRIER_ASSERT(!into.empty());
  return state_->wire->read(state_->end, into);
}
IoResult Stream::write(std::string_view bytes) { return state_->wire->write(state_->end, bytes); }

IoResult Stream::write(std::span<const iovec> pieces) {
  std::string bytes;
  for (const iovec& piece : pieces.first(std::min<std::size_t>(pieces.size(), 64))) {
    bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  return write(std::string_view(bytes));
}

void Stream::shut_down_write() { state_->wire->shut_down_write(state_->end); }
bool Stream::all_acknowledged() const { return state_->wire->all_acknowledged(state_->end); }
void Stream::reset_on_close() { state_->reset = true; }
int Stream::descriptor() const { return static_cast<int>(state_->wire->descriptor); }
std::string Stream::failure() const { return "the connection broke"; }
std::string Stream::peer_address() const { return "127.0.0.1"; }

struct Detached::State {
  std::shared_ptr<Wire> wire;
  int end;
  bool reset;
};

Detached::Detached(std::unique_ptr<State> state) : state_(std::move(state)) {}
Detached::Detached(Detached&&) noexcept = default;
Detached& Detached::operator=(Detached&& other) noexcept {
  Detached previous(std::move(other));
  std::swap(state_, previous.state_);
  return *this;
}
Detached::~Detached() {
  if (state_) state_->wire->close(state_->end, state_->reset);
}

Detached Stream::detach() && {
  const std::shared_ptr<State> state = std::move(state_);
  state->user = nullptr;
  state->wire->set_user(state->end, nullptr);
  return Detached(
      std::make_unique<Detached::State>(Detached::State{state->wire, state->end, state->reset}));
}

std::optional<Stream> attach(Loop& loop, Detached detached) {
  const std::unique_ptr<Detached::State> from = std::move(detached.state_);
  auto state = std::make_shared<Stream::State>(loop.backend().state, from->wire, from->end);
  state->reset = from->reset;
  return Stream(std::move(state));
}

IoResult send_now(int descriptor, std::string_view bytes) {
  const auto wire = World::current().network().find(descriptor);
  if (!wire) return {IoStatus::failed};
  return wire->write(1, bytes);
}

struct Listener::State {
  std::shared_ptr<LoopState> on;
  std::uint16_t port = 0;
  Handler handler;
};

Result<std::unique_ptr<Listener>, std::string> Listener::bind(Loop& loop, const Address& address,
                                                              Handler handler,
                                                              std::shared_ptr<const TlsServer> tls,
                                                              FailureHandler /*failed*/) {
  CRIER_ASSERT(!tls);
  auto state = std::make_shared<State>();
  state->on = loop.backend().state;
  state->handler = std::move(handler);
  state->port = state->on->world.network().bind(state->on->host, address);
  return std::unique_ptr<Listener>(new Listener(std::move(state)));
}

Result<void, std::string> Listener::listen() {
  const auto& on = state_->on;
  on->world.network().listen(on->host, state_->port, state_.get(),
                             [on, weak = std::weak_ptr<State>(state_)](std::shared_ptr<Wire> wire) {
                               on->enqueue([on, weak, wire = std::move(wire)] {
                                 if (wire->closed(1)) return;
                                 Stream stream(std::make_shared<Stream::State>(on, wire, 1));
                                 if (const auto self = weak.lock())
                                   self->handler(std::move(stream));
                               });
                             });
  return {};
}

Result<std::unique_ptr<Listener>, std::string> Listener::open(Loop& loop, const Address& address,
                                                              Handler handler,
                                                              std::shared_ptr<const TlsServer> tls,
                                                              FailureHandler failed) {
  auto bound = bind(loop, address, std::move(handler), std::move(tls), std::move(failed));
  if (bound) CRIER_ASSERT(bound.value()->listen().has_value());
  return bound;
}

Listener::Listener(std::shared_ptr<State> state) : state_(std::move(state)) {}
Listener::~Listener() { World::current().network().stop_listening(state_->port, state_.get()); }
std::uint16_t Listener::port() const { return state_->port; }

}  // namespace crier::net

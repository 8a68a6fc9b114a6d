// Implements the byte stream over a non-blocking socket, with or without TLS.

#include "net/stream.hpp"

#include "base/assert.hpp"
#include "net/backend.hpp"
#include "net/tls_session.hpp"
#include "net/watches.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <tuple>
#include <unistd.h>
#include <utility>

namespace crier::net {
namespace {

namespace asio = boost::asio;

IoResult failure(int error) {
  return {error == EAGAIN || error == EWOULDBLOCK ? IoStatus::would_block : IoStatus::failed};
}

/// The result of a system call that returned `count`. Sending nothing is done at once.
IoResult sent(ssize_t count) {
  if (count < 0) return failure(errno);
  return {IoStatus::done, static_cast<std::size_t>(count)};
}

template <class Call>
ssize_t uninterrupted(Call call) {
  ssize_t count = -1;
  do {
    count = call();
  } while (count < 0 && errno == EINTR);
  return count;
}

in6_addr address_of(const sockaddr* peer) {
  in6_addr address{};
  if (peer->sa_family == AF_INET6) {
    sockaddr_in6 peer6{};
    std::memcpy(&peer6, peer, sizeof peer6);
    return peer6.sin6_addr;
  }
  sockaddr_in peer4{};
  std::memcpy(&peer4, peer, sizeof peer4);
  address.s6_addr[10] = address.s6_addr[11] = 0xFF;
  std::memcpy(&address.s6_addr[12], &peer4.sin_addr, sizeof peer4.sin_addr);
  return address;
}

}  // namespace

struct Stream::State : Watch {
  State(Watches& in, int descriptor, const in6_addr& from)
      : Watch(descriptor), watches(in), peer(from) {}

  void wait_readable(std::uint32_t on = Watch::readable) {
    read_on = static_cast<std::uint8_t>(on);
    watches.await(*this);
  }

  void wait_writable(std::uint32_t on = Watch::writable) {
    write_on = static_cast<std::uint8_t>(on);
    watches.await(*this);
  }

  [[nodiscard]] std::uint32_t awaited() const final { return read_on | write_on; }

  void ready(std::uint32_t events) final {
    if ((events & read_on) != 0) {
      read_on = 0;
      if (user != nullptr) user->on_readable();
    }
    if ((events & write_on) != 0) {
      write_on = 0;
      if (user != nullptr) user->on_writable();
    }
  }

  /// Ends all notifications; the descriptor is the caller's.
  void forget() {
    user = nullptr;
    read_on = write_on = 0;
  }

  Watches& watches;
  StreamUser* user = nullptr;
  in6_addr peer;              // IPv4 addresses are mapped
  std::uint8_t read_on = 0;   // the readiness that triggers on_readable()
  std::uint8_t write_on = 0;  // the readiness that triggers on_writable()
  bool secured = false;       // this is a SecuredState
};
// The whole cost of an idle stream, except for the allocation's header and reference count.
static_assert(sizeof(Stream::State) <= 56);

namespace {

struct SecuredState final : Stream::State, std::enable_shared_from_this<SecuredState> {
  SecuredState(Loop& on, int descriptor, const in6_addr& from, std::unique_ptr<TlsSession> session)
      : State(watches_of(on), descriptor, from), loop(on), tls(std::move(session)) {
    secured = true;
  }

  void wait_readable() {
    if (!tls->has_unread()) {
      return State::wait_readable(tls->read_waits_for_room() ? Watch::writable : Watch::readable);
    }
    if (std::exchange(posted, true)) return;
    asio::post(context_of(loop), [self = shared_from_this()] {
      self->posted = false;
      if (self->user != nullptr) self->user->on_readable();
    });
  }

  void wait_writable() {
    State::wait_writable(tls->write_waits_for_bytes() ? Watch::readable : Watch::writable);
  }

  Loop& loop;
  std::unique_ptr<TlsSession> tls;
  bool posted = false;  // on_readable() is posted, without waiting for readiness
};

SecuredState& secured(const std::shared_ptr<Stream::State>& state) {
  return static_cast<SecuredState&>(*state);
}

std::optional<Stream> adopt(Loop& loop, int descriptor, const in6_addr& peer,
                            std::unique_ptr<TlsSession> tls) {
  Watches& watches = watches_of(loop);
  auto state = tls ? std::make_shared<SecuredState>(loop, descriptor, peer, std::move(tls))
                   : std::make_shared<Stream::State>(watches, descriptor, peer);
  if (!watches.add(*state)) {
    ::close(descriptor);
    return std::nullopt;
  }
  return Stream(std::move(state));
}

}  // namespace

std::optional<Stream> adopt(Loop& loop, int descriptor, const sockaddr* peer,
                            std::unique_ptr<TlsSession> tls) {
  return adopt(loop, descriptor, address_of(peer), std::move(tls));
}

struct Detached::State {
  int descriptor;
  in6_addr peer;
  std::unique_ptr<TlsSession> tls;
};

Detached::Detached(std::unique_ptr<State> state) : state_(std::move(state)) {}
Detached::Detached(Detached&&) noexcept = default;

Detached& Detached::operator=(Detached&& other) noexcept {
  Detached previous(std::move(other));
  std::swap(state_, previous.state_);
  return *this;
}

Detached::~Detached() {
  if (!state_) return;
  if (state_->tls) state_->tls->say_goodbye();
  ::close(state_->descriptor);
}

std::optional<Stream> attach(Loop& loop, Detached detached) {
  CRIER_ASSERT(detached.state_);
  const std::unique_ptr<Detached::State> state = std::move(detached.state_);
  return adopt(loop, state->descriptor, state->peer, std::move(state->tls));
}

std::string reason_of(int error) {
  std::string reason = boost::system::system_category().message(error);
  // Lowers the first letter: the system's message begins a sentence.
  if (reason.size() > 1 && reason[1] >= 'a' && reason[0] >= 'A' && reason[0] <= 'Z') {
    reason[0] = static_cast<char>(reason[0] | 0x20);
  }
  return reason;
}

Stream::Stream(std::shared_ptr<State> state) : state_(std::move(state)) {}
Stream::Stream(Stream&&) noexcept = default;

Stream& Stream::operator=(Stream&& other) noexcept {
  Stream previous(std::move(other));
  std::swap(state_, previous.state_);
  return *this;
}

Stream::~Stream() {
  if (!state_) return;
  if (state_->secured) secured(state_).tls->say_goodbye();
  const int descriptor = state_->descriptor();
  state_->forget();
  Watches& watches = state_->watches;
  watches.forget(std::move(state_));
  ::close(descriptor);
}

void Stream::set_user(StreamUser& user) { state_->user = &user; }

void Stream::wait_readable() {
  state_->secured ? secured(state_).wait_readable() : state_->wait_readable();
}

void Stream::wait_writable() {
  state_->secured ? secured(state_).wait_writable() : state_->wait_writable();
}

IoResult Stream::read(std::span<char> into) {
  CRIER_ASSERT(!into.empty());
  if (state_->secured) return secured(state_).tls->read(into);
  const int descriptor = state_->descriptor();
  const ssize_t count =
      uninterrupted([&] { return ::recv(descriptor, into.data(), into.size(), 0); });
  if (count == 0) return {IoStatus::closed};
  return sent(count);
}

IoResult Stream::write(std::string_view bytes) {
  if (state_->secured) return secured(state_).tls->write(bytes);
  return send_now(state_->descriptor(), bytes);
}

IoResult Stream::write(std::span<const iovec> pieces) {
  if (state_->secured) return secured(state_).tls->write(pieces);
  if (pieces.size() == 1) {
    const iovec& piece = pieces.front();
    return send_now(state_->descriptor(),
                    {static_cast<const char*>(piece.iov_base), piece.iov_len});
  }
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());  // sendmsg only reads it
  message.msg_iovlen = std::min(pieces.size(), pieces_max);
  const int descriptor = state_->descriptor();
  return sent(uninterrupted([&] { return ::sendmsg(descriptor, &message, MSG_NOSIGNAL); }));
}

void Stream::shut_down_write() {
  if (state_->secured) secured(state_).tls->say_goodbye();
  ::shutdown(state_->descriptor(), SHUT_WR);
}

bool Stream::all_acknowledged() const {
  int waiting = 0;
  return ::ioctl(state_->descriptor(), SIOCOUTQ, &waiting) == 0 && waiting == 0;
}

void Stream::reset_on_close() {
  const linger discard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(state_->descriptor(), SOL_SOCKET, SO_LINGER, &discard, sizeof discard);
}

int Stream::descriptor() const { return state_->secured ? -1 : state_->descriptor(); }

std::string Stream::failure() const {
  const std::string& known = state_->secured ? secured(state_).tls->failure() : std::string();
  return known.empty() ? "the connection broke" : known;
}

std::string Stream::peer_address() const {
  const in6_addr& peer = state_->peer;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (IN6_IS_ADDR_V4MAPPED(&peer)) {
    ::inet_ntop(AF_INET, &peer.s6_addr[12], text.data(), text.size());
  } else {
    ::inet_ntop(AF_INET6, &peer, text.data(), text.size());
  }
  return text.data();
}

Detached Stream::detach() && {
  auto tls = state_->secured ? std::move(secured(state_).tls) : nullptr;
  auto detached = std::make_unique<Detached::State>(
      Detached::State{state_->descriptor(), state_->peer, std::move(tls)});
  state_->forget();
  Watches& watches = state_->watches;
  watches.forget(std::move(state_));
  return Detached(std::move(detached));
}

IoResult send_now(int descriptor, std::string_view bytes) {
  return sent(
      uninterrupted([&] { return ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL); }));
}

}  // namespace crier::net

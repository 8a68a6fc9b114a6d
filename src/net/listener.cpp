// Accepts TCP connections, and pauses when descriptors or memory run out.

#include "net/listener.hpp"

#include "net/backend.hpp"
#include "net/tls_session.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <netinet/tcp.h>
#include <tuple>
#include <unistd.h>
#include <utility>

namespace crier::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

constexpr int accepts_a_turn_max = 64;
constexpr int unsent_bytes_max = 64 * 1024;  // limit on unsent bytes in the kernel, besides those
                                             // in flight
constexpr Duration pause_without_descriptors = std::chrono::milliseconds(100);

bool turn_on(int descriptor, int level, int option, int value = 1) {
  return ::setsockopt(descriptor, level, option, &value, sizeof value) == 0;
}

/// Sets the options and binds. False with errno if that fails.
bool bind_to(int descriptor, const tcp::endpoint& endpoint, Sharing sharing) {
  if (!turn_on(descriptor, SOL_SOCKET, SO_REUSEADDR)) return false;
  // Accepted sockets inherit both options. Without the second one the kernel buffers megabytes for
  // a peer that does not read before Crier notices.
  turn_on(descriptor, IPPROTO_TCP, TCP_NODELAY);
  turn_on(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, unsent_bytes_max);
  // "::" accepts IPv4 too, whatever the system's default is.
  if (endpoint.address().is_v6() && !turn_on(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 0))
    return false;
  // The first listener binds without SO_REUSEPORT, so that no other process can share the port.
  if (sharing == Sharing::joining && !turn_on(descriptor, SOL_SOCKET, SO_REUSEPORT)) return false;
  if (::bind(descriptor, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0)
    return false;
  return sharing != Sharing::first || turn_on(descriptor, SOL_SOCKET, SO_REUSEPORT);
}

std::string listen_error(int error) {
  return error == EADDRINUSE      ? "the port is already in use"
         : error == EADDRNOTAVAIL ? "this machine has no such address"
                                  : reason_of(error);
}

bool out_of_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

struct Listener::State : std::enable_shared_from_this<Listener::State> {
  State(Loop& on, Handler call, std::shared_ptr<const TlsServer> with_tls,
        FailureHandler when_it_fails)
      : loop(on),
        handler(std::move(call)),
        tls(std::move(with_tls)),
        failed(std::move(when_it_fails)),
        socket(context_of(on)),
        pause(on, [this] { wait(); }) {}

  /// Returns an errno; 0 means success.
  int bind(const tcp::endpoint& endpoint, Sharing sharing) {
    const int descriptor =
        ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return errno;
    boost::system::error_code error;
    if (socket.assign(descriptor, error)) {
      ::close(descriptor);
      return error.value();
    }
    if (!bind_to(descriptor, endpoint, sharing)) return errno;
    tcp::endpoint bound;
    auto size = static_cast<socklen_t>(bound.capacity());
    if (::getsockname(descriptor, bound.data(), &size) != 0) return errno;
    port = bound.port();
    return 0;
  }

  /// Returns an errno, as bind() does.
  int listen() {
    if (::listen(socket.native_handle(), SOMAXCONN) != 0) return errno;
    wait();
    return 0;
  }

  void wait() {
    socket.async_wait(Descriptor::wait_read,
                      [self = shared_from_this()](const boost::system::error_code&) {
                        if (self->closed) return;
                        begin_handler(self->loop);
                        self->accept_ready();
                      });
  }

  void accept_ready() {
    // Moved out while it runs, because the handler may destroy the listener.
    Handler running = std::move(handler);
    for (int i = 0; i < accepts_a_turn_max && !closed; ++i) {
      if (accept_one(running)) continue;
      if (errno == EAGAIN) break;
      const int error = errno;
      if (!out_of_resources(error)) continue;  // that connection failed, not the listener
      handler = std::move(running);
      if (failed) failed(reason_of(error));
      return pause.arm(loop.now() + pause_without_descriptors);
    }
    if (closed) return;
    handler = std::move(running);
    wait();
  }

  /// False with errno if there was no connection to accept.
  bool accept_one(const Handler& call) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    auto* const address = reinterpret_cast<sockaddr*>(&peer);
    const int descriptor =
        ::accept4(socket.native_handle(), address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) return false;
    auto session = tls ? std::make_unique<TlsSession>(*tls, descriptor) : nullptr;
    auto stream = adopt(loop, descriptor, address, std::move(session));
    if (stream) call(std::move(*stream));
    return true;
  }

  void close() {
    closed = true;
    handler = nullptr;
    boost::system::error_code ignored;
    std::ignore = socket.close(ignored);
  }

  Loop& loop;
  Handler handler;
  std::shared_ptr<const TlsServer> tls;
  FailureHandler failed;
  Descriptor socket;
  Timer pause;
  std::string what;  ///< The beginning of an error message: what failed.
  std::uint16_t port = 0;
  bool closed = false;
};

Result<std::unique_ptr<Listener>, std::string> Listener::bind(Loop& loop, const Address& address,
                                                              Handler handler,
                                                              std::shared_ptr<const TlsServer> tls,
                                                              FailureHandler failed) {
  const std::string what =
      "cannot listen on " + address.ip + " port " + std::to_string(address.port) + ": ";
  boost::system::error_code error;
  const asio::ip::address ip = asio::ip::make_address(address.ip, error);
  if (error) return Unexpected{what + "that is not an IPv4 or IPv6 address"};
  std::unique_ptr<Listener> listener(new Listener(
      std::make_shared<State>(loop, std::move(handler), std::move(tls), std::move(failed))));
  listener->state_->what = what;
  const int status = listener->state_->bind({ip, address.port}, address.sharing);
  if (status != 0) return Unexpected{what + listen_error(status)};
  return listener;
}

Result<void, std::string> Listener::listen() {
  const int failed = state_->listen();
  if (failed != 0) return Unexpected{state_->what + listen_error(failed)};
  return {};
}

Result<std::unique_ptr<Listener>, std::string> Listener::open(Loop& loop, const Address& address,
                                                              Handler handler,
                                                              std::shared_ptr<const TlsServer> tls,
                                                              FailureHandler failed) {
  auto bound = bind(loop, address, std::move(handler), std::move(tls), std::move(failed));
  if (!bound) return bound;
  auto listening = bound.value()->listen();
  if (!listening) return Unexpected{std::move(listening.error())};
  return bound;
}

Listener::Listener(std::shared_ptr<State> state) : state_(std::move(state)) {}
Listener::~Listener() { state_->close(); }
std::uint16_t Listener::port() const { return state_->port; }

}  // namespace crier::net

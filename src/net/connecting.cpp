// Connects to a host: resolves its name, tries its addresses one after the other, and does the TLS
// handshake.

#include "net/backend.hpp"
#include "net/stream.hpp"
#include "net/tls_session.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <netinet/tcp.h>
#include <optional>
#include <unistd.h>
#include <utility>
#include <vector>

namespace crier::net {
namespace {

using boost::asio::ip::tcp;
using Resolver = boost::asio::ip::basic_resolver<tcp, boost::asio::io_context::executor_type>;

/// Returns a socket that is connected or connecting; -1 with errno if that fails at once.
int start_connecting(const tcp::endpoint& to) {
  const int descriptor =
      ::socket(to.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(descriptor, to.data(), static_cast<socklen_t>(to.size())) != 0 &&
      errno != EINPROGRESS) {
    const int error = errno;
    ::close(descriptor);
    errno = error;
    return -1;
  }
  return descriptor;
}

/// The user of a stream after it has connected, until it is handed to the caller.
class Nobody : public StreamUser {
 public:
  void on_readable() override {}
  void on_writable() override {}
};
Nobody nobody;

int pending_error(int descriptor) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace

struct Connecting::State final : std::enable_shared_from_this<Connecting::State>, StreamUser {
  State(Loop& on, const std::string& to_host, std::uint16_t to_port, Done call,
        std::shared_ptr<const TlsClient> with_tls)
      : loop(on),
        host(to_host),
        port(to_port),
        done(std::move(call)),
        tls(std::move(with_tls)),
        resolver(context_of(on)),
        timer(on, [this] { shared_from_this()->time_out(); }) {}

  void start(Duration timeout) {
    deadline = loop.now() + timeout;
    timer.arm(deadline);
    boost::system::error_code not_literal;
    const auto address = boost::asio::ip::make_address(host, not_literal);
    if (not_literal) return resolve();
    candidates.emplace_back(address, port);
    // Posted, so that `done` is never called while the object is being constructed.
    loop.post([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->try_next();
    });
  }

  void resolve() {
    resolver.async_resolve(
        host, std::to_string(port), Resolver::numeric_service,
        [weak = weak_from_this()](const boost::system::error_code& error,
                                  const Resolver::results_type& found) {
          const auto self = weak.lock();
          if (!self) return;
          begin_handler(self->loop);
          if (error) return self->finish(Unexpected{self->failure("the name is not known")});
          for (const auto& entry : found) self->candidates.push_back(entry.endpoint());
          self->try_next();
        });
  }

  /// Each address left gets an equal share of the time left.
  void try_next() {
    if (!done) return;
    while (next < candidates.size()) {
      const auto shares = static_cast<Duration::rep>(candidates.size() - next);
      if (start(candidates[next++])) {
        attempt->set_user(*this);
        attempt->wait_writable();
        return timer.arm(loop.now() + (deadline - loop.now()) / shares);
      }
      give_reason(reason_of(errno));
    }
    finish(Unexpected{failure(reason)});
  }

  /// False with errno if it failed at once.
  bool start(const tcp::endpoint& to) {
    connected = false;
    descriptor = start_connecting(to);
    if (descriptor < 0) return false;
    auto over_it = tls ? std::make_unique<TlsSession>(*tls, host, descriptor) : nullptr;
    session = over_it.get();
    attempt = adopt(loop, descriptor, to.data(), std::move(over_it));
    if (!attempt) errno = ENOMEM;  // epoll's limits
    return attempt.has_value();
  }

  void time_out() {
    attempt.reset();
    give_reason("there was no answer in time");
    try_next();
  }

  /// Keeps the reason; one that a server gave takes precedence over one of the network.
  void give_reason(std::string why) {
    if (!server_refused) reason = std::move(why);
  }

  void on_readable() override { go_on(); }
  void on_writable() override { go_on(); }

  void go_on() {
    const auto self = shared_from_this();
    if (!connected) {
      if (const int error = pending_error(descriptor); error != 0) {
        attempt.reset();
        give_reason(reason_of(error));
        return try_next();
      }
      connected = true;
    }
    if (session != nullptr) return shake_hands();
    hand_over();
  }

  void shake_hands() {
    switch (session->shake_hands()) {
      case TlsSession::Step::done:
        return hand_over();
      case TlsSession::Step::wants_read:
        return attempt->wait_readable();
      case TlsSession::Step::wants_write:
        return attempt->wait_writable();
      case TlsSession::Step::failed:
        break;
    }
    give_reason(session->failure());
    server_refused = true;
    attempt.reset();
    try_next();
  }

  void hand_over() {
    Stream stream = std::move(*attempt);
    stream.set_user(nobody);
    finish(std::move(stream));
  }

  void finish(Result<Stream, std::string> result) {
    stop();
    if (const Done call = std::exchange(done, nullptr)) call(std::move(result));
  }

  void stop() {
    timer.cancel();
    resolver.cancel();
    attempt.reset();
  }

  [[nodiscard]] std::string failure(const std::string& why) const {
    return "cannot connect to " + host + " port " + std::to_string(port) + ": " + why;
  }

  Loop& loop;
  std::string host;
  std::uint16_t port;
  Done done;
  std::shared_ptr<const TlsClient> tls;
  Resolver resolver;
  Timer timer;
  TimePoint deadline = never;
  std::vector<tcp::endpoint> candidates;
  std::size_t next = 0;  // index of the candidate to try next
  std::optional<Stream> attempt;
  TlsSession* session = nullptr;  // the attempt's TLS session, if it is encrypted
  int descriptor = -1;            // the attempt's socket
  bool connected = false;
  std::string reason;
  bool server_refused = false;
};

Connecting::Connecting(Loop& loop, const std::string& host, std::uint16_t port, Duration timeout,
                       Done done, std::shared_ptr<const TlsClient> tls)
    : state_(std::make_shared<State>(loop, host, port, std::move(done), std::move(tls))) {
  state_->start(timeout);
}

Connecting::~Connecting() = default;

}  // namespace crier::net

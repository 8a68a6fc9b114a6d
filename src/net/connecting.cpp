#include "net/backend.hpp"
#include "net/stream.hpp"

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

/// A socket that is connected or about to be; nothing with errno if that fails at once.
std::optional<Stream> start_connecting(Loop& loop, const tcp::endpoint& to) {
  const int descriptor =
      ::socket(to.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return std::nullopt;
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(descriptor, to.data(), static_cast<socklen_t>(to.size())) != 0 &&
      errno != EINPROGRESS) {
    const int error = errno;
    ::close(descriptor);
    errno = error;
    return std::nullopt;
  }
  auto stream = adopt(loop, descriptor, to.data());
  if (!stream) errno = ENOMEM;  // epoll's limits
  return stream;
}

/// The user of a stream between connecting and its handing over.
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
  State(Loop& on, const std::string& to_host, std::uint16_t to_port, Done call)
      : loop(on),
        host(to_host),
        port(to_port),
        done(std::move(call)),
        resolver(context_of(on)),
        timer(on, [this] { shared_from_this()->time_out(); }) {}

  void start(Duration timeout) {
    deadline = loop.now() + timeout;
    timer.arm(deadline);
    boost::system::error_code not_literal;
    const auto address = boost::asio::ip::make_address(host, not_literal);
    if (not_literal) return resolve();
    candidates.emplace_back(address, port);
    // Later, so that `done` is never called while the object is still being made.
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
      attempt = start_connecting(loop, candidates[next++]);
      if (attempt) {
        attempt->set_user(*this);
        attempt->wait_writable();
        return timer.arm(loop.now() + (deadline - loop.now()) / shares);
      }
      reason = reason_of(errno);
    }
    finish(Unexpected{failure(reason)});
  }

  void time_out() {
    attempt.reset();
    reason = "there was no answer in time";
    try_next();
  }

  void on_readable() override {}

  void on_writable() override {
    const auto self = shared_from_this();
    if (const int error = pending_error(attempt->descriptor()); error != 0) {
      reason = reason_of(error);
      attempt.reset();
      return try_next();
    }
    Stream connected = std::move(*attempt);
    connected.set_user(nobody);
    finish(std::move(connected));
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
  Resolver resolver;
  Timer timer;
  TimePoint deadline = never;
  std::vector<tcp::endpoint> candidates;
  std::size_t next = 0;  // the candidate that is tried after this one
  std::optional<Stream> attempt;
  std::string reason;
};

Connecting::Connecting(Loop& loop, const std::string& host, std::uint16_t port, Duration timeout,
                       Done done)
    : state_(std::make_shared<State>(loop, host, port, std::move(done))) {
  state_->start(timeout);
}

Connecting::~Connecting() = default;

}  // namespace crier::net

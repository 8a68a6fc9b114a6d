#include "loop.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace storm {

std::int64_t nanoseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

void fail(std::string_view what) {
  std::fprintf(stderr, "recovery_storm: %.*s: %s\n", static_cast<int>(what.size()), what.data(),
               std::strerror(errno));
  std::exit(1);
}

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) fail("epoll_create1");
}

Loop::~Loop() { ::close(epoll_); }

void Loop::control(int operation, int descriptor, std::uint32_t events, Ready& ready) const {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &ready;
  if (::epoll_ctl(epoll_, operation, descriptor, &event) != 0) fail("epoll_ctl");
}

void Loop::add(int descriptor, std::uint32_t events, Ready& ready) {
  control(EPOLL_CTL_ADD, descriptor, events, ready);
}

void Loop::change(int descriptor, std::uint32_t events, Ready& ready) {
  control(EPOLL_CTL_MOD, descriptor, events, ready);
}

bool Loop::run(const std::function<bool()>& done, double seconds, bool spin) {
  const std::int64_t end = nanoseconds() + static_cast<std::int64_t>(seconds * 1e9);
  std::array<epoll_event, 256> events{};
  while (!done()) {
    const int count =
        ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), spin ? 0 : 10);
    if (count < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events.at(static_cast<std::size_t>(i));
      static_cast<Ready*>(event.data.ptr)->ready(event.events);
    }
    if (nanoseconds() > end) return false;
  }
  return true;
}

int connect_to(std::uint16_t port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) fail("socket");
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS) {
    fail("connect");
  }
  return descriptor;
}

long send_some(int descriptor, std::string_view bytes) {
  const long sent = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent >= 0) return sent;
  return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
}

}  // namespace storm

// crier-floor --port P [--batch FRAMES] [--bytes N]
//
// The floor of what any server can reach: WebSocket clients are answered as a Socket.IO server
// would, and a POST to any path hands one prebuilt frame to the kernel once a client, from an array
// of descriptors. It checks nothing, has no rooms and no queues: where a socket takes no more,
// everybody waits for it.
//
//   --batch   so many POSTs are waited for, whose frames then leave in one send a client (1)
//   --bytes   of the Socket.IO text that a client gets (200)

#include "text.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace floor_peer;

struct Options {
  std::uint16_t port = 0;
  std::size_t batch = 1;
  std::size_t bytes = 200;
};

/// All of it, however long the other end takes; what cannot be sent any more is dropped.
void send_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent =
        ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == static_cast<ssize_t>(bytes.size())) return;
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN) {
      return;
    } else {
      pollfd full{descriptor, POLLOUT, 0};
      ::poll(&full, 1, -1);
    }
  }
}

class Floor {
 public:
  explicit Floor(Options options);
  [[noreturn]] void run();

 private:
  struct Connection {
    bool websocket = false;
    std::size_t place = 0;  ///< In members_, of a WebSocket.
    std::string rest;       ///< What has not arrived whole.
  };

  void accept_all();
  void readable(int descriptor);
  /// → how many bytes were used.
  std::size_t take(int descriptor, Connection& connection, char* bytes, std::size_t count);
  std::size_t take_request(int descriptor, Connection& connection, std::string_view bytes);
  /// Whether the connection goes on.
  bool take_frame(int descriptor, const Frame& frame);
  void join(int descriptor, Connection& connection, std::string_view key);
  void publish(int descriptor, std::string_view body);
  void fan_out();
  void close(int descriptor);

  Options options_;
  int listener_;
  int epoll_;
  std::uint64_t sids_ = 0;
  std::vector<std::unique_ptr<Connection>> connections_;  // by descriptor
  std::vector<int> members_;
  std::string pending_;  // the frames of POSTs that wait for their batch
  std::size_t posts_ = 0;
  std::array<char, 256 * 1024> scratch_{};
};

Floor::Floor(Options options)
    : options_(options),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 4096) != 0) {
    std::perror("crier-floor: cannot listen");
    std::exit(1);
  }
  epoll_event event{EPOLLIN, {.fd = listener_}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
}

void Floor::run() {
  std::array<epoll_event, 1024> events{};
  for (;;) {
    // A batch that nobody completes leaves after all.
    const int wait = posts_ > 0 ? 100 : -1;
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait);
    if (count == 0) fan_out();
    for (int i = 0; i < count; ++i) {
      const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
      if (descriptor == listener_) {
        accept_all();
      } else {
        readable(descriptor);
      }
    }
  }
}

void Floor::accept_all() {
  for (;;) {
    const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) return;
    const int on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const auto index = static_cast<std::size_t>(descriptor);
    if (index >= connections_.size()) connections_.resize(index + 1);
    connections_[index] = std::make_unique<Connection>();
    epoll_event event{EPOLLIN, {.fd = descriptor}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
  }
}

void Floor::readable(int descriptor) {
  auto& connection = connections_[static_cast<std::size_t>(descriptor)];
  const ssize_t count = ::recv(descriptor, scratch_.data(), scratch_.size(), 0);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) return close(descriptor);
  char* bytes = scratch_.data();
  auto length = static_cast<std::size_t>(count);
  std::string whole;
  if (!connection->rest.empty()) {
    whole.swap(connection->rest);
    whole.append(bytes, length);
    bytes = whole.data();
    length = whole.size();
  }
  while (length > 0) {
    const std::size_t used = take(descriptor, *connection, bytes, length);
    if (connection == nullptr) return;  // closed
    if (used == 0) break;
    bytes += used;
    length -= used;
  }
  connection->rest.assign(bytes, length);
}

std::size_t Floor::take(int descriptor, Connection& connection, char* bytes, std::size_t count) {
  if (!connection.websocket) return take_request(descriptor, connection, {bytes, count});
  const Frame frame = read_frame(bytes, count);
  if (frame.size > 0 && !take_frame(descriptor, frame)) close(descriptor);
  return frame.size;
}

std::size_t Floor::take_request(int descriptor, Connection& connection, std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  const std::string_view head = bytes.substr(0, end + 2);
  if (const auto key = field(head, "\r\nSec-WebSocket-Key: "); !key.empty()) {
    join(descriptor, connection, key);
    return end + 4;
  }
  const std::string_view length = field(head, "\r\nContent-Length: ");
  std::size_t body = 0;
  std::from_chars(length.data(), length.data() + length.size(), body);
  if (bytes.size() - end - 4 < body) return 0;
  if (head.substr(0, 5) == "POST ") {
    publish(descriptor, bytes.substr(end + 4, body));
  } else {
    send_all(descriptor, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  }
  return end + 4 + body;
}

void Floor::join(int descriptor, Connection& connection, std::string_view key) {
  connection.websocket = true;
  connection.place = members_.size();
  members_.push_back(descriptor);
  // No heartbeat is due before anything that is measured has ended.
  send_all(descriptor,
           switching_protocols(key) +
               frame("0{\"sid\":\"" + std::to_string(++sids_) +
                     "\",\"upgrades\":[],\"pingInterval\":3600000,\"pingTimeout\":60000,"
                     "\"maxPayload\":1000000}"));
}

bool Floor::take_frame(int descriptor, const Frame& frame) {
  if (frame.opcode == 8) return false;
  const std::string_view text(frame.payload, frame.length);
  if (text.substr(0, 2) == "40") {
    send_all(descriptor, floor_peer::frame("40{\"sid\":\"" + std::to_string(++sids_) + "\"}"));
  } else if (text.substr(0, 2) == "42") {
    // 42ID["event",argument] → 43ID[argument]
    const std::size_t list = text.find('[');
    const std::size_t comma = text.find(',');
    if (comma == std::string_view::npos || list == 2) return true;
    std::string answer = "43";
    answer.append(text.substr(2, list - 1)).append(text.substr(comma + 1));
    send_all(descriptor, floor_peer::frame(answer));
  } else if (text.substr(0, 2) == "41" || text == "1") {
    return false;
  }
  return true;
}

void Floor::publish(int descriptor, std::string_view body) {
  send_all(descriptor, "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}");
  pending_ += frame(event_text(body, options_.bytes));
  if (++posts_ >= options_.batch) fan_out();
}

void Floor::fan_out() {
  const std::string_view bytes = pending_;
  for (const int member : members_) {
    send_all(member, bytes);
  }
  pending_.clear();
  posts_ = 0;
}

void Floor::close(int descriptor) {
  auto& connection = connections_[static_cast<std::size_t>(descriptor)];
  if (connection->websocket) {
    const int last = members_.back();
    members_[connection->place] = last;
    connections_[static_cast<std::size_t>(last)]->place = connection->place;
    members_.pop_back();
  }
  connection.reset();
  ::close(descriptor);
}

bool read_options(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string_view text = i + 1 < argc ? argv[i + 1] : "";
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value == 0) return false;
    if (name == "--port" && value <= 65'535) {
      options.port = static_cast<std::uint16_t>(value);
    } else if (name == "--batch") {
      options.batch = value;
    } else if (name == "--bytes" && value <= 65'535) {
      options.bytes = value;
    } else {
      return false;
    }
  }
  return options.port != 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!read_options(argc, argv, options)) {
    std::fputs("usage: crier-floor --port P [--batch FRAMES] [--bytes N]\n", stderr);
    return 2;
  }
  rlimit descriptors{};
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &descriptors);
  Floor(options).run();
}

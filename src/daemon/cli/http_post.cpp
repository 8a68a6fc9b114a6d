// Sends one HTTP POST and reads its answer.

#include "daemon/cli/http_post.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace crier::daemon {
namespace {

constexpr std::size_t answer_bytes_max = 1 << 20;
using Clock = std::chrono::steady_clock;

struct FreeAddresses {
  void operator()(addrinfo* first) const { ::freeaddrinfo(first); }
};

/// A non-blocking socket that is waited for until one deadline.
class Socket {
 public:
  Socket(const addrinfo& address, Clock::time_point deadline)
      : descriptor_(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
        deadline_(deadline) {}
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  /// Each of these is 0, or the errno that says why not.
  int connect(const addrinfo& address) {
    if (descriptor_ < 0) return errno;
    if (::connect(descriptor_, address.ai_addr, address.ai_addrlen) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    if (const int error = wait(POLLOUT)) return error;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
  }

  int send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      } else if (const int error = errno; error != EAGAIN) {
        return error;
      } else if (const int waited = wait(POLLOUT)) {
        return waited;
      }
    }
    return 0;
  }

  /// Appends what has come to `into`; `ended`: nothing more will.
  int receive(std::string& into, bool& ended) {
    std::array<char, 16384> buffer{};
    if (const int error = wait(POLLIN)) return error;
    const auto count = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    if (count < 0) return errno == EAGAIN ? 0 : errno;
    ended = count == 0;
    into.append(buffer.data(), static_cast<std::size_t>(count));
    return 0;
  }

 private:
  int wait(short events) const {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
    pollfd entry{descriptor_, events, 0};
    const int ready = left <= 0 ? 0 : ::poll(&entry, 1, static_cast<int>(left));
    if (ready < 0) return errno == EINTR ? wait(events) : errno;
    return ready == 0 ? ETIMEDOUT : 0;
  }

  int descriptor_;
  Clock::time_point deadline_;
};

bool equal_without_case(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() && ::strncasecmp(a.data(), lower.data(), a.size()) == 0;
}

std::optional<std::string_view> header(std::string_view head, std::string_view name) {
  for (std::size_t begin = 0; begin < head.size();) {
    const auto end = std::min(head.find("\r\n", begin), head.size());
    const std::string_view line = head.substr(begin, end - begin);
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && equal_without_case(line.substr(0, colon), name)) {
      const auto first = line.find_first_not_of(" \t", colon + 1);
      return first == std::string_view::npos ? std::string_view() : line.substr(first);
    }
    begin = end + 2;
  }
  return {};
}

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return number;
}

/// The answer in `bytes`; nothing while more must come (RFC 9112 section 6.3), unless `ended`.
Result<std::optional<HttpAnswer>, std::string> read_answer(std::string_view bytes, bool ended) {
  const auto nonsense = Unexpected{std::string("answered with something that is not HTTP")};
  const auto head_end = bytes.find("\r\n\r\n");
  if (head_end == std::string_view::npos) {
    if (ended) return nonsense;
    return std::optional<HttpAnswer>();
  }
  const std::string_view head = bytes.substr(0, head_end);
  const auto status = head.size() < 12 ? std::nullopt : number_in<int>(head.substr(9, 3));
  if (!head.starts_with("HTTP/1.") || !status || *status < 100) return nonsense;
  if (*status < 200) return read_answer(bytes.substr(head_end + 4), ended);
  if (header(head, "transfer-encoding")) {
    return Unexpected{std::string("answered in chunks, which this command does not read")};
  }
  std::string_view body = bytes.substr(head_end + 4);
  if (const auto length = header(head, "content-length")) {
    const auto size = number_in<std::size_t>(*length);
    if (!size) return nonsense;
    if (body.size() < *size && ended) return Unexpected{std::string("broke off its answer")};
    if (body.size() < *size) return std::optional<HttpAnswer>();
    body = body.substr(0, *size);
  } else if (!ended) {
    return std::optional<HttpAnswer>();
  }
  return std::optional(HttpAnswer{*status, std::string(body)});
}

Result<HttpAnswer, std::string> send_and_receive(Socket& socket, const std::string& request) {
  if (const int error = socket.send(request)) return Unexpected{std::string(std::strerror(error))};
  std::string bytes;
  bool ended = false;
  while (bytes.size() <= answer_bytes_max) {
    if (const int error = socket.receive(bytes, ended)) {
      return Unexpected{std::string(std::strerror(error))};
    }
    auto answer = read_answer(bytes, ended);
    if (!answer) return Unexpected{answer.error()};
    if (*answer) return std::move(**answer);
  }
  return Unexpected{std::string("answered with more than 1 MiB")};
}

std::string authority(const HttpUrl& url) {
  const bool bracketed = url.host.find(':') != std::string::npos;
  return (bracketed ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port);
}

std::string request_text(const HttpUrl& url, const std::string& path,
                         const std::vector<std::pair<std::string, std::string>>& headers,
                         const std::string& body) {
  std::string text = "POST " + url.prefix + path + " HTTP/1.1\r\nHost: " + authority(url) +
                     "\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: " +
                     std::to_string(body.size()) + "\r\n";
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
  return text + "\r\n" + body;
}

}  // namespace

Result<HttpAnswer, std::string> http_post(
    const HttpUrl& url, const std::string& path,
    const std::vector<std::pair<std::string, std::string>>& headers, const std::string& body,
    std::chrono::milliseconds timeout) {
  const std::string who = authority(url) + ": ";
  const auto deadline = Clock::now() + timeout;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code =
      ::getaddrinfo(url.host.c_str(), std::to_string(url.port).c_str(), &hints, &found);
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
  if (code != 0) return Unexpected{who + ::gai_strerror(code)};
  int error = 0;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    Socket socket(*address, deadline);
    error = socket.connect(*address);
    if (error != 0) continue;
    auto answer = send_and_receive(socket, request_text(url, path, headers, body));
    if (!answer) return Unexpected{who + answer.error()};
    return answer;
  }
  return Unexpected{who + std::strerror(error)};
}

}  // namespace crier::daemon

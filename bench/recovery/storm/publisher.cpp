#include "publisher.hpp"

#include <array>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace storm {

Publisher::Publisher(Loop& loop, std::uint16_t port, std::string key)
    : loop_(loop), port_(port), key_(std::move(key)) {}

Publisher::~Publisher() { hang_up(); }

void Publisher::hang_up() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

void Publisher::publish(std::string_view program, std::uint64_t number, std::size_t bytes,
                        bool timed) {
  ++sent_;
  std::string body =
      R"({"event":"request:updated","requestId":")" + std::to_string(number) + R"(","data":{)";
  if (timed) body += R"("at":)" + std::to_string(nanoseconds()) + ',';
  body += R"("text":")" + std::string(bytes, 'x') +
          R"("},"performedBy":{"userId":"ben","name":"Ben Okri"}})";
  unsent_ += "POST /api/v1/programs/";
  unsent_ += program;
  unsent_ +=
      "/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key_ +
      "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\n\r\n" + body;
}

void Publisher::flush() {
  if (waiting_ || unsent_.empty()) return;
  if (descriptor_ < 0) {
    descriptor_ = connect_to(port_);
    loop_.add(descriptor_, EPOLLIN, *this);
  }
  const long sent_now = send_some(descriptor_, unsent_);
  if (sent_now < 0) fail("the publish connection");
  unsent_.erase(0, static_cast<std::size_t>(sent_now));
  if (unsent_.empty()) return;
  waiting_ = true;
  loop_.change(descriptor_, EPOLLIN | EPOLLOUT, *this);
}

void Publisher::ready(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    waiting_ = false;
    loop_.change(descriptor_, EPOLLIN, *this);
    flush();
  }
  if ((events & ~std::uint32_t{EPOLLOUT}) == 0) return;
  std::array<char, 64 * 1024> bytes{};
  const long count = ::recv(descriptor_, bytes.data(), bytes.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
  if (count <= 0 && accepted < sent_) fail("the publish connection was closed");
  if (count <= 0) return hang_up();  // Idle for too long.
  rest_.append(bytes.data(), static_cast<std::size_t>(count));
  constexpr std::string_view status = "HTTP/1.1 ";
  std::size_t end = 0;
  for (std::size_t at = rest_.find(status);
       at != std::string::npos && at + status.size() + 3 <= rest_.size();
       at = rest_.find(status, end)) {
    end = at + status.size() + 3;
    if (rest_.compare(at + status.size(), 3, "202") != 0) fail(rest_);
    ++accepted;
  }
  // A status line may be cut in two.
  rest_.erase(0, std::max(end, rest_.size() - std::min(rest_.size(), status.size() + 2)));
}

}  // namespace storm

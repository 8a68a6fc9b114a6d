#pragma once

// For the tests of this folder.

#include <arpa/inet.h>
#include <cstdint>
#include <cstdlib>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace crier::daemon {

/// Takes one connection on 127.0.0.1, reads one request with its body and answers with fixed bytes,
/// one `send` for each piece; then it closes.
class FakeServer {
 public:
  explicit FakeServer(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 1) != 0) {
      std::abort();
    }
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ::ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeServer() { stop(); }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// What came, once the connection is over.
  const std::string& request() {
    stop();
    return request_;
  }

 private:
  void serve() {
    const int connection = ::accept(listener_, nullptr, nullptr);
    if (connection < 0) return;
    char buffer[4096];
    while (!whole()) {
      const auto count = ::recv(connection, buffer, sizeof buffer, 0);
      if (count <= 0) break;
      request_.append(buffer, static_cast<std::size_t>(count));
    }
    for (const auto& piece : pieces_) {
      ::send(connection, piece.data(), piece.size(), MSG_NOSIGNAL);
    }
    if (pieces_.empty()) ::recv(connection, buffer, sizeof buffer, 0);  // until the client gives up
    ::close(connection);
  }

  [[nodiscard]] bool whole() const {
    const auto head_end = request_.find("\r\n\r\n");
    const auto length = request_.find("Content-Length: ");
    return head_end != std::string::npos && length < head_end &&
           request_.size() >= head_end + 4 + std::stoul(request_.substr(length + 16));
  }

  void stop() {
    if (!thread_.joinable()) return;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  std::vector<std::string> pieces_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::string request_;
  std::thread thread_;
};

}  // namespace crier::daemon

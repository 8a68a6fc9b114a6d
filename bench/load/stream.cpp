#include "stream.hpp"

#include <cerrno>
#include <cstring>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>
#include <unistd.h>

namespace load {

bool Stream::open(const Loop& loop, const Route& route, Ready& owner) {
  reset();
  unsent_.clear();
  problem_.clear();
  descriptor_ = ::socket(route.to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) return refuse(errno);
  const int on = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (route.receive_buffer > 0) {
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &route.receive_buffer, sizeof(int));
  }
  if (route.from != nullptr) {
    // The port is chosen when the other end is known.
    ::setsockopt(descriptor_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const auto* from = reinterpret_cast<const sockaddr*>(&route.from->storage);
    if (::bind(descriptor_, from, route.from->size) != 0) return refuse(errno);
  }
  const auto* to = reinterpret_cast<const sockaddr*>(&route.to.storage);
  if (::connect(descriptor_, to, route.to.size) != 0 && errno != EINPROGRESS) return refuse(errno);
  if (!loop.add(descriptor_, owner)) return refuse(errno);
  if (route.tls != nullptr) tls_ = route.tls->session(descriptor_);
  return true;
}

void Stream::reset() {
  if (descriptor_ < 0) return;
  const linger at_once{1, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  tls_.reset();
  ::close(descriptor_);
  descriptor_ = -1;
}

bool Stream::refuse(int error) {
  problem_ = std::strerror(error);
  reset();
  return false;
}

long Stream::fail(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK || error == EINTR) return 0;
  // A send that was told the reason took it from the next recv.
  if (problem_.empty()) problem_ = error == 0 ? "closed by the server" : std::strerror(error);
  return -1;
}

long Stream::tls_result(int result) {
  if (result > 0) return result;
  const int error = ::SSL_get_error(tls_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return 0;
  if (const long verdict = ::SSL_get_verify_result(tls_.get()); verdict != X509_V_OK) {
    problem_ = std::string("certificate: ") + ::X509_verify_cert_error_string(verdict);
  } else if (error == SSL_ERROR_SSL) {
    const char* reason = ::ERR_reason_error_string(::ERR_peek_error());
    problem_ = std::string("TLS: ") + (reason == nullptr ? "failed" : reason);
  } else {
    fail(error == SSL_ERROR_SYSCALL ? errno : 0);
  }
  ::ERR_clear_error();
  return -1;
}

long Stream::read(char* buffer, std::size_t size) {
  if (descriptor_ < 0) return 0;
  if (tls_) {
    const long count = tls_result(::SSL_read(tls_.get(), buffer, static_cast<int>(size)));
    if (count == 0) flush();  // It may have waited for the handshake.
    return count;
  }
  const long count = ::recv(descriptor_, buffer, size, 0);
  return count > 0 ? count : fail(count == 0 ? 0 : errno);
}

long Stream::write(std::string_view bytes) {
  if (tls_)
    return tls_result(::SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size())));
  const long count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return count >= 0 ? count : fail(errno == ENOTCONN ? EAGAIN : errno);
}

void Stream::send(std::string_view bytes) {
  if (descriptor_ < 0) return;
  if (!unsent_.empty()) {
    unsent_ += bytes;
    return;
  }
  const long sent = write(bytes);
  // What there is to read says that it is over.
  if (sent < 0) return;
  unsent_ = bytes.substr(static_cast<std::size_t>(sent));
}

void Stream::send_unsent() {
  const long sent = write(unsent_);
  if (sent > 0) unsent_.erase(0, static_cast<std::size_t>(sent));
}

}  // namespace load

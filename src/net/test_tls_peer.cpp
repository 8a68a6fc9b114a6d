// Implements the TLS peer of the tests on OpenSSL's memory buffers.

#include "net/test_tls_peer.hpp"

#include "base/assert.hpp"

#include <array>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <utility>

namespace crier::net {

TlsPeer::TlsPeer(Stream stream, SSL_CTX* context, std::size_t piece, SSL_SESSION* session)
    : stream_(std::move(stream)), piece_(piece), tls_(SSL_new(context)) {
  SSL_set_bio(tls_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  stream_->set_user(*this);
  stream_->wait_readable();
  if (SSL_is_server(tls_) == 1) {
    SSL_set_accept_state(tls_);
    return;
  }
  SSL_set_connect_state(tls_);
  if (session != nullptr) SSL_set_session(tls_, session);
  SSL_do_handshake(tls_);
  flush();
}

TlsPeer::~TlsPeer() { SSL_free(tls_); }

void TlsPeer::send(std::string_view text) {
  CRIER_ASSERT(SSL_write(tls_, text.data(), static_cast<int>(text.size())) ==
               static_cast<int>(text.size()));
  flush();
}

void TlsPeer::renew_keys() {
  CRIER_ASSERT(SSL_key_update(tls_, SSL_KEY_UPDATE_REQUESTED) == 1);
  CRIER_ASSERT(SSL_do_handshake(tls_) == 1);
  flush();
}

void TlsPeer::end() {
  SSL_shutdown(tls_);
  flush();
}

void TlsPeer::send_raw(std::string_view bytes) {
  CRIER_ASSERT(stream_->write(bytes).bytes == bytes.size());
}

bool TlsPeer::is_open() const { return SSL_is_init_finished(tls_) == 1; }

bool TlsPeer::was_told_the_end() const {
  return (SSL_get_shutdown(tls_) & SSL_RECEIVED_SHUTDOWN) != 0;
}

std::string TlsPeer::asked_name() const {
  const char* const name = SSL_get_servername(tls_, TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? "" : name;
}

void TlsPeer::on_readable() {
  if (!reads || !stream_) return;
  std::array<char, 65536> bytes;  // NOLINT: filled by the read
  const IoResult result = stream_->read(bytes);
  if (result.status != IoStatus::done && result.status != IoStatus::would_block) {
    ended = true;
    return;
  }
  raw.append(bytes.data(), result.bytes);
  BIO_write(SSL_get_rbio(tls_), bytes.data(), static_cast<int>(result.bytes));
  int count = 0;
  while ((count = SSL_read(tls_, bytes.data(), static_cast<int>(bytes.size()))) > 0) {
    received.append(bytes.data(), static_cast<std::size_t>(count));
  }
  flush();
  stream_->wait_readable();
}

void TlsPeer::flush() {
  std::array<char, 65536> bytes;  // NOLINT: filled by the read
  int count = 0;
  while ((count = BIO_read(SSL_get_wbio(tls_), bytes.data(), static_cast<int>(bytes.size()))) > 0) {
    out_.append(bytes.data(), static_cast<std::size_t>(count));
  }
  while (stream_ && !out_.empty()) {
    const IoResult result = stream_->write(std::string_view(out_).substr(0, piece_));
    out_.erase(0, result.bytes);
    if (result.status == IoStatus::failed) return;
    if (piece_ < bytes.size() || result.status == IoStatus::would_block) break;
  }
  if (stream_ && !out_.empty()) stream_->wait_writable();
}

}  // namespace crier::net

// TLS with OpenSSL: certificates, contexts, and sessions over non-blocking sockets.

#include "net/tls.hpp"

#include "base/assert.hpp"
#include "net/backend.hpp"
#include "net/tls_session.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <tuple>
#include <utility>

namespace crier::net {
namespace {

/// OpenSSL's first error message for the call that has just failed; empties its error queue.
std::string take_reason() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(error)) return reason_of(static_cast<int>(ERR_GET_REASON(error)));
  const char* const reason = ERR_reason_error_string(error);
  return reason == nullptr ? "no reason given" : reason;
}

int no_passphrase(char*, int, int, void*) { return 0; }  // never asks on the terminal

/// Each of these functions reads what its name says; an error is the end of a sentence.
Result<void, std::string> read_certificate(SSL_CTX* context, const std::string& certificate,
                                           const std::string& key) {
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    return Unexpected{"the certificate file " + certificate + " cannot be used: " + take_reason()};
  }
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return Unexpected{"the key file " + key + " cannot be used: " + take_reason()};
  }
  return {};
}

Result<void, std::string> read_files(SSL_CTX* context, const TlsFiles& files) {
  if (files.ca.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_file(context, files.ca.c_str()) != 1) {
    return Unexpected{"the CA file " + files.ca + " cannot be used: " + take_reason()};
  }
  if (files.certificate.empty()) {
    if (files.key.empty()) return {};
    return Unexpected{"the key file " + files.key + " needs a certificate file"};
  }
  return read_certificate(context, files.certificate,
                          files.key.empty() ? files.certificate : files.key);
}

void set_up(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
}

int choose_http(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                const unsigned char* offered, unsigned int offered_size, void*) {
  constexpr std::string_view ours = "\x08http/1.1";
  unsigned char* found = nullptr;
  const int outcome = SSL_select_next_proto(
      &found, chosen_size, reinterpret_cast<const unsigned char*>(ours.data()),
      static_cast<unsigned int>(ours.size()), offered, offered_size);
  *chosen = found;
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// Sets up incoming connections: forward secrecy and authenticated encryption with every version.
void set_up_server(SSL_CTX* context) {
  set_up(context);
  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
  // HTTP and WebSocket mark the end of their messages, and many clients disconnect without a
  // close_notify.
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // clients resume with tickets
  SSL_CTX_set_alpn_select_cb(context, choose_http, nullptr);
}

Result<std::shared_ptr<SSL_CTX>, std::string> server_context(const std::string& certificate,
                                                             const std::string& key) {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  CRIER_ASSERT(context != nullptr);
  set_up_server(context.get());
  const auto read = read_certificate(context.get(), certificate, key);
  if (!read) return Unexpected{read.error()};
  return context;
}

// A BIO over a descriptor, like OpenSSL's own, but without SIGPIPE.

int descriptor_of(BIO* bio) { return *static_cast<const int*>(BIO_get_data(bio)); }

template <class Call>
int without_interruption(Call call) {
  ssize_t count = -1;
  do {
    count = call();
  } while (count < 0 && errno == EINTR);
  return static_cast<int>(count);
}

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const int count = without_interruption(
      [&] { return ::recv(descriptor_of(bio), into, static_cast<std::size_t>(size), 0); });
  if (count < 0 && errno == EAGAIN) BIO_set_retry_read(bio);
  if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return count;
}

int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const int count = without_interruption([&] {
    return ::send(descriptor_of(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  });
  if (count < 0 && errno == EAGAIN) BIO_set_retry_write(bio);
  return count;
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) == 0 ? 0 : 1;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* descriptor_method() {
  static const std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "descriptor");
    CRIER_ASSERT(made != nullptr);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    return std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)>(made, &BIO_meth_free);
  }();
  return method.get();
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

/// Requires a certificate for `host`, and sends the name to the server (SNI).
void expect_host(SSL* tls, const std::string& host) {
  const std::string name = host.substr(0, host.find('%'));  // without a zone
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(tls);
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (is_address(name)) {
    CRIER_ASSERT(X509_VERIFY_PARAM_set1_ip_asc(wanted, name.c_str()) == 1);
    return;
  }
  CRIER_ASSERT(X509_VERIFY_PARAM_set1_host(wanted, name.data(), name.size()) == 1);
  SSL_set_tlsext_host_name(tls, name.c_str());
}

}  // namespace

TlsClient::TlsClient(ssl_ctx_st* context) : context_(context) {}
TlsClient::~TlsClient() { SSL_CTX_free(context_); }

Result<std::shared_ptr<const TlsClient>, std::string> TlsClient::load(const TlsFiles& files) {
  ERR_clear_error();
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  CRIER_ASSERT(context != nullptr);
  auto client = std::make_shared<const TlsClient>(context);
  set_up(context);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (const auto read = read_files(context, files); !read) return Unexpected{read.error()};
  return client;
}

TlsServer::TlsServer(std::string certificate_file, std::string key_file)
    : certificate_file_(std::move(certificate_file)), key_file_(std::move(key_file)) {}

Result<std::shared_ptr<TlsServer>, std::string> TlsServer::load(std::string certificate_file,
                                                                std::string key_file) {
  std::shared_ptr<TlsServer> server(
      new TlsServer(std::move(certificate_file), std::move(key_file)));
  const auto loaded = server->reload();
  if (!loaded) return Unexpected{loaded.error()};
  return server;
}

Result<void, std::string> TlsServer::reload() {
  const Stamp before = stamp();  // a change during the read is detected afterwards
  auto context = server_context(certificate_file_, key_file_);
  const std::lock_guard lock(mutex_);
  read_ = before;
  if (!context) return Unexpected{context.error()};
  context_ = std::move(context).value();
  return {};
}

TlsServer::Stamp TlsServer::stamp() const {
  Stamp stamp{};
  auto* next = stamp.begin();
  for (const std::string* file : {&certificate_file_, &key_file_}) {
    struct ::stat found{};
    if (::stat(file->c_str(), &found) != 0) found = {};
    for (const auto value :
         {static_cast<std::int64_t>(found.st_ino), static_cast<std::int64_t>(found.st_size),
          static_cast<std::int64_t>(found.st_mtim.tv_sec),
          static_cast<std::int64_t>(found.st_mtim.tv_nsec)}) {
      *next++ = value;
    }
  }
  return stamp;
}

bool TlsServer::files_changed() const {
  const Stamp now = stamp();
  const std::lock_guard lock(mutex_);
  return now != read_;
}

std::shared_ptr<ssl_ctx_st> TlsServer::context() const {
  const std::lock_guard lock(mutex_);
  return context_;
}

std::string TlsServer::valid_until() const {
  std::tm time{};
  std::array<char, 32> text{};
  const X509* const certificate = SSL_CTX_get0_certificate(context().get());
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) return "";
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &time)};
}

TlsSession::TlsSession(const TlsClient& client, const std::string& host, int descriptor)
    : descriptor_(descriptor), tls_(SSL_new(client.context())) {
  use_descriptor();
  expect_host(tls_, host);
  SSL_set_connect_state(tls_);
}

TlsSession::TlsSession(const TlsServer& server, int descriptor)
    : descriptor_(descriptor), tls_(SSL_new(server.context().get())) {
  use_descriptor();
  SSL_set_accept_state(tls_);
}

void TlsSession::use_descriptor() {
  BIO* const bio = BIO_new(descriptor_method());
  CRIER_ASSERT(tls_ != nullptr && bio != nullptr);
  BIO_set_data(bio, &descriptor_);
  BIO_set_init(bio, 1);
  SSL_set_bio(tls_, bio, bio);
}

TlsSession::~TlsSession() { SSL_free(tls_); }

TlsSession::Step TlsSession::shake_hands() {
  ERR_clear_error();
  return judge(SSL_do_handshake(tls_));
}

/// The outcome of the call that returned `result`; 1 means success.
TlsSession::Step TlsSession::judge(int result) {
  if (result == 1) return Step::done;
  switch (SSL_get_error(tls_, result)) {
    case SSL_ERROR_WANT_READ:
      return Step::wants_read;
    case SSL_ERROR_WANT_WRITE:
      return Step::wants_write;
    case SSL_ERROR_ZERO_RETURN:
      closed_ = true;
      break;
    case SSL_ERROR_SSL: {
      if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) break;
      const long verified = SSL_get_verify_result(tls_);
      failure_ = verified == X509_V_OK ? "TLS failed: " + take_reason()
                                       : "its certificate is not accepted: " +
                                             std::string(X509_verify_cert_error_string(verified));
      break;
    }
    default:
      break;  // the connection was cut off or reset
  }
  if (failure_.empty()) failure_ = "the connection broke";
  return Step::failed;
}

IoResult TlsSession::outcome(Step step, std::size_t bytes) {
  if (step == Step::done) return {IoStatus::done, bytes};
  if (step != Step::failed) return {IoStatus::would_block};
  return {closed_ ? IoStatus::closed : IoStatus::failed};
}

IoResult TlsSession::read(std::span<char> into) {
  ERR_clear_error();
  std::size_t count = 0;
  const Step step = judge(SSL_read_ex(tls_, into.data(), into.size(), &count));
  read_blocked_ = step != Step::done;
  read_waits_for_room_ = step == Step::wants_write;
  return outcome(step, count);
}

IoResult TlsSession::write(std::string_view bytes) {
  if (bytes.empty()) return {IoStatus::done};
  ERR_clear_error();
  std::size_t count = 0;
  const Step step = judge(SSL_write_ex(tls_, bytes.data(), bytes.size(), &count));
  write_waits_for_bytes_ = step == Step::wants_read;
  return outcome(step, count);
}

IoResult TlsSession::write(std::span<const iovec> pieces) {
  constexpr std::size_t record_bytes_max = 16 * 1024;
  while (!pieces.empty() && pieces.front().iov_len == 0) pieces = pieces.subspan(1);
  if (pieces.empty()) return {IoStatus::done};
  const iovec& first = pieces.front();
  if (pieces.size() == 1 || first.iov_len >= record_bytes_max) {
    return write(std::string_view(static_cast<const char*>(first.iov_base), first.iov_len));
  }
  thread_local std::array<char, record_bytes_max> record;
  std::size_t size = 0;
  for (const iovec& piece : pieces) {
    const std::size_t count = std::min(piece.iov_len, record.size() - size);
    std::memcpy(record.data() + size, piece.iov_base, count);
    size += count;
    if (count < piece.iov_len) break;
  }
  return write(std::string_view(record.data(), size));
}

// OpenSSL may have read ahead less than a whole record; then the last read has blocked.
bool TlsSession::has_unread() const {
  return SSL_pending(tls_) > 0 || (!read_blocked_ && SSL_has_pending(tls_) == 1);
}

void TlsSession::say_goodbye() {
  ERR_clear_error();
  const bool usable = failure_.empty() || closed_;
  if (usable && SSL_is_init_finished(tls_) == 1) SSL_shutdown(tls_);
  ERR_clear_error();
}

}  // namespace crier::net

#pragma once

// For the tests of TLS: a peer that shares none of Crier's code for it.

#include "net/stream.hpp"

#include <optional>
#include <string>
#include <string_view>

struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;

namespace crier::net {

/// The other end of a tested connection, over OpenSSL's own buffers. It sends in pieces of `piece`
/// bytes.
class TlsPeer final : StreamUser {
 public:
  /// Makes a server, or with a client's context a client. `session`: one to resume.
  TlsPeer(Stream stream, ssl_ctx_st* context, std::size_t piece = SIZE_MAX,
          ssl_session_st* session = nullptr);
  ~TlsPeer();
  TlsPeer(const TlsPeer&) = delete;
  TlsPeer& operator=(const TlsPeer&) = delete;

  void send(std::string_view text);
  void renew_keys();
  void end();
  void send_raw(std::string_view bytes);
  void cut() { stream_.reset(); }
  [[nodiscard]] bool is_open() const;
  [[nodiscard]] bool was_told_the_end() const;
  [[nodiscard]] std::string asked_name() const;
  [[nodiscard]] ssl_st* tls() const { return tls_; }

  bool reads = true;
  bool ended = false;  ///< The connection has ended, with or without a close_notify.
  std::string raw;
  std::string received;

  void on_readable() override;

 private:
  void on_writable() override { flush(); }
  void flush();

  std::optional<Stream> stream_;
  const std::size_t piece_;
  ssl_st* tls_;
  std::string out_;
};

}  // namespace crier::net

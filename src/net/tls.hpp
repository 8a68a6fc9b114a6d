#pragma once

// TLS configuration: certificates for connections to servers, and those that listeners show.

#include "crier/result.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

struct ssl_ctx_st;

namespace crier::net {

/// PEM files for TLS connections to a server.
struct TlsFiles {
  std::string ca = {};           ///< Trusted certificates; empty: those of the system.
  std::string certificate = {};  ///< The client certificate, with its chain; empty: none.
  std::string key = {};          ///< The certificate's key; empty: it is in the same file.
};

/// The trusted certificates and the client certificate of outgoing TLS connections. Immutable: any
/// number of connections may share it. TLS 1.2 or later; the server's certificate must be valid and
/// name the host.
class TlsClient {
 public:
  /// Reads the files, on the calling thread. An error is the end of a sentence and names the file.
  static Result<std::shared_ptr<const TlsClient>, std::string> load(const TlsFiles& files);

  explicit TlsClient(ssl_ctx_st* context);  ///< Takes ownership of `context`. For load().
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  [[nodiscard]] ssl_ctx_st* context() const { return context_; }

 private:
  ssl_ctx_st* context_;
};

/// The certificate that listeners show, and its key. TLS 1.2 or later, for HTTP/1.1. A connection
/// keeps the certificate that it began with. Thread-safe.
class TlsServer {
 public:
  /// Reads the PEM files; the certificate's file holds its chain. An error is the end of a sentence
  /// and names the file.
  static Result<std::shared_ptr<TlsServer>, std::string> load(std::string certificate_file,
                                                              std::string key_file);

  /// Reads the files again; new connections use them. If that fails, the certificate stays.
  Result<void, std::string> reload();
  /// Whether the files have changed since they were last read, even if that read failed.
  [[nodiscard]] bool files_changed() const;
  /// When the certificate expires, as `2027-01-31T12:00:00Z`.
  [[nodiscard]] std::string valid_until() const;

  [[nodiscard]] std::shared_ptr<ssl_ctx_st> context() const;

 private:
  /// Inode, size and modification time of the two files, to detect a change.
  using Stamp = std::array<std::int64_t, 8>;

  TlsServer(std::string certificate_file, std::string key_file);
  [[nodiscard]] Stamp stamp() const;

  const std::string certificate_file_;
  const std::string key_file_;
  mutable std::mutex mutex_;
  std::shared_ptr<ssl_ctx_st> context_;  // under mutex_
  Stamp read_{};                         // under mutex_
};

}  // namespace crier::net

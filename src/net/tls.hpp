#pragma once

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
  std::string ca = {};           ///< Certificates that are trusted; empty: those of the system.
  std::string certificate = {};  ///< Ours, with its chain; empty: we show none.
  std::string key = {};          ///< Of our certificate; empty: it is in the same file.
};

/// Whom our TLS connections trust and who we say we are. Immutable: any number of connections may
/// share it. TLS 1.2 or later; the server's certificate must be valid and name the host.
class TlsClient {
 public:
  /// Reads the files now, on the calling thread. Fails with a sentence's end that names the file.
  static Result<std::shared_ptr<const TlsClient>, std::string> load(const TlsFiles& files);

  explicit TlsClient(ssl_ctx_st* context);  ///< Takes it over. For load().
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  [[nodiscard]] ssl_ctx_st* context() const { return context_; }

 private:
  ssl_ctx_st* context_;
};

/// The certificate that listeners show, and its key. TLS 1.2 or later, for HTTP/1.1. Connections
/// keep the one that they began with. From any thread.
class TlsServer {
 public:
  /// Reads the PEM files now; the certificate's with its chain. Fails with a sentence's end that
  /// names the file.
  static Result<std::shared_ptr<TlsServer>, std::string> load(std::string certificate_file,
                                                              std::string key_file);

  /// Reads the files again, for connections to come. If that fails, the certificate stays.
  Result<void, std::string> reload();
  /// Whether the files are others than those that were read last, or could not be used.
  [[nodiscard]] bool files_changed() const;
  /// When the certificate ends, as `2027-01-31T12:00:00Z`.
  [[nodiscard]] std::string valid_until() const;

  [[nodiscard]] std::shared_ptr<ssl_ctx_st> context() const;

 private:
  /// What the system tells of the two files, to see a change.
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

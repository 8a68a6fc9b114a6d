#pragma once

#include "crier/result.hpp"

#include <memory>
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

}  // namespace crier::net

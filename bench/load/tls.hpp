#pragma once

#include <memory>
#include <openssl/ssl.h>
#include <string>

namespace load {

struct FreeSsl {
  void operator()(SSL* ssl) const { ::SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
};
using Ssl = std::unique_ptr<SSL, FreeSsl>;

/// What all TLS connections to one host share.
class Tls {
 public:
  /// Certificates are checked against the system's authorities and `host`, unless `insecure`.
  Tls(std::string host, bool insecure);

  /// A client's session over `descriptor`, which stays the caller's.
  [[nodiscard]] Ssl session(int descriptor) const;

 private:
  std::string host_;
  bool insecure_;
  std::unique_ptr<SSL_CTX, FreeSsl> context_;
};

}  // namespace load

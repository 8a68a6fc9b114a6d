#pragma once

// Reloading of the TLS certificate.

#include "crier/log.hpp"
#include "net/loop.hpp"
#include "net/tls.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace crier::web {

/// What is wrong with the options for TLS, as a sentence that begins with the option's name.
std::optional<std::string> problem_with_tls(const std::string& certificate_file,
                                            const std::string& key_file);

/// The certificate that the listeners of a server show, if it has one. From any thread.
class Certificate {
 public:
  /// Empty names: none. Throws std::invalid_argument with a sentence that names the file that
  /// cannot be used.
  Certificate(const std::string& certificate_file, const std::string& key_file, LogSink log);

  /// For the listeners; null without a certificate.
  [[nodiscard]] std::shared_ptr<const net::TlsServer> tls() const { return tls_; }
  /// Reads the files again. When they cannot be used, that is logged and the certificate stays.
  void reload();
  /// The same, if the files have changed since they were read last.
  void reload_if_changed();

 private:
  LogSink log_;
  std::shared_ptr<net::TlsServer> tls_;
};

/// Looks now and then whether the files of a certificate have changed, as whoever renews them need
/// not tell. On the thread of `loop`; does nothing without a certificate.
class CertificateWatch {
 public:
  CertificateWatch(Certificate& certificate, net::Loop& loop,
                   std::chrono::milliseconds interval = std::chrono::minutes(1));

 private:
  void look();

  Certificate& certificate_;
  net::Loop& loop_;
  const std::chrono::milliseconds interval_;
  net::Timer timer_;
};

}  // namespace crier::web

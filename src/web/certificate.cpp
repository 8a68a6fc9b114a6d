// Reloads the TLS certificate when its files have changed.

#include "web/certificate.hpp"

#include <stdexcept>
#include <utility>

namespace crier::web {

namespace {

std::string sentence(const std::string& problem) {
  return "tls.certificate_file and tls.key_file: " + problem + ".";
}

}  // namespace

std::optional<std::string> problem_with_tls(const std::string& certificate_file,
                                            const std::string& key_file) {
  if (certificate_file.empty() && key_file.empty()) return std::nullopt;
  if (certificate_file.empty() || key_file.empty()) {
    return "tls.certificate_file and tls.key_file must be set both or not at all.";
  }
  const auto loaded = net::TlsServer::load(certificate_file, key_file);
  if (!loaded) return sentence(loaded.error());
  return std::nullopt;
}

Certificate::Certificate(const std::string& certificate_file, const std::string& key_file,
                         LogSink log)
    : log_(std::move(log)) {
  if (certificate_file.empty()) return;
  auto loaded = net::TlsServer::load(certificate_file, key_file);
  if (!loaded) throw std::invalid_argument(sentence(loaded.error()));
  tls_ = std::move(loaded).value();
}

void Certificate::reload() {
  if (!tls_) return;
  const auto reloaded = tls_->reload();
  if (!log_) return;
  if (reloaded) {
    log_(LogLevel::info, "the TLS certificate was read again",
         {{"valid_until", tls_->valid_until()}});
  } else {
    log_(LogLevel::warning, "the TLS certificate was not replaced",
         {{"reason", reloaded.error()}, {"valid_until", tls_->valid_until()}});
  }
}

void Certificate::reload_if_changed() {
  if (tls_ && tls_->files_changed()) reload();
}

CertificateWatch::CertificateWatch(Certificate& certificate, net::Loop& loop,
                                   std::chrono::milliseconds interval)
    : certificate_(certificate),
      loop_(loop),
      interval_(interval),
      timer_(loop, [this] { look(); }) {
  if (certificate_.tls()) timer_.arm(loop_.now() + interval_);
}

void CertificateWatch::look() {
  certificate_.reload_if_changed();
  timer_.arm(loop_.now() + interval_);
}

}  // namespace crier::web

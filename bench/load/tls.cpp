#include "tls.hpp"

#include <arpa/inet.h>
#include <array>

namespace load {

Tls::Tls(std::string host, bool insecure)
    : host_(std::move(host)), insecure_(insecure), context_(::SSL_CTX_new(::TLS_client_method())) {
  ::SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
  ::SSL_CTX_set_mode(context_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                         SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                         SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);
  if (insecure_) return;
  ::SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  ::SSL_CTX_set_default_verify_paths(context_.get());
}

Ssl Tls::session(int descriptor) const {
  Ssl ssl(::SSL_new(context_.get()));
  ::SSL_set_fd(ssl.get(), descriptor);
  ::SSL_set_connect_state(ssl.get());
  std::array<unsigned char, 16> number{};
  const bool is_number = ::inet_pton(AF_INET, host_.c_str(), number.data()) == 1 ||
                         ::inet_pton(AF_INET6, host_.c_str(), number.data()) == 1;
  if (!is_number) ::SSL_set_tlsext_host_name(ssl.get(), host_.c_str());
  if (insecure_) return ssl;
  if (is_number) {
    ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl.get()), host_.c_str());
  } else {
    ::SSL_set1_host(ssl.get(), host_.c_str());
  }
  return ssl;
}

}  // namespace load

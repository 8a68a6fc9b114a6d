// Computes HMACs with OpenSSL.

#include "access/hmac.hpp"

#include "base/assert.hpp"

#include <array>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdexcept>

namespace crier::access {
namespace {

struct FreeMac {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
};
struct FreeContext {
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MAC_CTX, FreeContext>;

const char* digest_name(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::hs256:
      return "SHA256";
    case Algorithm::hs384:
      return "SHA384";
    case Algorithm::hs512:
      return "SHA512";
  }
  return nullptr;
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Context keyed_context(Algorithm algorithm, std::string_view secret) {
  const std::unique_ptr<EVP_MAC, FreeMac> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  Context context(mac ? EVP_MAC_CTX_new(mac.get()) : nullptr);
  std::string digest = digest_name(algorithm);
  const std::array<OSSL_PARAM, 2> parameters{
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  if (!context ||
      EVP_MAC_init(context.get(), bytes_of(secret), secret.size(), parameters.data()) != 1) {
    throw std::runtime_error("OpenSSL offers no HMAC with " + digest);
  }
  return context;
}

}  // namespace

/// A context with the key and no message: each message uses a copy, which avoids hashing the key
/// again.
struct Hmac::State {
  Context keyed;
};

Hmac::Hmac(Algorithm algorithm, std::string_view secret) {
  if (secret.empty()) throw std::invalid_argument("the secret of a key must not be empty");
  state_ = std::make_unique<State>(State{keyed_context(algorithm, secret)});
}

Hmac::~Hmac() = default;
Hmac::Hmac(Hmac&&) noexcept = default;
Hmac& Hmac::operator=(Hmac&&) noexcept = default;

std::string Hmac::of(std::string_view message) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> code{};
  std::size_t size = 0;
  const Context context(EVP_MAC_CTX_dup(state_->keyed.get()));
  CRIER_ASSERT(context != nullptr);
  CRIER_ASSERT(EVP_MAC_update(context.get(), bytes_of(message), message.size()) == 1);
  CRIER_ASSERT(EVP_MAC_final(context.get(), code.data(), &size, code.size()) == 1);
  return {reinterpret_cast<const char*>(code.data()), size};
}

}  // namespace crier::access

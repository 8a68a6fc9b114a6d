#pragma once

// HMAC over SHA-256, SHA-384 and SHA-512.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace crier::access {

/// The algorithms of RFC 7518 section 3.2.
enum class Algorithm : std::uint8_t { hs256, hs384, hs512 };

/// One secret, prepared once and used for many messages (RFC 2104). Immutable: one object may serve
/// several threads. Throws std::invalid_argument for an empty secret.
class Hmac {
 public:
  Hmac(Algorithm algorithm, std::string_view secret);
  ~Hmac();
  Hmac(Hmac&&) noexcept;
  Hmac& operator=(Hmac&&) noexcept;

  /// The code of `message`: 32, 48 or 64 bytes.
  [[nodiscard]] std::string of(std::string_view message) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace crier::access

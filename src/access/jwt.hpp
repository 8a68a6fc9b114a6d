#pragma once

// JSON Web Tokens signed with a shared secret (RFC 7519, 7515, 7518 section 3.2). A key has a list
// of permitted algorithms; the token's `alg` only chooses among them.

#include "access/hmac.hpp"
#include "base/time.hpp"
#include "crier/result.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::access {

struct Key {
  std::string secret;
  std::vector<Algorithm> algorithms{Algorithm::hs256};
  std::string kid{};  ///< Empty: matches tokens with any `kid` or none.
};

struct TokenPolicy {
  std::string issuer;              ///< Required `iss`; empty: not checked.
  std::string audience;            ///< Required in `aud` (string or array); empty: not checked.
  std::chrono::seconds leeway{0};  ///< Tolerated clock difference for `exp` and `nbf`.
  std::chrono::seconds nbf_leeway{60};             ///< The same for `nbf`, if greater than
                                                   ///< `leeway`.
  std::optional<std::chrono::seconds> iat_leeway;  ///< How far ahead `iat` may be; none: no limit.
  std::size_t token_bytes_max = 8192;
};

/// Why a token is refused; to_string() returns the stable code that clients see.
enum class TokenError : std::uint8_t {
  malformed,      ///< token_malformed
  too_large,      ///< token_too_large
  algorithm,      ///< token_algorithm: `none`, unknown, or not one of the key's
  unknown_key,    ///< token_unknown_key
  signature,      ///< token_signature
  critical,       ///< token_critical: `crit` is present (RFC 7515 section 4.1.11)
  expired,        ///< token_expired
  not_yet_valid,  ///< token_not_yet_valid: `nbf`, or `iat` if it is checked
  issuer,         ///< token_issuer
  audience,       ///< token_audience
  claim_type,     ///< token_claim_type: exp, nbf or iat is not a number, …
};
std::string_view to_string(TokenError error);
/// One sentence for the client; contains no part of the token.
std::string_view explain(TokenError error);

struct TokenClaims {
  std::string subject;                     ///< `sub`; empty if absent or not a non-empty string.
  std::optional<std::int64_t> expires_at;  ///< `exp`, seconds since 1970, rounded up.
};

/// Verifies tokens with a set of keys. Thread-compatible; immutable after construction.
class Verifier {
 public:
  /// Throws std::invalid_argument without a key, and for a key without secret or algorithm.
  Verifier(std::vector<Key> keys, TokenPolicy policy);
  ~Verifier();
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  /// Checks the signature before any claim. Dates may have fractions, and are compared with `now`
  /// in full precision; `exp` is exclusive (RFC 7519 section 4.1.4).
  [[nodiscard]] Result<TokenClaims, TokenError> verify(std::string_view token, WallTime now) const;

 private:
  struct Secret;
  [[nodiscard]] Result<void, TokenError> check_signature(
      std::string_view text, std::string_view signature, Algorithm algorithm,
      const std::optional<std::string>& kid) const;

  std::vector<Secret> secrets_;
  TokenPolicy policy_;
};

/// A token with HS256 for tests and the command line.
std::string sign_hs256(std::string_view secret, std::string_view claims_json);

}  // namespace crier::access

// Parses and verifies tokens, and signs them for tests.

#include "access/jwt.hpp"

#include "base/encoding.hpp"
#include "base/json_text.hpp"
#include "crier/json.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

namespace crier::access {
namespace {

/// Dates beyond it (about the year 287,000) mean "never" and are cut to it, so that callers may
/// count in microseconds.
constexpr std::int64_t date_max = 9'000'000'000'000;

/// The three parts of a compact serialization (RFC 7515 section 7.1), still encoded.
struct Parts {
  std::string_view header;
  std::string_view claims;
  std::string_view signature;
  std::string_view signed_text;
};

std::optional<Parts> split(std::string_view token) {
  const auto first = token.find('.');
  const auto last = token.rfind('.');
  if (first == last || token.find('.', first + 1) != last) return {};
  return Parts{token.substr(0, first), token.substr(first + 1, last - first - 1),
               token.substr(last + 1), token.substr(0, last)};
}

/// A JSON object whose members, at every depth, have different names. RFC 7515 section 4 and RFC
/// 7519 section 4 allow to refuse others; two readers could disagree about them.
class Object {
 public:
  explicit Object(std::string_view part) {
    auto text = base64url_decode(part);
    auto json = text ? Json::parse(std::move(*text)) : Result<Json>(Json());
    if (!json) return;
    json_ = *std::move(json);
    auto members = json::members(json_.text());
    is_valid_ = members.has_value();
    if (members) members_ = *std::move(members);
  }
  ~Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  [[nodiscard]] bool is_valid() const { return is_valid_; }

  [[nodiscard]] std::optional<std::string_view> member(std::string_view name) const {
    return json::find(members_, name);
  }

  /// The member as a string. Nothing if it is absent, is not a string, or holds U+FFFD: that may
  /// stand for a lone surrogate, and two different strings must not become equal.
  [[nodiscard]] std::optional<std::string> string(std::string_view name) const {
    const auto value = member(name);
    auto text = value ? json::unquote(*value) : std::nullopt;
    if (text && text->find("\xEF\xBF\xBD") != std::string::npos) return {};
    return text;
  }

 private:
  Json json_;
  std::vector<json::Member> members_;  ///< Slices of the object's text.
  bool is_valid_ = false;
};

struct Header {
  std::string algorithm;
  std::optional<std::string> kid;
};

Result<Header, TokenError> read_header(std::string_view part) {
  const Object object(part);
  if (!object.is_valid()) return Unexpected{TokenError::malformed};
  auto algorithm = object.string("alg");
  if (!algorithm) return Unexpected{TokenError::malformed};
  auto kid = object.string("kid");
  if (!kid && object.member("kid")) return Unexpected{TokenError::malformed};
  if (object.member("crit")) return Unexpected{TokenError::critical};
  return Header{std::move(*algorithm), std::move(kid)};
}

std::optional<Algorithm> algorithm_named(std::string_view name) {
  if (name == "HS256") return Algorithm::hs256;
  if (name == "HS384") return Algorithm::hs384;
  if (name == "HS512") return Algorithm::hs512;
  return {};
}

/// A NumericDate (RFC 7519 section 2): seconds since 1970, maybe with a fraction, maybe infinite.
Result<std::optional<double>, TokenError> date(const Object& claims, std::string_view name) {
  const auto text = claims.member(name);
  if (!text) return std::optional<double>{};
  const auto seconds = json::number(*text);
  if (!seconds) return Unexpected{TokenError::claim_type};
  return seconds;
}

/// Rounds up to whole seconds: for a whole `now`, now < 10.5 means now < 11.
std::int64_t rounded_up(double seconds) {
  constexpr auto bound = static_cast<double>(date_max);
  return static_cast<std::int64_t>(std::clamp(std::ceil(seconds), -bound, bound));
}

/// RFC 7519 section 4.1.3: `aud` is a string, or an array of strings one of which must be ours.
Result<void, TokenError> check_audience(const Object& claims, std::string_view wanted) {
  const auto value = claims.member("aud");
  if (!value) return Unexpected{TokenError::audience};
  std::vector<std::string_view> names{*value};
  if (auto elements = json::elements(*value)) names = std::move(*elements);
  bool found = false;
  for (const std::string_view name : names) {
    const auto audience = json::unquote(name);
    if (!audience) return Unexpected{TokenError::claim_type};
    found = found || *audience == wanted;
  }
  if (!found) return Unexpected{TokenError::audience};
  return {};
}

Result<void, TokenError> check_issuer(const Object& claims, std::string_view wanted) {
  const auto issuer = claims.string("iss");
  if (!issuer && claims.member("iss")) return Unexpected{TokenError::claim_type};
  if (!issuer || *issuer != wanted) return Unexpected{TokenError::issuer};
  return {};
}

double seconds(std::chrono::seconds duration) { return static_cast<double>(duration.count()); }

/// A refusal is final for a client, even if the token would be valid a moment later. Therefore
/// `nbf` has a leeway, and `iat`, which is no bound in RFC 7519 section 4.1.6, is checked only if
/// the policy says so.
Result<std::optional<double>, TokenError> check_dates(const Object& claims,
                                                      const TokenPolicy& policy, WallTime now) {
  const auto expires = date(claims, "exp");
  if (!expires) return expires;
  const auto begins = date(claims, "nbf");
  if (!begins) return begins;
  const auto issued = date(claims, "iat");
  if (!issued) return issued;
  const double wall = static_cast<double>(now) / 1e6;
  if (*begins && wall + seconds(std::max(policy.leeway, policy.nbf_leeway)) < **begins) {
    return Unexpected{TokenError::not_yet_valid};
  }
  if (*issued && policy.iat_leeway && wall + seconds(*policy.iat_leeway) < **issued) {
    return Unexpected{TokenError::not_yet_valid};
  }
  if (*expires && wall - seconds(policy.leeway) >= **expires) {
    return Unexpected{TokenError::expired};
  }
  return expires;
}

Result<TokenClaims, TokenError> read_claims(std::string_view part, const TokenPolicy& policy,
                                            WallTime now) {
  const Object object(part);
  if (!object.is_valid()) return Unexpected{TokenError::malformed};
  const auto expires = check_dates(object, policy, now);
  if (!expires) return Unexpected{expires.error()};
  if (!policy.issuer.empty()) {
    if (auto ok = check_issuer(object, policy.issuer); !ok) return Unexpected{ok.error()};
  }
  if (!policy.audience.empty()) {
    if (auto ok = check_audience(object, policy.audience); !ok) return Unexpected{ok.error()};
  }
  TokenClaims claims{object.string("sub").value_or(""), {}};
  if (*expires) claims.expires_at = rounded_up(**expires);
  return claims;
}

/// The code and the sentence of an error.
struct Words {
  TokenError error;
  std::string_view code;
  std::string_view sentence;
};

constexpr std::array<Words, 11> all_words{{
    {TokenError::malformed, "token_malformed", "The token is not a well-formed JSON Web Token."},
    {TokenError::too_large, "token_too_large", "The token is larger than this server accepts."},
    {TokenError::algorithm, "token_algorithm",
     "The token is signed with an algorithm that this server does not accept."},
    {TokenError::unknown_key, "token_unknown_key",
     "The token names a key that this server does not know."},
    {TokenError::signature, "token_signature",
     "The token's signature does not fit any key of this server."},
    {TokenError::critical, "token_critical",
     "The token demands an extension (crit) that this server does not have."},
    {TokenError::expired, "token_expired",
     "The token has expired; get a new one and connect again."},
    {TokenError::not_yet_valid, "token_not_yet_valid",
     "The token is not valid yet (nbf or iat lies in the future)."},
    {TokenError::issuer, "token_issuer",
     "The token comes from an issuer (iss) that this server does not accept."},
    {TokenError::audience, "token_audience", "The token is meant for another audience (aud)."},
    {TokenError::claim_type, "token_claim_type", "A claim of the token has the wrong type."},
}};
static_assert(all_words.back().error == TokenError::claim_type, "every error has its words");
static_assert(std::ranges::is_sorted(all_words, {}, &Words::error), "each stands at its place");

const Words& words_of(TokenError error) { return all_words.at(static_cast<std::size_t>(error)); }

}  // namespace

struct Verifier::Secret {
  std::string kid;
  std::vector<std::pair<Algorithm, Hmac>> algorithms;
};

Verifier::Verifier(std::vector<Key> keys, TokenPolicy policy) : policy_(std::move(policy)) {
  if (keys.empty()) throw std::invalid_argument("at least one key is needed to verify tokens");
  for (auto& key : keys) {
    if (key.algorithms.empty()) throw std::invalid_argument("a key must allow an algorithm");
    Secret& secret = secrets_.emplace_back(Secret{std::move(key.kid), {}});
    for (const Algorithm algorithm : key.algorithms) {
      secret.algorithms.emplace_back(algorithm, Hmac(algorithm, key.secret));
    }
  }
}

Verifier::~Verifier() = default;

Result<void, TokenError> Verifier::check_signature(std::string_view text,
                                                   std::string_view signature, Algorithm algorithm,
                                                   const std::optional<std::string>& kid) const {
  TokenError error = TokenError::unknown_key;
  for (const Secret& secret : secrets_) {
    if (!secret.kid.empty() && secret.kid != kid) continue;
    if (error == TokenError::unknown_key) error = TokenError::algorithm;
    for (const auto& [allowed, hmac] : secret.algorithms) {
      if (allowed != algorithm) continue;
      if (equal_in_constant_time(hmac.of(text), signature)) return {};
      error = TokenError::signature;
    }
  }
  return Unexpected{error};
}

Result<TokenClaims, TokenError> Verifier::verify(std::string_view token, WallTime now) const {
  if (token.size() > policy_.token_bytes_max) return Unexpected{TokenError::too_large};
  const auto parts = split(token);
  if (!parts) return Unexpected{TokenError::malformed};
  const auto header = read_header(parts->header);
  if (!header) return Unexpected{header.error()};
  const auto algorithm = algorithm_named(header->algorithm);
  if (!algorithm) return Unexpected{TokenError::algorithm};
  const auto signature = base64url_decode(parts->signature);
  if (!signature) return Unexpected{TokenError::malformed};
  const auto ok = check_signature(parts->signed_text, *signature, *algorithm, header->kid);
  if (!ok) return Unexpected{ok.error()};
  return read_claims(parts->claims, policy_, now);
}

std::string sign_hs256(std::string_view secret, std::string_view claims_json) {
  std::string text = base64url_encode(R"({"alg":"HS256","typ":"JWT"})");
  text.append(1, '.').append(base64url_encode(claims_json));
  const std::string signature = Hmac(Algorithm::hs256, secret).of(text);
  text.append(1, '.').append(base64url_encode(signature));
  return text;
}

std::string_view to_string(TokenError error) { return words_of(error).code; }

std::string_view explain(TokenError error) { return words_of(error).sentence; }

}  // namespace crier::access

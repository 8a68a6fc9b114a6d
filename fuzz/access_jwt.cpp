// Fuzzes the verification of tokens. The input is used in three ways: as a token; spliced into a
// good token, which must then verify only if nothing changed; and as header and claims of a token
// with a valid signature, so that the parsers of both are reached.
#include "access/jwt.hpp"
#include "base/encoding.hpp"
#include "base/json_text.hpp"
#include "crier/json.hpp"
#include "one_input.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace {

using namespace crier;

constexpr std::int64_t now = 1'764'000'000;
constexpr WallTime wall = now * 1'000'000;
const std::string secret = "fuzz";

void require(bool holds) {
  if (!holds) std::abort();
}

std::string sign(std::string_view text) {
  return std::string(text) + "." +
         base64url_encode(access::Hmac(access::Algorithm::hs256, secret).of(text));
}

/// A token that verifies is exactly what the owner of the secret would have written.
void check_token(const access::Verifier& verifier, const std::string& token) {
  if (!verifier.verify(token, wall)) return;
  require(token == sign(std::string_view(token).substr(0, token.rfind('.'))));
}

void check_splice(const access::Verifier& verifier, std::string_view input, std::size_t split) {
  const std::string good = access::sign_hs256(secret, R"({"sub":"u1","exp":1764000900})");
  const std::size_t at = split % (good.size() + 1);
  std::string overwritten = good;
  overwritten.replace(at, std::min(input.size(), good.size() - at), input);
  std::string inserted = good;
  inserted.insert(at, input);
  for (const auto& token : {overwritten, inserted}) {
    if (token != good) require(!verifier.verify(token, wall));
  }
}

void check_signed(const access::Verifier& verifier, std::string_view header,
                  std::string_view claims) {
  const auto result =
      verifier.verify(sign(base64url_encode(header) + "." + base64url_encode(claims)), wall);
  if (!result) {
    require(result.error() != access::TokenError::signature);
    return;
  }
  require(Json::parse(std::string(header)).has_value());
  require(Json::parse(std::string(claims)).has_value());
  require(json::unquote(json::member(header, "alg").value_or("")) == "HS256");
  require(!json::member(header, "crit"));
  require(!result->expires_at || *result->expires_at > now);
  require(is_utf8(result->subject));
}

}  // namespace

void one_input(std::string_view input, std::size_t split) {
  static const access::Verifier verifier({access::Key{secret}}, access::TokenPolicy{});
  check_token(verifier, std::string(input));
  check_splice(verifier, input, split);
  check_signed(verifier, input.substr(0, split), input.substr(split));
  check_signed(verifier, R"({"alg":"HS256"})", input);
}

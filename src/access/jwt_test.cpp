#include "access/jwt.hpp"

#include "base/encoding.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <limits>
#include <stdexcept>

namespace crier::access {
namespace {

constexpr std::int64_t now = 1'764'000'000;
constexpr WallTime wall = now * 1'000'000;
const std::string secret = "a secret of thirty-two characters";
const std::string plain_header = R"({"alg":"HS256","typ":"JWT"})";
const std::string plain_claims = R"({"sub":"u1"})";

std::string sign(const std::string& header, const std::string& claims,
                 const std::string& key = secret, Algorithm algorithm = Algorithm::hs256) {
  const std::string text = base64url_encode(header) + "." + base64url_encode(claims);
  return text + "." + base64url_encode(Hmac(algorithm, key).of(text));
}

Verifier plain_verifier() { return Verifier({Key{secret}}, TokenPolicy{}); }

/// `ok:SUBJECT`, or the code of the error.
std::string outcome(const Verifier& verifier, const std::string& token, std::int64_t at = now) {
  const auto claims = verifier.verify(token, at * 1'000'000);
  return claims ? "ok:" + claims->subject : std::string(to_string(claims.error()));
}

std::string outcome(const std::string& token) { return outcome(plain_verifier(), token); }

TEST(Verifier, AcceptsTheExampleOfRfc7515AppendixA1) {
  const auto key = base64url_decode(
      "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
  ASSERT_TRUE(key);
  const Verifier verifier({Key{*key}}, TokenPolicy{});
  const std::string token =
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
      ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnV"
      "lfQ"
      ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  const auto claims = verifier.verify(token, 1'300'819'379'000'000);
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->subject, "");
  EXPECT_EQ(claims->expires_at, 1'300'819'380);
  EXPECT_EQ(outcome(verifier, token, 1'300'819'380), "token_expired");
}

TEST(Verifier, AcceptsWhatSignHs256Makes) {
  const auto claims =
      plain_verifier().verify(sign_hs256(secret, R"({"sub":"u1","exp":1764000060})"), wall);
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->subject, "u1");
  EXPECT_EQ(claims->expires_at, now + 60);
}

TEST(Verifier, JudgesHeaders) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"({"alg":"HS256"})", "ok:u1"},
      {R"({"alg":"HS256","typ":"anything"})", "ok:u1"},
      {R"({"alg":"HS256","typ":7})", "ok:u1"},
      {R"({"alg":"HS256","kid":"any"})", "ok:u1"},
      {R"({"\u0061lg":"HS256"})", "ok:u1"},
      {R"({"alg":"HS256","b64":false})", "ok:u1"},
      {R"({"alg":"none"})", "token_algorithm"},
      {R"({"alg":"None"})", "token_algorithm"},
      {R"({"alg":"NONE"})", "token_algorithm"},
      {R"({"alg":"nOnE"})", "token_algorithm"},
      {R"({"alg":""})", "token_algorithm"},
      {R"({"alg":"hs256"})", "token_algorithm"},
      {R"({"alg":"HS256 "})", "token_algorithm"},
      {R"({"alg":"HS256\u0000"})", "token_algorithm"},
      {R"({"alg":"RS256"})", "token_algorithm"},
      {R"({"alg":"ES256"})", "token_algorithm"},
      {R"({"alg":"HS384"})", "token_algorithm"},
      {R"({"alg":"HS512"})", "token_algorithm"},
      {R"({})", "token_malformed"},
      {R"({"typ":"JWT"})", "token_malformed"},
      {R"({"alg":256})", "token_malformed"},
      {R"({"alg":null})", "token_malformed"},
      {R"({"alg":["HS256"]})", "token_malformed"},
      {R"({"alg":"none","alg":"HS256"})", "token_malformed"},
      {R"({"alg":"HS256","alg":"HS256"})", "token_malformed"},
      {R"({"alg":"HS256","\u0061lg":"none"})", "token_malformed"},
      {R"({"alg":"HS256","jwk":{"k":1,"k":2}})", "token_malformed"},
      {R"({"alg":"HS256","kid":7})", "token_malformed"},
      {R"({"alg":"HS256","kid":"\ud800"})", "token_malformed"},
      {R"(["HS256"])", "token_malformed"},
      {R"("HS256")", "token_malformed"},
      {R"(null)", "token_malformed"},
      {R"({"alg":"HS256"},)", "token_malformed"},
      {R"({"alg":"HS256")", "token_malformed"},
      {"{\"alg\":\"HS256\",\"x\":\"\xff\"}", "token_malformed"},
      {"\xEF\xBB\xBF{\"alg\":\"HS256\"}", "token_malformed"},
      {"", "token_malformed"},
      {R"({"alg":"HS256","crit":["exp"]})", "token_critical"},
      {R"({"alg":"HS256","crit":[]})", "token_critical"},
      {R"({"alg":"HS256","crit":null})", "token_critical"},
      {R"({"alg":"HS256","\u0063rit":["x"],"x":1})", "token_critical"},
      {R"({"alg":"HS256","crit":["b64"],"b64":false})", "token_critical"},
  };
  for (const auto& [header, expected] : cases) {
    EXPECT_EQ(outcome(sign(header, plain_claims)), expected) << header;
  }
}

TEST(Verifier, JudgesTheShapeOfTokens) {
  const std::string good = sign(plain_header, plain_claims);
  const std::string header = base64url_encode(plain_header);
  const std::string claims = base64url_encode(plain_claims);
  const std::string signature = good.substr(good.rfind('.') + 1);
  const std::vector<std::pair<std::string, std::string>> cases{
      {good, "ok:u1"},
      {"", "token_malformed"},
      {".", "token_malformed"},
      {"..", "token_malformed"},
      {"...", "token_malformed"},
      {header, "token_malformed"},
      {header + "." + claims, "token_malformed"},
      {good + ".", "token_malformed"},
      {"." + good, "token_malformed"},
      {good + "." + signature, "token_malformed"},
      {header + "." + claims + ".", "token_signature"},
      {header + ".." + signature, "token_signature"},
      {"." + claims + "." + signature, "token_malformed"},
      {good + "=", "token_malformed"},
      {good + "==", "token_malformed"},
      {header + "=." + claims + "." + signature, "token_malformed"},
      {good + "\n", "token_malformed"},
      {" " + good, "token_malformed"},
      {"Bearer " + good, "token_malformed"},
      {good + "A", "token_signature"},
      {good.substr(0, good.size() - 1), "token_malformed"},
      {good.substr(0, good.size() - 2), "token_malformed"},
      {header + "." + claims + "." + std::string(43, 'A'), "token_signature"},
      {header + "." + claims + "." + signature + signature, "token_signature"},
      {header + "." + claims + "." + "++" + signature.substr(2), "token_malformed"},
  };
  for (const auto& [token, expected] : cases) EXPECT_EQ(outcome(token), expected) << token;
}

TEST(Verifier, RefusesBitsAfterTheLastByteOfASignature) {
  const std::string good = sign(plain_header, plain_claims);
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  int accepted = 0;
  for (const char last : alphabet) {
    accepted += outcome(good.substr(0, good.size() - 1) + last) == "ok:u1" ? 1 : 0;
  }
  EXPECT_EQ(accepted, 1) << "the last character carries 4 bits, so 4 of 64 would name one byte";
}

TEST(Verifier, RefusesAnyOtherSignature) {
  const std::string good = sign(plain_header, plain_claims);
  const auto dot = good.rfind('.');
  for (std::size_t i = 0; i < dot; ++i) {
    std::string token = good;
    token[i] = token[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(plain_verifier().verify(token, wall)) << "changed at " << i;
  }
  EXPECT_EQ(outcome(sign(plain_header, plain_claims, "another secret")), "token_signature");
  EXPECT_EQ(outcome(sign(plain_header, plain_claims, secret + " ")), "token_signature");
  EXPECT_EQ(outcome(sign(plain_header, plain_claims, secret, Algorithm::hs512)), "token_signature");
}

TEST(Verifier, LooksAtTheSignatureBeforeTheClaims) {
  for (const std::string claims : {R"({"exp":1})", R"({"exp":"x"})", R"([])", R"({"a":1,"a":2})",
                                   "not json", R"({"nbf":99999999999})"}) {
    EXPECT_EQ(outcome(sign(plain_header, claims, "forged")), "token_signature") << claims;
  }
}

TEST(Verifier, JudgesClaims) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"({"sub":"u1"})", "ok:u1"},
      {R"( {"sub" : "\u00e9\u4e2d"} )", "ok:\xC3\xA9\xE4\xB8\xAD"},
      {R"({"sub":"u1","other":{"a":[1,{"b":null}]}})", "ok:u1"},
      {R"({})", "ok:"},
      {R"({"sub":""})", "ok:"},
      {R"({"sub":7})", "ok:"},
      {R"({"sub":null})", "ok:"},
      {R"({"sub":["u1"]})", "ok:"},
      {R"({"sub":"\ud800"})", "ok:"},
      {R"({"Sub":"u1"})", "ok:"},
      {R"({"sub":"u1","sub":"u1"})", "token_malformed"},
      {R"({"sub":"u1","\u0073ub":"u2"})", "token_malformed"},
      {R"({"exp":1,"exp":9999999999})", "token_malformed"},
      {R"({"a":{"b":1,"b":2}})", "token_malformed"},
      {R"(["u1"])", "token_malformed"},
      {R"("u1")", "token_malformed"},
      {R"({"sub":"u1"}x)", "token_malformed"},
      {"", "token_malformed"},
      {R"({"a":)" + std::string(60, '[') + std::string(60, ']') + "}", "ok:"},
      {R"({"a":)" + std::string(80, '[') + std::string(80, ']') + "}", "token_malformed"},
      {std::string(4000, '['), "token_malformed"},
      {"{\"sub\":\"\xC0\xAF\"}", "token_malformed"},
  };
  for (const auto& [claims, expected] : cases) {
    EXPECT_EQ(outcome(sign(plain_header, claims)), expected) << claims;
  }
}

TEST(Verifier, JudgesDates) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"("exp":1764000001)", "ok:"},
      {R"("exp":1764000000)", "token_expired"},
      {R"("exp":1763999999)", "token_expired"},
      {R"("exp":1764000000.5)", "ok:"},
      {R"("exp":1763999999.5)", "token_expired"},
      {R"("exp":1.764e9)", "token_expired"},
      {R"("exp":1.765e9)", "ok:"},
      {R"("exp":0)", "token_expired"},
      {R"("exp":-0)", "token_expired"},
      {R"("exp":-1)", "token_expired"},
      {R"("exp":-1e300)", "token_expired"},
      {R"("exp":1e300)", "ok:"},
      {R"("exp":99999999999999999999999999)", "ok:"},
      {R"("exp":9223372036854775807)", "ok:"},
      {R"("exp":1e999)", "ok:"},
      {R"("exp":-1e999)", "token_expired"},
      {R"("exp":1e-999)", "token_expired"},
      {R"("exp":"1764000001")", "token_claim_type"},
      {R"("exp":"")", "token_claim_type"},
      {R"("exp":null)", "token_claim_type"},
      {R"("exp":true)", "token_claim_type"},
      {R"("exp":[1764000001])", "token_claim_type"},
      {R"("exp":{})", "token_claim_type"},
      {R"("nbf":1764000000)", "ok:"},
      {R"("nbf":1764000060)", "ok:"},
      {R"("nbf":1764000060.5)", "token_not_yet_valid"},
      {R"("nbf":1764000061)", "token_not_yet_valid"},
      {R"("nbf":1e300)", "token_not_yet_valid"},
      {R"("nbf":1e999)", "token_not_yet_valid"},
      {R"("nbf":-1e300)", "ok:"},
      {R"("nbf":-1e999)", "ok:"},
      {R"("nbf":1e-999)", "ok:"},
      {R"("nbf":"0")", "token_claim_type"},
      {R"("iat":1764000120)", "ok:"},
      {R"("iat":1764003600)", "ok:"},
      {R"("iat":1e999)", "ok:"},
      {R"("iat":"0")", "token_claim_type"},
      {R"("iat":null)", "token_claim_type"},
  };
  for (const auto& [claim, expected] : cases) {
    EXPECT_EQ(outcome(sign(plain_header, "{" + claim + "}")), expected) << claim;
  }
}

TEST(Verifier, ComparesFractionsWithFractions) {
  TokenPolicy policy;
  policy.nbf_leeway = std::chrono::seconds(0);
  policy.iat_leeway = std::chrono::seconds(0);
  const Verifier verifier({Key{secret}}, policy);
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"("nbf":1764000000.123456)", "ok:"},
      {R"("nbf":1764000000.124)", "token_not_yet_valid"},
      {R"("nbf":1764000001)", "token_not_yet_valid"},
      {R"("iat":1764000000.123456)", "ok:"},
      {R"("iat":1764000000.124)", "token_not_yet_valid"},
      {R"("exp":1764000000.123456)", "token_expired"},
      {R"("exp":1764000000.124)", "ok:"},
      {R"("exp":1764000000)", "token_expired"},
  };
  for (const auto& [claim, expected] : cases) {
    const auto claims = verifier.verify(sign(plain_header, "{" + claim + "}"), wall + 123'456);
    EXPECT_EQ(claims ? "ok:" : to_string(claims.error()), expected) << claim;
  }
}

TEST(Verifier, GrantsLeewayOnBothSides) {
  TokenPolicy policy;
  policy.leeway = std::chrono::seconds(90);
  policy.iat_leeway = std::chrono::seconds(30);
  const Verifier verifier({Key{secret}}, policy);
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"("exp":1763999911)", "ok:"},
      {R"("exp":1763999910)", "token_expired"},
      {R"("nbf":1764000090)", "ok:"},
      {R"("nbf":1764000091)", "token_not_yet_valid"},
      {R"("iat":1764000030)", "ok:"},
      {R"("iat":1764000031)", "token_not_yet_valid"},
      {R"("iat":1e999)", "token_not_yet_valid"},
  };
  for (const auto& [claim, expected] : cases) {
    EXPECT_EQ(outcome(verifier, sign(plain_header, "{" + claim + "}")), expected) << claim;
  }
}

TEST(Verifier, KeepsHugeDatesCountableInMicroseconds) {
  const auto claims = plain_verifier().verify(sign(plain_header, R"({"exp":1e300})"), wall);
  ASSERT_TRUE(claims);
  ASSERT_TRUE(claims->expires_at);
  EXPECT_GT(*claims->expires_at, now);
  EXPECT_LT(*claims->expires_at, std::numeric_limits<std::int64_t>::max() / 1'000'000);
  const auto infinite = plain_verifier().verify(sign(plain_header, R"({"exp":1e999})"), wall);
  ASSERT_TRUE(infinite);
  EXPECT_EQ(infinite->expires_at, claims->expires_at);
  const auto rounded = plain_verifier().verify(sign(plain_header, R"({"exp":1764000000.5})"), wall);
  ASSERT_TRUE(rounded);
  EXPECT_EQ(rounded->expires_at, now + 1);
}

TEST(Verifier, ChecksIssuerAndAudience) {
  TokenPolicy policy;
  policy.issuer = "https://id.example";
  policy.audience = "crier";
  const Verifier verifier({Key{secret}}, policy);
  const std::string iss = R"("iss":"https://id.example",)";
  const std::string aud = R"("aud":"crier",)";
  const std::vector<std::pair<std::string, std::string>> cases{
      {iss + aud, "ok:"},
      {iss + R"("aud":["crier"],)", "ok:"},
      {iss + R"("aud":["other","cr\u0069er"],)", "ok:"},
      {iss + R"("aud":["crier","other"],)", "ok:"},
      {aud, "token_issuer"},
      {aud + R"("iss":"https://id.example/",)", "token_issuer"},
      {aud + R"("iss":"",)", "token_issuer"},
      {aud + R"("iss":7,)", "token_claim_type"},
      {aud + R"("iss":["https://id.example"],)", "token_claim_type"},
      {iss, "token_audience"},
      {iss + R"("aud":"Crier",)", "token_audience"},
      {iss + R"("aud":"",)", "token_audience"},
      {iss + R"("aud":[],)", "token_audience"},
      {iss + R"("aud":["other"],)", "token_audience"},
      {iss + R"("aud":7,)", "token_claim_type"},
      {iss + R"("aud":null,)", "token_claim_type"},
      {iss + R"("aud":{"crier":1},)", "token_claim_type"},
      {iss + R"("aud":["crier",7],)", "token_claim_type"},
      {iss + R"("aud":[["crier"]],)", "token_claim_type"},
  };
  for (const auto& [claims, expected] : cases) {
    EXPECT_EQ(outcome(verifier, sign(plain_header, "{" + claims + R"("x":1})")), expected)
        << claims;
  }
}

TEST(Verifier, IgnoresIssuerAndAudienceWhenNoneIsAskedFor) {
  EXPECT_EQ(outcome(sign(plain_header, R"({"iss":7,"aud":{}})")), "ok:");
}

TEST(Verifier, ChoosesKeysByKidAndAlgorithm) {
  const Verifier verifier({Key{"first", {Algorithm::hs256}, "1"},
                           Key{"second", {Algorithm::hs384, Algorithm::hs512}, "2"}},
                          TokenPolicy{});
  struct Case {
    std::string header;
    std::string key;
    Algorithm algorithm;
    std::string expected;
  };
  const auto hs256 = Algorithm::hs256;
  const auto hs384 = Algorithm::hs384;
  const auto hs512 = Algorithm::hs512;
  const std::vector<Case> cases{
      {R"({"alg":"HS256","kid":"1"})", "first", hs256, "ok:u1"},
      {R"({"alg":"HS384","kid":"2"})", "second", hs384, "ok:u1"},
      {R"({"alg":"HS512","kid":"2"})", "second", hs512, "ok:u1"},
      {R"({"alg":"HS256","kid":"2"})", "second", hs256, "token_algorithm"},
      {R"({"alg":"HS512","kid":"1"})", "first", hs512, "token_algorithm"},
      {R"({"alg":"HS256","kid":"1"})", "second", hs256, "token_signature"},
      {R"({"alg":"HS512","kid":"2"})", "second", hs384, "token_signature"},
      {R"({"alg":"HS256","kid":"3"})", "first", hs256, "token_unknown_key"},
      {R"({"alg":"HS256","kid":""})", "first", hs256, "token_unknown_key"},
      {R"({"alg":"HS256"})", "first", hs256, "token_unknown_key"},
  };
  for (const auto& [header, key, algorithm, expected] : cases) {
    EXPECT_EQ(outcome(verifier, sign(header, plain_claims, key, algorithm)), expected) << header;
  }
}

TEST(Verifier, TriesEveryKeyWithoutKidSoThatSecretsCanBeRotated) {
  const Verifier verifier({Key{"new"}, Key{"old"}}, TokenPolicy{});
  for (const std::string header : {R"({"alg":"HS256"})", R"({"alg":"HS256","kid":"x"})"}) {
    EXPECT_EQ(outcome(verifier, sign(header, plain_claims, "new")), "ok:u1");
    EXPECT_EQ(outcome(verifier, sign(header, plain_claims, "old")), "ok:u1");
    EXPECT_EQ(outcome(verifier, sign(header, plain_claims, "none")), "token_signature");
  }
}

TEST(Verifier, BoundsTheSizeOfTokens) {
  const std::string token = sign(plain_header, plain_claims);
  TokenPolicy policy;
  policy.token_bytes_max = token.size();
  EXPECT_EQ(outcome(Verifier({Key{secret}}, policy), token), "ok:u1");
  policy.token_bytes_max = token.size() - 1;
  EXPECT_EQ(outcome(Verifier({Key{secret}}, policy), token), "token_too_large");
  EXPECT_EQ(outcome(std::string(8193, 'A')), "token_too_large");
  EXPECT_EQ(outcome(std::string(8192, 'A')), "token_malformed");
  EXPECT_EQ(outcome(std::string(8192, '.')), "token_malformed");
}

TEST(Verifier, RefusesConfigurationsThatCannotWork) {
  EXPECT_THROW(Verifier({}, TokenPolicy{}), std::invalid_argument);
  EXPECT_THROW(Verifier({Key{""}}, TokenPolicy{}), std::invalid_argument);
  EXPECT_THROW(Verifier({Key{"secret", {}}}, TokenPolicy{}), std::invalid_argument);
}

TEST(TokenError, HasOneCodeAndOneSentenceForEachValue) {
  std::vector<std::string_view> codes;
  for (int i = 0; i <= static_cast<int>(TokenError::claim_type); ++i) {
    const auto error = static_cast<TokenError>(i);
    EXPECT_TRUE(to_string(error).starts_with("token_"));
    EXPECT_TRUE(explain(error).ends_with('.'));
    EXPECT_EQ(std::count(codes.begin(), codes.end(), to_string(error)), 0) << to_string(error);
    codes.push_back(to_string(error));
  }
}

}  // namespace
}  // namespace crier::access

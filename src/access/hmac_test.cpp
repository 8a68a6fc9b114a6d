#include "access/hmac.hpp"

#include "base/encoding.hpp"

#include <gtest/gtest.h>
#include <stdexcept>
#include <thread>
#include <vector>

namespace crier::access {
namespace {

TEST(Hmac, AgreesWithTheVectorsOfRfc4231) {
  struct Case {
    Algorithm algorithm;
    std::string secret;
    std::string message;
    std::string code;
  };
  const std::string jefe = "what do ya want for nothing?";
  const std::string long_message =
      "This is a test using a larger than block-size key and a larger than block-size data. The "
      "key needs to be hashed before being used by the HMAC algorithm.";
  const std::vector<Case> cases{
      {Algorithm::hs256, std::string(20, '\x0b'), "Hi There",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {Algorithm::hs256, "Jefe", jefe,
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {Algorithm::hs384, "Jefe", jefe,
       "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
       "8e2240ca5e69e2c78b3239ecfab21649"},
      {Algorithm::hs512, "Jefe", jefe,
       "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
       "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
      {Algorithm::hs256, std::string(131, '\xaa'), long_message,
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  };
  for (const auto& [algorithm, secret, message, code] : cases) {
    const Hmac hmac(algorithm, secret);
    EXPECT_EQ(hex_encode(hmac.of(message)), code);
    EXPECT_EQ(hex_encode(hmac.of(message)), code) << "a second message of the same key";
  }
}

TEST(Hmac, TakesSecretsWithZeroBytes) {
  using std::string_literals::operator""s;
  EXPECT_NE(Hmac(Algorithm::hs256, "a\0b"s).of("m"), Hmac(Algorithm::hs256, "a\0c"s).of("m"));
}

TEST(Hmac, RefusesAnEmptySecret) {
  EXPECT_THROW(Hmac(Algorithm::hs256, ""), std::invalid_argument);
}

TEST(Hmac, ServesSeveralThreads) {
  const Hmac hmac(Algorithm::hs512, "secret");
  const std::string expected = hmac.of("message");
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) count += hmac.of("message") == expected ? 0 : 1;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace crier::access

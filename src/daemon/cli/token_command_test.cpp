#include "access/jwt.hpp"
#include "daemon/cli/cli_test.hpp"

#include <chrono>
#include <gmock/gmock.h>

namespace crier::daemon {
namespace {

using testing::HasSubstr;

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

TEST(TokenCommand, PrintsATokenThatTheSecretVerifies) {
  Shell shell;
  shell.environment["JWT_ACCESS_SECRET"] = "secret";
  const std::int64_t before = now();
  for (const auto& [words, lifetime] :
       std::vector<std::pair<std::vector<std::string>, std::int64_t>>{
           {{"token", "u\"1"}, 900}, {{"token", "u\"1", "--expires", "2h"}, 7200}}) {
    const auto outcome = shell.run(words);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    ASSERT_TRUE(outcome.out.ends_with('\n'));
    const access::Verifier verifier({access::Key{"secret"}}, {});
    const auto claims =
        verifier.verify(outcome.out.substr(0, outcome.out.size() - 1), now() * 1'000'000);
    ASSERT_TRUE(claims) << outcome.out;
    EXPECT_EQ(claims->subject, "u\"1");
    EXPECT_GE(claims->expires_at, before + lifetime);
    EXPECT_LE(claims->expires_at, now() + lifetime);
  }
}

TEST(TokenCommand, TakesTheSecretFromAnotherVariable) {
  Shell shell;
  shell.environment["OTHER"] = "other";
  const auto outcome = shell.run({"token", "u1", "--secret-env", "OTHER"});
  ASSERT_EQ(outcome.code, 0);
  const access::Verifier verifier({access::Key{"other"}}, {});
  EXPECT_TRUE(verifier.verify(outcome.out.substr(0, outcome.out.size() - 1), now() * 1'000'000));
}

TEST(TokenCommand, FailsWithoutASecret) {
  Shell shell;
  for (const auto& secret : {std::optional<std::string>(), std::optional<std::string>("")}) {
    if (secret) shell.environment["JWT_ACCESS_SECRET"] = *secret;
    const auto outcome = shell.run({"token", "u1"});
    EXPECT_EQ(outcome.code, 1);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err,
              "crier: the environment variable JWT_ACCESS_SECRET must hold the secret that signs "
              "tokens\n");
  }
}

TEST(TokenCommand, CallsWrongArgumentsWrongUsage) {
  Shell shell;
  shell.environment["JWT_ACCESS_SECRET"] = "secret";
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"token"},
                                             {"token", ""},
                                             {"token", "a\nb"},
                                             {"token", std::string(129, 'u')},
                                             {"token", "\xff"},
                                             {"token", "u1", "--expires", "soon"},
                                             {"token", "u1", "--expires", "0s"},
                                             {"token", "u1", "extra"},
                                             {"token", "u1", "--unknown"}}) {
    const auto outcome = shell.run(words);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err, "");
  }
}

}  // namespace
}  // namespace crier::daemon

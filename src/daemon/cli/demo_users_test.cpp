#include "daemon/cli/demo_users.hpp"

#include "access/jwt.hpp"
#include "backends/sqlite/store.hpp"

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <gtest/gtest.h>

namespace crier::daemon {
namespace {

TEST(DemoUsers, ListsUsersWithMembershipsOrSaysWhyNot) {
  std::string pattern = (std::filesystem::temp_directory_path() / "crier-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(pattern.data());
  const std::string path = folder / "people.db";
  EXPECT_EQ(users_json(path).error(), "the store " + path + " does not exist");
  {
    auto store = sqlite::Store::open(path, sqlite::Store::Mode::create);
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->put_user({"u1", "A\"nn", "admin", true, {}}));
    ASSERT_TRUE((*store)->put_user({"alone", "", "", true, {}}));
    ASSERT_TRUE((*store)->put_membership({"p2", "u1"}));
    ASSERT_TRUE((*store)->put_membership({"p1", "u1"}));
  }
  EXPECT_EQ(*users_json(path),
            R"([{"id":"u1","name":"A\"nn","role":"admin","programs":["p1","p2"]}])");
  std::filesystem::remove_all(folder);
}

TEST(DemoUsers, GetTokensThatTheGatewayTakes) {
  const access::Verifier verifier({access::Key{"secret"}}, {});
  const std::int64_t now = std::time(nullptr);
  const auto claims = verifier.verify(token_for("secret", "u1"), (now + 1) * 1'000'000);
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->subject, "u1");
  EXPECT_FALSE(verifier.verify(token_for("secret", "u1"), (now + 3602) * 1'000'000));
}

}  // namespace
}  // namespace crier::daemon

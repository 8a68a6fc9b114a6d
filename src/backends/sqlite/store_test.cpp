#include "backends/sqlite/store.hpp"

#include "backends/sqlite/temporary_store.hpp"

#include <fstream>
#include <gmock/gmock.h>
#include <thread>

namespace crier::sqlite {
namespace {

using testing::HasSubstr;

using StoreTest = TemporaryStore;

std::string listed(const std::vector<MembershipRow>& memberships) {
  std::string text;
  for (const auto& [program, user, active, since] : memberships) {
    text += program + "/" + user + (active ? " " : "- ");
  }
  return text;
}

TEST_F(StoreTest, KeepsUsersAndReplacesThem) {
  const auto store = this->store();
  ASSERT_TRUE(store->put_user(user_named("u1", "Ann", "admin")));
  ASSERT_TRUE(store->put_membership({"p1", "u1"}));
  ASSERT_TRUE(store->put_user(user_named("u1", "Anna")));
  const auto user = store->user("u1");
  ASSERT_TRUE(user);
  ASSERT_TRUE(*user);
  EXPECT_EQ((*user)->name, "Anna");
  EXPECT_EQ((*user)->role, "");
  EXPECT_TRUE((*user)->active);
  EXPECT_EQ((*user)->programs, std::vector<std::string>{"p1"}) << "memberships stay";
}

TEST_F(StoreTest, KnowsNoUserThatWasNotAdded) {
  const auto store = this->store();
  ASSERT_TRUE(store->put_user(user_named("u1")));
  for (const std::string id : {"", "u", "U1", "u1 ", "u11", "%", "' OR 1=1 --"}) {
    const auto user = store->user(id);
    ASSERT_TRUE(user);
    EXPECT_FALSE(*user) << id;
  }
}

TEST_F(StoreTest, DeactivatesUsersAndAddsThemAgain) {
  const auto store = this->store();
  ASSERT_TRUE(store->put_user(user_named("u1", "Ann")));
  EXPECT_TRUE(*store->deactivate_user("u1"));
  EXPECT_FALSE((*store->user("u1"))->active);
  EXPECT_EQ((*store->user("u1"))->name, "Ann");
  EXPECT_FALSE(*store->deactivate_user("u2"));
  ASSERT_TRUE(store->put_user(user_named("u1", "Ann")));
  EXPECT_TRUE((*store->user("u1"))->active);
}

TEST_F(StoreTest, ListsMembershipsByUserByProgramAndAll) {
  const auto store = this->store();
  for (const std::string id : {"u1", "u2"}) ASSERT_TRUE(store->put_user(user_named(id)));
  for (const MembershipRow& membership :
       {MembershipRow{"p2", "u1"}, MembershipRow{"p1", "u2", false}, MembershipRow{"p1", "u1"},
        MembershipRow{"p10", "u2"}}) {
    ASSERT_TRUE(store->put_membership(membership));
  }
  EXPECT_EQ(listed(*store->memberships("", "")), "p1/u1 p1/u2- p10/u2 p2/u1 ");
  EXPECT_EQ(listed(*store->memberships("u1", "")), "p1/u1 p2/u1 ");
  EXPECT_EQ(listed(*store->memberships("", "p1")), "p1/u1 p1/u2- ");
  EXPECT_EQ(listed(*store->memberships("u2", "p1")), "p1/u2- ");
  EXPECT_EQ(listed(*store->memberships("u3", "")), "");
}

TEST_F(StoreTest, ReplacesAndRemovesMemberships) {
  const auto store = this->store();
  ASSERT_TRUE(store->put_user(user_named("u1")));
  ASSERT_TRUE(store->put_membership({"p1", "u1", true}));
  ASSERT_TRUE(store->put_membership({"p1", "u1", false}));
  EXPECT_EQ(listed(*store->memberships("", "")), "p1/u1- ");
  EXPECT_TRUE(*store->remove_membership("p1", "u1"));
  EXPECT_FALSE(*store->remove_membership("p1", "u1"));
  EXPECT_EQ(listed(*store->memberships("", "")), "");
}

TEST_F(StoreTest, GivesOnlyActiveProgramsInByteOrder) {
  const auto store = this->store();
  ASSERT_TRUE(store->put_user(user_named("u1")));
  for (const std::string id : {"b", "\xC3\xA9", "a", "B", "a1"}) {
    ASSERT_TRUE(store->put_membership({id, "u1"}));
  }
  ASSERT_TRUE(store->put_membership({"gone", "u1", false}));
  const std::vector<std::string> expected{"B", "a", "a1", "b", "\xC3\xA9"};
  EXPECT_EQ((*store->user("u1"))->programs, expected);
}

TEST_F(StoreTest, RefusesMembershipsOfUnknownUsers) {
  const auto store = this->store();
  const auto result = store->put_membership({"p1", "u1"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), "the user u1 does not exist");
  EXPECT_EQ(listed(*store->memberships("", "")), "");
}

TEST_F(StoreTest, RefusesIdsAndLabelsThatAreNotNames) {
  const auto store = this->store();
  const std::string zero(1, '\0');
  for (const auto& id : {std::string(), std::string(129, 'a'), std::string("a\nb"), zero,
                         std::string("\xff"), std::string("\x7f")}) {
    EXPECT_FALSE(store->put_user(user_named(id)));
    EXPECT_FALSE(store->put_membership({"p1", id}));
    EXPECT_FALSE(store->put_membership({id, "u1"}));
  }
  EXPECT_FALSE(store->put_user(user_named("u1", "a" + zero)));
  EXPECT_FALSE(store->put_user(user_named("u1", std::string(257, 'n'))));
  EXPECT_FALSE(store->put_user(user_named("u1", "", "\x1b[31m")));
  EXPECT_TRUE(store->put_user(user_named(std::string(128, 'a'), std::string(256, 'n'))));
}

TEST_F(StoreTest, OpensAgainWhatItMade) {
  ASSERT_TRUE(store()->put_user(user_named("u1", "Ann")));
  const auto opened = Store::open(path, Store::Mode::open_existing);
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_EQ((*(*opened)->user("u1"))->name, "Ann");
}

TEST_F(StoreTest, UsesAWriteAheadLogAndForeignKeys) {
  store();
  const auto database = raw();
  Statement mode(database.get(), "PRAGMA journal_mode");
  ASSERT_EQ(mode.step(), SQLITE_ROW);
  EXPECT_EQ(mode.text(0), "wal");
}

TEST_F(StoreTest, SaysThatAFileIsMissing) {
  const auto opened = Store::open(path, Store::Mode::open_existing);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error(), "the store " + path + " does not exist");
  EXPECT_FALSE(std::filesystem::exists(path));
  const auto nowhere = Store::open((folder / "no" / "x.db").string(), Store::Mode::create);
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error(), HasSubstr("x.db does not exist"));
  EXPECT_FALSE(Store::open("", Store::Mode::create));
  EXPECT_FALSE(Store::open(folder.string(), Store::Mode::create));
}

TEST_F(StoreTest, LeavesForeignFilesAlone) {
  raw("CREATE TABLE accounts (id)");
  for (const auto mode : {Store::Mode::open_existing, Store::Mode::create}) {
    const auto opened = Store::open(path, mode);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error(), "the store " + path + " is not a store of Crier's");
  }
  const auto database = raw();
  EXPECT_EQ(number_of(database.get(), "SELECT count(*) FROM sqlite_schema"), 1);
  Statement mode(database.get(), "PRAGMA journal_mode");
  ASSERT_EQ(mode.step(), SQLITE_ROW);
  EXPECT_EQ(mode.text(0), "delete");
}

TEST_F(StoreTest, DoesNotTakeAnEmptyFileForAStoreUnlessToldToCreateOne) {
  std::ofstream(path).close();
  EXPECT_FALSE(Store::open(path, Store::Mode::open_existing));
  EXPECT_TRUE(Store::open(path, Store::Mode::create));
  EXPECT_TRUE(Store::open(path, Store::Mode::open_existing));
}

TEST_F(StoreTest, RefusesAStoreOfALaterVersion) {
  store();
  raw("PRAGMA user_version = 1000");
  const auto opened = Store::open(path, Store::Mode::create);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error(), "the store " + path + " was made by a later version of Crier");
}

TEST_F(StoreTest, RefusesAFileThatIsNoDatabase) {
  std::ofstream(path) << std::string(4096, 'x');
  const auto opened = Store::open(path, Store::Mode::create);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error(), HasSubstr("not a database"));
}

TEST_F(StoreTest, NamesTheReasonWhenAWriteFails) {
  const auto store = this->store();
  raw("DROP TABLE memberships; DROP TABLE users");
  for (const auto& error :
       {store->put_user(user_named("u1")).error(), store->deactivate_user("u1").error(),
        store->user("u1").error(), store->memberships("", "").error()}) {
    EXPECT_THAT(error, HasSubstr(path + " failed: no such table"));
  }
}

TEST_F(StoreTest, WaitsForAnotherWriter) {
  const auto store = this->store();
  const auto other = raw("BEGIN IMMEDIATE");
  std::thread waiting([&] { EXPECT_TRUE(store->put_user(user_named("u1"))); });
  execute(other.get(), "COMMIT");
  waiting.join();
}

TEST_F(StoreTest, IsMadeOnceByManyAtTheSameTime) {
  std::vector<std::thread> threads;
  std::vector<std::string> errors(8);
  for (std::size_t i = 0; i < errors.size(); ++i) {
    threads.emplace_back([&, i] {
      auto opened = Store::open(path, Store::Mode::create);
      if (!opened) {
        errors[i] = opened.error();
        return;
      }
      const auto put = (*opened)->put_user(user_named("u" + std::to_string(i)));
      if (!put) errors[i] = put.error();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(errors, std::vector<std::string>(8));
}

}  // namespace
}  // namespace crier::sqlite

#include "backends/sqlite/temporary_store.hpp"

#include <filesystem>
#include <fstream>
#include <thread>

namespace crier::sqlite {
namespace {

using access::SourceError;

class MembershipsTest : public TemporaryStore {
 protected:
  /// `NAME/ROLE/ACTIVE: PROGRAMS`, `nobody`, `unavailable` or `broken`.
  static std::string look_up(access::MembershipSource& source, const std::string& user) {
    std::string text;
    source.look_up(user, [&](auto found) {
      EXPECT_EQ(text, "") << "told twice";
      text = found ? describe(*found)
                   : (found.error() == SourceError::broken ? "broken" : "unavailable");
    });
    EXPECT_NE(text, "") << "not told before look_up() returned";
    return text;
  }
  std::string look_up(const std::string& user) { return look_up(*source, user); }

  void fill() {
    const auto store = this->store();
    ASSERT_TRUE(store->put_user(user_named("u1", "Ann", "admin")));
    for (const std::string program : {"p2", "p1"}) {
      ASSERT_TRUE(store->put_membership({program, "u1"}));
    }
    ASSERT_TRUE(store->put_membership({"p3", "u1", false}));
    ASSERT_TRUE(store->put_user(user_named("alone")));
  }

  std::unique_ptr<access::MembershipSource> source = open_memberships(path);

 private:
  static std::string describe(const std::optional<access::User>& user) {
    if (!user) return "nobody";
    std::string text = user->name + "/" + user->role + (user->active ? "/1:" : "/0:");
    for (const auto& program : user->programs) text += " " + program;
    return text;
  }
};

TEST_F(MembershipsTest, AnswersWithTheActivePrograms) {
  fill();
  EXPECT_EQ(look_up("u1"), "Ann/admin/1: p1 p2");
  EXPECT_EQ(look_up("alone"), "//1:");
  EXPECT_EQ(look_up("u2"), "nobody");
  EXPECT_EQ(look_up(""), "nobody");
  EXPECT_EQ(look_up(std::string(100'000, 'u')), "nobody");
  EXPECT_TRUE(source->available());
}

TEST_F(MembershipsTest, SeesWhatAnotherConnectionWrites) {
  fill();
  EXPECT_EQ(look_up("u1"), "Ann/admin/1: p1 p2");
  const auto store = this->store();
  ASSERT_TRUE(store->remove_membership("p1", "u1"));
  EXPECT_EQ(look_up("u1"), "Ann/admin/1: p2");
  ASSERT_TRUE(store->deactivate_user("u1"));
  EXPECT_EQ(look_up("u1"), "Ann/admin/0: p2");
}

TEST_F(MembershipsTest, AnswersSeveralLookUpsFromOneViewThatIsNoOlderThanTheyAre) {
  fill();
  EXPECT_EQ(look_up("u1"), "Ann/admin/1: p1 p2");
  const auto store = this->store();
  ASSERT_TRUE(store->remove_membership("p2", "u1"));
  source->together([&] {
    EXPECT_EQ(look_up("u1"), "Ann/admin/1: p1");
    ASSERT_TRUE(store->remove_membership("p1", "u1"));
    EXPECT_EQ(look_up("u1"), "Ann/admin/1: p1");
    EXPECT_EQ(look_up("alone"), "//1:");
  });
  EXPECT_EQ(look_up("u1"), "Ann/admin/1:");
}

TEST_F(MembershipsTest, IsUnavailableAndBackAlsoBetweenLookUpsTogether) {
  fill();
  source->together([&] { EXPECT_EQ(look_up("alone"), "//1:"); });
  std::filesystem::rename(path, path + ".away");
  source->together([&] {
    EXPECT_EQ(look_up("alone"), "unavailable");
    std::filesystem::rename(path + ".away", path);
    EXPECT_EQ(look_up("alone"), "//1:");
  });
  EXPECT_EQ(look_up("alone"), "//1:");
}

TEST_F(MembershipsTest, IsUnavailableWithoutAFileAndMakesNone) {
  EXPECT_EQ(look_up("u1"), "unavailable");
  EXPECT_FALSE(source->available());
  EXPECT_FALSE(std::filesystem::exists(path));
  fill();
  EXPECT_TRUE(source->available()) << "it does answer now";
  EXPECT_EQ(look_up("u1"), "Ann/admin/1: p1 p2");
}

TEST_F(MembershipsTest, IsUnavailableForFilesThatAreNoStore) {
  std::filesystem::create_directory(path);
  EXPECT_EQ(look_up("u1"), "unavailable");
  std::filesystem::remove(path);
  std::ofstream(path).close();
  EXPECT_EQ(look_up("u1"), "unavailable");
  std::ofstream(path) << std::string(10'000, 'x');
  EXPECT_EQ(look_up("u1"), "unavailable");
  std::filesystem::remove(path);
  raw("CREATE TABLE users (id, name, role, active)");
  EXPECT_EQ(look_up("u1"), "unavailable");
  std::filesystem::remove(path);
  fill();
  EXPECT_EQ(look_up("u1"), "Ann/admin/1: p1 p2");
  raw("PRAGMA user_version = 1000");
  EXPECT_EQ(look_up(*open_memberships(path), "u1"), "unavailable");
}

TEST_F(MembershipsTest, NoticesThatTheFileIsGoneAndBack) {
  fill();
  EXPECT_EQ(look_up("u1"), "Ann/admin/1: p1 p2");
  std::filesystem::rename(path, path + ".away");
  EXPECT_EQ(look_up("u1"), "unavailable");
  std::filesystem::rename(path + ".away", path);
  EXPECT_EQ(look_up("u1"), "Ann/admin/1: p1 p2");
}

TEST_F(MembershipsTest, FollowsAFileThatWasReplaced) {
  fill();
  EXPECT_EQ(look_up("u1"), "Ann/admin/1: p1 p2");
  const std::string other = (folder / "other.db").string();
  {
    auto store = Store::open(other, Store::Mode::create);
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->put_user(user_named("u1", "Other")));
  }
  for (const std::string suffix : {"-wal", "-shm"}) std::filesystem::remove(path + suffix);
  std::filesystem::rename(other, path);
  EXPECT_EQ(look_up("u1"), "Other//1:");
}

TEST_F(MembershipsTest, ReadsOnWhileAWriterHoldsItsLock) {
  fill();
  for (const std::string lock : {"BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"}) {
    const auto writer = raw(lock + "; DELETE FROM memberships");
    EXPECT_EQ(look_up("u1"), "Ann/admin/1: p1 p2") << lock;
    EXPECT_EQ(look_up(*open_memberships(path), "u1"), "Ann/admin/1: p1 p2") << lock;
  }
  EXPECT_EQ(look_up("u1"), "Ann/admin/1: p1 p2") << "rolled back";
}

TEST_F(MembershipsTest, IsUnavailableAtOnceWhenReadersAreLockedOut) {
  fill();
  {
    const auto owner = raw("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT");
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(look_up("u1"), "unavailable");
    EXPECT_FALSE(source->available());
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  }
  EXPECT_EQ(look_up("u1"), "Ann/admin/1: p1 p2");
}

TEST_F(MembershipsTest, IsUnavailableWhileAnExclusiveLockIsHeldWithoutWriteAheadLog) {
  fill();
  const auto owner = raw("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
  EXPECT_EQ(look_up("u1"), "unavailable");
  EXPECT_EQ(execute(owner.get(), "COMMIT"), SQLITE_OK);
  EXPECT_EQ(look_up("u1"), "Ann/admin/1: p1 p2");
}

TEST_F(MembershipsTest, IsUnavailableWhilePagesAreCorrupt) {
  fill();
  raw("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE");
  EXPECT_EQ(look_up("u2"), "nobody") << "keeps the page of the users, not that of memberships";
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  std::string pages(std::filesystem::file_size(path) - 4096, '\0');
  file.seekg(4096).read(pages.data(), static_cast<std::streamsize>(pages.size()));
  file.seekp(4096) << std::string(pages.size(), '\xAA') << std::flush;
  EXPECT_EQ(look_up("u1"), "unavailable");
  EXPECT_FALSE(source->available());
  file.seekp(4096) << pages << std::flush;
  EXPECT_EQ(look_up("u1"), "Ann/admin/1: p1 p2");
}

TEST_F(MembershipsTest, IsBrokenWhenTheStoreHoldsNonsense) {
  fill();
  raw("INSERT INTO memberships (program_id, user_id, active) VALUES ('a' || char(10), 'u1', 1)");
  EXPECT_EQ(look_up("u1"), "broken");
  EXPECT_EQ(look_up("alone"), "//1:");
  EXPECT_TRUE(source->available());
}

TEST_F(MembershipsTest, SeesEachTransactionWholeWhileAnotherThreadWrites) {
  fill();
  const std::vector<std::string> states{"Ann/admin/1: p1 p2", "Ann/admin/1:"};
  EXPECT_EQ(look_up("u1"), states[0]) << "opening may recover the log, which nobody may read then";
  const auto database = raw("PRAGMA synchronous = OFF");
  std::thread writer([&] {
    for (int i = 0; i < 300; ++i) {
      execute(database.get(), "UPDATE memberships SET active = 1 - active WHERE program_id < 'p3'");
    }
  });
  for (int i = 0; i < 3000; ++i) {
    const std::string seen = look_up("u1");
    EXPECT_TRUE(seen == states[0] || seen == states[1]) << seen;
  }
  writer.join();
  EXPECT_EQ(look_up("u1"), states[0]);
}

}  // namespace
}  // namespace crier::sqlite

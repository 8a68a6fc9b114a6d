#include "backends/sqlite/temporary_store.hpp"

#include <sstream>

namespace crier::sqlite {
namespace {

/// A store as the first version of its schema made it: without generations.
constexpr const char* first_version =
    "PRAGMA application_id = 1129466181; PRAGMA user_version = 1; PRAGMA journal_mode = WAL;"
    "CREATE TABLE users (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL,"
    " active INTEGER NOT NULL CHECK (active IN (0, 1))) STRICT, WITHOUT ROWID;"
    "CREATE TABLE memberships (program_id TEXT NOT NULL,"
    " user_id TEXT NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,"
    " active INTEGER NOT NULL CHECK (active IN (0, 1)), PRIMARY KEY (user_id, program_id)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX memberships_of_program ON memberships (program_id, user_id);"
    "INSERT INTO users VALUES ('u1', 'Ann', 'admin', 1);"
    "INSERT INTO memberships VALUES ('p1', 'u1', 1), ('p2', 'u1', 0);";

class GenerationsTest : public TemporaryStore {
 protected:
  /// `PROGRAM:GENERATION …` of a user, as a gateway reads it.
  static std::string generations(access::MembershipSource& source, const std::string& user) {
    std::string text;
    source.look_up(user, [&](const auto& found) {
      text = !found ? "unavailable" : !*found ? "nobody" : "";
      if (!found || !*found) return;
      ASSERT_EQ((*found)->programs.size(), (*found)->generations.size());
      for (std::size_t i = 0; i < (*found)->programs.size(); ++i) {
        text += (*found)->programs[i] + ":" + std::to_string((*found)->generations[i]) + " ";
      }
    });
    return text;
  }
  std::string generations(const std::string& user = "u1") { return generations(*source, user); }

  /// One letter, one change to u1 in p1: `+` add, `-` deactivate, `x` remove, `u` write the user
  /// again, `d` deactivate the user, `!` delete the user and add it again.
  static void change(Store& store, Database& raw, char what) {
    switch (what) {
      case '+':
        ASSERT_TRUE(store.put_membership({"p1", "u1", true}));
        break;
      case '-':
        ASSERT_TRUE(store.put_membership({"p1", "u1", false}));
        break;
      case 'x':
        ASSERT_TRUE(store.remove_membership("p1", "u1"));
        break;
      case 'u':
        ASSERT_TRUE(store.put_user(user_named("u1", "Another")));
        break;
      case 'd':
        ASSERT_TRUE(*store.deactivate_user("u1"));
        break;
      case '!':
        ASSERT_EQ(execute(raw.get(), "PRAGMA foreign_keys = ON; DELETE FROM users WHERE id = 'u1'"),
                  SQLITE_OK)
            << message_of(raw.get());
        ASSERT_TRUE(store.put_user(user_named("u1")));
        break;
      default:
        FAIL() << what;
    }
  }

  /// The generations of u1 after these changes to a new store.
  std::string after(const std::string& changes) {
    const std::string file = (folder / (std::to_string(++files) + ".db")).string();
    auto store = Store::open(file, Store::Mode::create);
    EXPECT_TRUE(store);
    EXPECT_TRUE((*store)->put_user(user_named("u1")));
    auto [code, raw] = open_database(file, SQLITE_OPEN_READWRITE, 1000);
    EXPECT_EQ(code, SQLITE_OK);
    for (const char what : changes) change(**store, raw, what);
    return generations(*open_memberships(file), "u1");
  }

  static std::string import(Store& store, const std::string& text) {
    std::istringstream lines(text);
    const auto applied = store.import(lines);
    return applied ? "ok" : applied.error();
  }
  static std::string member_line(const std::string& program, bool active) {
    return R"({"member":{"programId":")" + program + R"(","userId":"u1","active":)" +
           (active ? "true" : "false") + "}}\n";
  }

  int files = 0;
  std::unique_ptr<access::MembershipSource> source = open_memberships(path);
};

TEST_F(GenerationsTest, CountEachBeginningOfAMembership) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"+", "p1:1 "},     {"++", "p1:1 "},    {"+uu", "p1:1 "},   {"+du", "p1:1 "},
      {"+d", "p1:1 "},    {"+-+", "p1:2 "},   {"+--+", "p1:2 "},  {"+x+", "p1:2 "},
      {"+-x+", "p1:2 "},  {"+xx+", "p1:2 "},  {"-+", "p1:1 "},    {"-x+", "p1:1 "},
      {"-x-+", "p1:1 "},  {"+x+x+", "p1:3 "}, {"+-+x+", "p1:3 "}, {"+x-x+", "p1:2 "},
      {"+x+-+", "p1:3 "}, {"+!+", "p1:2 "},   {"+-!+", "p1:2 "},  {"+!+!+", "p1:3 "},
      {"+x!+", "p1:2 "},  {"+-", ""},         {"+x", ""},         {"+!", ""},
  };
  for (const auto& [changes, expected] : cases) EXPECT_EQ(after(changes), expected) << changes;
}

TEST_F(GenerationsTest, AreCountedForEachMembershipAlone) {
  const auto store = this->store();
  for (const std::string id : {"u1", "u2"}) {
    ASSERT_TRUE(store->put_user(user_named(id)));
    for (const std::string program : {"p1", "p2"}) {
      ASSERT_TRUE(store->put_membership({program, id}));
    }
  }
  ASSERT_TRUE(store->remove_membership("p2", "u1"));
  ASSERT_TRUE(store->put_membership({"p2", "u1"}));
  EXPECT_EQ(generations("u1"), "p1:1 p2:2 ");
  EXPECT_EQ(generations("u2"), "p1:1 p2:1 ");
}

TEST_F(GenerationsTest, GoOnThroughAnImportOfTheSameFile) {
  const auto store = this->store();
  const std::string file = R"({"user":{"id":"u1"}})"
                           "\n" +
                           member_line("p1", true) + member_line("p2", false) +
                           member_line("p3", true);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(import(*store, file), "ok");
    EXPECT_EQ(generations(), "p1:1 p3:1 ");
  }
  ASSERT_EQ(import(*store, member_line("p1", false)), "ok");
  ASSERT_EQ(import(*store, file), "ok");
  EXPECT_EQ(generations(), "p1:2 p3:1 ");
}

TEST_F(GenerationsTest, CountWhatAFileSaysLastOfAMembership) {
  const auto store = this->store();
  const std::string file = R"({"user":{"id":"u1"}})"
                           "\n" +
                           member_line("p1", true) + member_line("p1", false) +
                           member_line("p1", true);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(import(*store, file), "ok");
    EXPECT_EQ(generations(), "p1:1 ");
  }
  ASSERT_EQ(import(*store, file + member_line("p1", false)), "ok");
  EXPECT_EQ(generations(), "");
}

TEST_F(GenerationsTest, StayWhenAnImportFails) {
  const auto store = this->store();
  const std::string file = R"({"user":{"id":"u1"}})"
                           "\n" +
                           member_line("p1", true);
  ASSERT_EQ(import(*store, file), "ok");
  ASSERT_EQ(import(*store, member_line("p1", false) + "nonsense\n"),
            "line 2: The text is not one valid JSON value.");
  EXPECT_EQ(generations(), "p1:1 ");
  ASSERT_EQ(import(*store, file), "ok") << "the same store imports again";
  EXPECT_EQ(generations(), "p1:1 ");
}

TEST_F(GenerationsTest, AreEqualInFilesThatWereFilledAlike) {
  const std::string changes = "+-+x+d-u+!++x-+";
  EXPECT_EQ(after(changes), "p1:6 ");
  EXPECT_EQ(after(changes), after(changes));
}

TEST_F(GenerationsTest, BeginWhenAStoreOfTheFirstVersionIsOpened) {
  raw(first_version);
  const auto opened = Store::open(path, Store::Mode::open_existing);
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_EQ((*(*opened)->user("u1"))->name, "Ann");
  EXPECT_EQ(generations(), "p1:1 ");
  ASSERT_TRUE((*opened)->remove_membership("p1", "u1"));
  ASSERT_TRUE((*opened)->put_membership({"p1", "u1"}));
  ASSERT_TRUE((*opened)->put_membership({"p2", "u1"}));
  EXPECT_EQ(generations(), "p1:2 p2:1 ");
}

TEST_F(GenerationsTest, BeginWhenAGatewayReadsAStoreOfTheFirstVersion) {
  const auto writer = raw(first_version);
  ASSERT_EQ(execute(writer.get(), "BEGIN IMMEDIATE"), SQLITE_OK);
  EXPECT_EQ(generations(), "unavailable") << "it waits for nobody";
  ASSERT_EQ(execute(writer.get(), "COMMIT"), SQLITE_OK);
  EXPECT_EQ(generations(), "p1:1 ");
  EXPECT_EQ(number_of(writer.get(), "PRAGMA user_version"), 2);
}

TEST_F(GenerationsTest, AreReadInOneTransactionWithTheMembership) {
  const auto store = this->store();
  ASSERT_TRUE(store->put_user(user_named("u1")));
  ASSERT_TRUE(store->put_membership({"p1", "u1"}));
  const auto writer =
      raw("BEGIN IMMEDIATE; DELETE FROM memberships;"
          "INSERT INTO memberships (program_id, user_id, active)"
          " VALUES ('p1', 'u1', 1)");
  EXPECT_EQ(generations(), "p1:1 ");
  ASSERT_EQ(execute(writer.get(), "COMMIT"), SQLITE_OK);
  EXPECT_EQ(generations(), "p1:2 ");
}

}  // namespace
}  // namespace crier::sqlite

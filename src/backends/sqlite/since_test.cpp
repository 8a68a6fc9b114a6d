#include "backends/sqlite/temporary_store.hpp"

#include <chrono>
#include <sstream>

namespace crier::sqlite {
namespace {

/// A store as the first version of its schema made it, with neither generations nor times.
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

/// What the second version added: how often each membership has begun.
constexpr const char* second_version =
    "PRAGMA user_version = 2;"
    "ALTER TABLE memberships ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;"
    "UPDATE memberships SET generation = active;"
    "CREATE TABLE removed_memberships (user_id TEXT NOT NULL, program_id TEXT NOT NULL,"
    " generation INTEGER NOT NULL, PRIMARY KEY (user_id, program_id)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER membership_added AFTER INSERT ON memberships BEGIN"
    " UPDATE memberships SET generation = NEW.active + coalesce("
    "  (SELECT generation FROM removed_memberships"
    "   WHERE user_id = NEW.user_id AND program_id = NEW.program_id), 0)"
    " WHERE user_id = NEW.user_id AND program_id = NEW.program_id;"
    "END;"
    "CREATE TRIGGER membership_begun AFTER UPDATE OF active ON memberships"
    " WHEN NEW.active > OLD.active BEGIN"
    " UPDATE memberships SET generation = OLD.generation + 1"
    " WHERE user_id = NEW.user_id AND program_id = NEW.program_id;"
    "END;"
    "CREATE TRIGGER membership_removed AFTER DELETE ON memberships BEGIN"
    " INSERT OR REPLACE INTO removed_memberships (user_id, program_id, generation)"
    " VALUES (OLD.user_id, OLD.program_id, OLD.generation);"
    "END;"
    "CREATE TRIGGER user_removed AFTER DELETE ON users BEGIN"
    " DELETE FROM memberships WHERE user_id = OLD.id;"
    "END;"
    "DELETE FROM memberships WHERE program_id = 'p2';";

/// What a membership's `since` is set to before a change, so that a test needs no sleep to see
/// whether the change set it anew.
constexpr const char* make_old = "UPDATE memberships SET since = 5";

std::uint64_t clock_now() {
  const auto time = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

class SinceTest : public TemporaryStore {
 protected:
  /// `PROGRAM:SINCE …` of a user, as a gateway reads it. `now` stands for a time since the test
  /// began, at most one millisecond ahead.
  std::string since(access::MembershipSource& from, const std::string& user) const {
    std::string text;
    from.look_up(user, [&](const auto& found) {
      text = !found ? "unavailable" : !*found ? "nobody" : "";
      if (!found || !*found) return;
      ASSERT_EQ((*found)->programs.size(), (*found)->since.size());
      for (std::size_t i = 0; i < (*found)->programs.size(); ++i) {
        text += (*found)->programs[i] + ":" + described((*found)->since[i]) + " ";
      }
    });
    return text;
  }
  std::string since(const std::string& user = "u1") { return since(*source, user); }

  [[nodiscard]] std::string described(std::uint64_t time) const {
    const bool is_now = begun < time && time <= clock_now() + 1000;
    return is_now ? "now" : std::to_string(time);
  }

  /// One letter, one change to u1 in p1: `+` add, `-` deactivate, `x` remove, `u` write the user
  /// again, `d` deactivate the user, `!` delete the user and add it again, `o` make it old.
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
      case 'o':
        ASSERT_EQ(execute(raw.get(), make_old), SQLITE_OK) << message_of(raw.get());
        break;
      default:
        FAIL() << what;
    }
  }

  /// Since when u1 is a member after these changes to a new store.
  std::string after(const std::string& changes) {
    const std::string file = (folder / (std::to_string(++files) + ".db")).string();
    auto store = Store::open(file, Store::Mode::create);
    EXPECT_TRUE(store);
    EXPECT_TRUE((*store)->put_user(user_named("u1")));
    auto [code, raw] = open_database(file, SQLITE_OPEN_READWRITE, 1000);
    EXPECT_EQ(code, SQLITE_OK);
    for (const char what : changes) change(**store, raw, what);
    return since(*open_memberships(file), "u1");
  }

  /// Runs SQL on a store with u1 active in p1 (old) and inactive in p2; since when u1 is a member
  /// then.
  std::string after_sql(const std::string& sql) {
    std::filesystem::remove(path);
    const auto store = this->store();
    EXPECT_TRUE(store->put_user(user_named("u1")));
    EXPECT_TRUE(store->put_membership({"p1", "u1"}));
    EXPECT_TRUE(store->put_membership({"p2", "u1", false}));
    raw(make_old);
    raw(sql);
    return since();
  }

  static std::string import(Store& store, const std::string& text) {
    std::istringstream lines(text);
    const auto applied = store.import(lines);
    return applied ? "ok" : applied.error();
  }
  static std::string member_line(const std::string& program, const std::string& more = "") {
    return R"({"member":{"programId":")" + program + R"(","userId":"u1")" + more + "}}\n";
  }
  const std::string user_line = "{\"user\":{\"id\":\"u1\"}}\n";

  const std::uint64_t begun = clock_now();
  int files = 0;
  std::unique_ptr<access::MembershipSource> source = open_memberships(path);
};

TEST_F(SinceTest, IsThePresentWhenAMembershipBeginsAndStaysWhileItGoesOn) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"+", "p1:now "},     {"+o", "p1:5 "},      {"+o+", "p1:5 "},    {"+ouu", "p1:5 "},
      {"+odu", "p1:5 "},    {"+od", "p1:5 "},     {"+o-+", "p1:now "}, {"+o--+", "p1:now "},
      {"+ox+", "p1:now "},  {"+o-x+", "p1:now "}, {"-+", "p1:now "},   {"-o+", "p1:now "},
      {"-x+", "p1:now "},   {"+o-+o", "p1:5 "},   {"+o-+o+", "p1:5 "}, {"+o!+", "p1:now "},
      {"+o-!+", "p1:now "}, {"+o-", ""},          {"+ox", ""},         {"+o!", ""},
  };
  for (const auto& [changes, expected] : cases) EXPECT_EQ(after(changes), expected) << changes;
}

TEST_F(SinceTest, IsNeverBeforeTheGrantAndAtMostAMillisecondAfterIt) {
  const auto store = this->store();
  ASSERT_TRUE(store->put_user(user_named("u1")));
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(store->remove_membership("p1", "u1"));
    const std::uint64_t before = clock_now();
    ASSERT_TRUE(store->put_membership({"p1", "u1"}));
    const std::uint64_t after = clock_now();
    const std::uint64_t since = (*store->user("u1"))->since.at(0);
    EXPECT_LT(before, since) << "an event of that very moment was published before the grant";
    EXPECT_LE(since, after + 1000);
    EXPECT_EQ(since % 1000, 0U);
  }
}

TEST_F(SinceTest, BelongsToEachMembershipAlone) {
  const auto store = this->store();
  for (const std::string id : {"u1", "u2"}) {
    ASSERT_TRUE(store->put_user(user_named(id)));
    for (const std::string program : {"p1", "p2"}) {
      ASSERT_TRUE(store->put_membership({program, id}));
    }
  }
  raw(make_old);
  ASSERT_TRUE(store->remove_membership("p2", "u1"));
  ASSERT_TRUE(store->put_membership({"p2", "u1"}));
  EXPECT_EQ(since("u1"), "p1:5 p2:now ");
  EXPECT_EQ(since("u2"), "p1:5 p2:5 ");
}

TEST_F(SinceTest, IsWhatItsWriterGives) {
  const auto store = this->store();
  ASSERT_TRUE(store->put_user(user_named("u1")));
  const auto given = [&](bool active, std::optional<std::uint64_t> since) {
    EXPECT_TRUE(store->put_membership({"p1", "u1", active, since}));
    return this->since();
  };
  EXPECT_EQ(given(true, 7), "p1:7 ") << "begins";
  EXPECT_EQ(given(true, 9), "p1:9 ") << "goes on, with another time";
  EXPECT_EQ(given(true, {}), "p1:9 ");
  EXPECT_EQ(given(false, {}), "");
  EXPECT_EQ(given(true, 9), "p1:9 ") << "begins anew with the same time";
  EXPECT_EQ(given(false, 8), "");
  EXPECT_EQ(given(true, {}), "p1:now ");
  EXPECT_EQ(given(true, 0), "p1:0 ") << "since ever";
  constexpr std::uint64_t end = std::uint64_t{1} << 53U;
  EXPECT_EQ(given(true, end - 1), "p1:9007199254740991 ");
  const auto refused = store->put_membership({"p1", "u1", true, end});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), "since must be a time from 1970 to 2255");
  EXPECT_EQ((*store->memberships("", "")).at(0).since, end - 1);
}

TEST_F(SinceTest, HoldsWhoeverWritesToTheFile) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"UPDATE memberships SET active = 1", "p1:5 p2:now "},
      {"UPDATE memberships SET active = 1, since = 7", "p1:7 p2:7 "},
      {"UPDATE memberships SET active = 1 - active", "p2:now "},
      {"UPDATE users SET name = 'Another', active = 0", "p1:5 "},
      {"UPDATE memberships SET program_id = 'p3' WHERE program_id = 'p1'", "p3:now "},
      {"UPDATE memberships SET program_id = 'p1' WHERE program_id = 'p1'", "p1:5 "},
      {"INSERT INTO memberships (program_id, user_id, active) VALUES ('p3', 'u1', 1)",
       "p1:5 p3:now "},
      {"INSERT INTO memberships VALUES ('p3', 'u1', 1, 7)", "p1:5 p3:7 "},
      {"INSERT INTO memberships (program_id, user_id, active) VALUES ('p1', 'u1', 1)"
       " ON CONFLICT DO UPDATE SET active = excluded.active",
       "p1:5 "},
      {"REPLACE INTO memberships (program_id, user_id, active) VALUES ('p1', 'u1', 1)", "p1:now "},
  };
  for (const auto& [sql, expected] : cases) EXPECT_EQ(after_sql(sql), expected) << sql;
  for (const std::string sql :
       {"UPDATE memberships SET since = -1", "UPDATE memberships SET since = 9007199254740992",
        "UPDATE memberships SET since = NULL"}) {
    EXPECT_EQ(execute(raw().get(), sql.c_str()) & 0xFF, SQLITE_CONSTRAINT) << sql;
  }
}

TEST_F(SinceTest, StaysThroughAnImportOfTheSameFile) {
  const auto store = this->store();
  const std::string file =
      user_line + member_line("p1") + member_line("p2", R"(,"active":false)") + member_line("p3");
  ASSERT_EQ(import(*store, file), "ok");
  EXPECT_EQ(since(), "p1:now p3:now ");
  raw(make_old);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(import(*store, file), "ok");
    EXPECT_EQ(since(), "p1:5 p3:5 ");
  }
  ASSERT_EQ(import(*store, member_line("p1", R"(,"active":false)")), "ok");
  ASSERT_EQ(import(*store, file), "ok");
  EXPECT_EQ(since(), "p1:now p3:5 ");
}

TEST_F(SinceTest, IsWhatAFileSaysLastOfAMembership) {
  const auto store = this->store();
  ASSERT_EQ(import(*store, user_line + member_line("p1")), "ok");
  raw(make_old);
  const std::string ended = member_line("p1", R"(,"active":false)");
  ASSERT_EQ(import(*store, ended + member_line("p1")), "ok");
  EXPECT_EQ(since(), "p1:5 ") << "the file's last word is that it goes on";
  ASSERT_EQ(import(*store, member_line("p1", R"(,"since":7)") + member_line("p1")), "ok");
  EXPECT_EQ(since(), "p1:5 ") << "the file's last word is silent on the time";
  ASSERT_EQ(import(*store, ended + member_line("p1", R"(,"since":7)")), "ok");
  EXPECT_EQ(since(), "p1:7000 ");
  ASSERT_EQ(import(*store, member_line("p1") + ended), "ok");
  EXPECT_EQ(since(), "");
}

TEST_F(SinceTest, IsReadFromAFileAsATimeOrAsMilliseconds) {
  const auto store = this->store();
  ASSERT_EQ(import(*store, user_line + member_line("p1", R"(,"since":"2026-11-24T06:49:00.123Z")") +
                               member_line("p2", R"(,"since":"2026-11-24 07:49:00.123456+01")") +
                               member_line("p3", R"(,"since":1795502940123)") +
                               member_line("p4", R"(,"since":0)") +
                               member_line("p5", R"(,"since":"1795502940123")")),
            "ok");
  EXPECT_EQ(since(),
            "p1:1795502940123000 p2:1795502940123456 p3:1795502940123000 p4:0 "
            "p5:1795502940123000 ");
  for (const std::string value : {"null", "true", "\"\"", "-1", "1.5", "1e3", "\"now\"", "{}",
                                  "\"2026-11-24T06:49:00\"", "\"1969-12-31\""}) {
    EXPECT_EQ(import(*store, user_line + member_line("p1", ",\"since\":" + value)),
              "line 2: since must be a time in ISO 8601 with its zone, or milliseconds since 1970")
        << value;
  }
  EXPECT_EQ(import(*store, member_line("p1", R"(,"since":9007199254740)")), "ok");
  EXPECT_EQ(import(*store, member_line("p1", R"(,"since":9007199254741)")),
            "line 1: since must be a time from 1970 to 2255");
}

TEST_F(SinceTest, StaysWhenAnImportFails) {
  const auto store = this->store();
  ASSERT_EQ(import(*store, user_line + member_line("p1")), "ok");
  raw(make_old);
  ASSERT_EQ(import(*store, member_line("p1", R"(,"since":7)") + "nonsense\n"),
            "line 2: The text is not one valid JSON value.");
  EXPECT_EQ(since(), "p1:5 ");
  ASSERT_EQ(import(*store, member_line("p1", R"(,"since":7)")), "ok")
      << "the same store imports again";
  EXPECT_EQ(since(), "p1:7000 ");
}

TEST_F(SinceTest, IsEverInAStoreOfAnEarlierVersion) {
  for (const std::string& version :
       {std::string(first_version), std::string(first_version) + second_version}) {
    std::filesystem::remove(path);
    raw(version);
    const auto opened = Store::open(path, Store::Mode::open_existing);
    ASSERT_TRUE(opened) << opened.error();
    EXPECT_EQ((*(*opened)->user("u1"))->name, "Ann");
    EXPECT_EQ(since(), "p1:0 ");
    ASSERT_TRUE((*opened)->put_membership({"p1", "u1"}));
    EXPECT_EQ(since(), "p1:0 ") << "it goes on";
    ASSERT_TRUE((*opened)->remove_membership("p1", "u1"));
    ASSERT_TRUE((*opened)->put_membership({"p1", "u1"}));
    ASSERT_TRUE((*opened)->put_membership({"p2", "u1"}));
    EXPECT_EQ(since(), "p1:now p2:now ");
    EXPECT_EQ(number_of(raw().get(),
                        "SELECT count(*) FROM sqlite_schema"
                        " WHERE sql LIKE '%generation%'"),
              0);
  }
}

TEST_F(SinceTest, IsEverWhenAGatewayReadsAStoreOfAnEarlierVersion) {
  const auto writer = raw(std::string(first_version) + second_version);
  ASSERT_EQ(execute(writer.get(), "BEGIN IMMEDIATE"), SQLITE_OK);
  EXPECT_EQ(since(), "unavailable") << "it waits for nobody";
  ASSERT_EQ(execute(writer.get(), "COMMIT"), SQLITE_OK);
  EXPECT_EQ(since(), "p1:0 ");
  EXPECT_EQ(number_of(writer.get(), "PRAGMA user_version"), 3);
}

TEST_F(SinceTest, IsReadInOneTransactionWithTheMembership) {
  const auto store = this->store();
  ASSERT_TRUE(store->put_user(user_named("u1")));
  ASSERT_TRUE(store->put_membership({"p1", "u1"}));
  raw(make_old);
  const auto writer =
      raw("BEGIN IMMEDIATE; DELETE FROM memberships;"
          "INSERT INTO memberships (program_id, user_id, active)"
          " VALUES ('p1', 'u1', 1)");
  EXPECT_EQ(since(), "p1:5 ");
  ASSERT_EQ(execute(writer.get(), "COMMIT"), SQLITE_OK);
  EXPECT_EQ(since(), "p1:now ");
}

}  // namespace
}  // namespace crier::sqlite

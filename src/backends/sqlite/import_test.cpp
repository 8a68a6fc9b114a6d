#include "backends/sqlite/import.hpp"

#include "backends/sqlite/temporary_store.hpp"

#include <fstream>
#include <sstream>

namespace crier::sqlite {
namespace {

class ImportTest : public TemporaryStore {
 protected:
  /// `ok:N`, or the error.
  std::string import(const std::string& text) {
    std::istringstream lines(text);
    const auto applied = target->import(lines);
    return applied ? "ok:" + std::to_string(*applied) : applied.error();
  }

  std::unique_ptr<Store> target = store();
};

TEST_F(ImportTest, AppliesUsersAndMembers) {
  EXPECT_EQ(import(R"({"user":{"id":"u1","name":"Ann","role":"admin","active":true}})"
                   "\n"
                   R"({"user":{"id":"u2","active":false}})"
                   "\n"
                   R"({"member":{"programId":"p1","userId":"u1","active":true}})"
                   "\n"
                   R"({"member":{"programId":"p2","userId":"u1","active":false}})"
                   "\n"
                   R"({"member":{"userId":"u1","programId":"p\u0033"}})"),
            "ok:5");
  const auto ann = **target->user("u1");
  EXPECT_EQ(ann.name, "Ann");
  EXPECT_EQ(ann.role, "admin");
  EXPECT_TRUE(ann.active);
  EXPECT_EQ(ann.programs, (std::vector<std::string>{"p1", "p3"}));
  EXPECT_FALSE((*target->user("u2"))->active);
}

TEST_F(ImportTest, SkipsEmptyLinesAndToleratesCarriageReturns) {
  const std::string user = R"({"user":{"id":"u1"}})";
  EXPECT_EQ(import(""), "ok:0");
  EXPECT_EQ(import("\n\r\n \t\n" + user + "\r\n\n" + user + "\r"), "ok:2");
  EXPECT_EQ(import("\n\r\n\n x\r\n"), "line 4: The text is not one valid JSON value.");
}

TEST_F(ImportTest, TakesTheLastOfSeveralLinesAboutOneThing) {
  EXPECT_EQ(import(R"({"user":{"id":"u1","name":"A"}})"
                   "\n"
                   R"({"user":{"id":"u1","name":"B"}})"),
            "ok:2");
  EXPECT_EQ((*target->user("u1"))->name, "B");
}

TEST_F(ImportTest, LetsUsersComeAfterTheirMemberships) {
  EXPECT_EQ(import(R"({"member":{"programId":"p1","userId":"u1"}})"
                   "\n"
                   R"({"user":{"id":"u1"}})"),
            "ok:2");
  EXPECT_EQ((*target->user("u1"))->programs, std::vector<std::string>{"p1"});
}

TEST_F(ImportTest, KnowsTheUsersOfTheStore) {
  ASSERT_TRUE(target->put_user(user_named("u1")));
  EXPECT_EQ(import(R"({"member":{"programId":"p1","userId":"u1"}})"), "ok:1");
}

TEST_F(ImportTest, NamesTheFirstLineOfAnUnknownUser) {
  EXPECT_EQ(import(R"({"user":{"id":"u1"}})"
                   "\n"
                   R"({"member":{"programId":"p1","userId":"u1"}})"
                   "\n"
                   R"({"member":{"programId":"p1","userId":"u3"}})"
                   "\n"
                   R"({"member":{"programId":"p1","userId":"u2"}})"
                   "\n"
                   R"({"member":{"programId":"p2","userId":"u3"}})"
                   "\n"),
            "line 3: the user u3 does not exist");
  EXPECT_FALSE(*target->user("u1")) << "all or nothing";
}

TEST_F(ImportTest, RefusesEverythingElseAndNamesTheLine) {
  const std::string shape = R"(a line must be {"user":{…}} or {"member":{…}})";
  const std::vector<std::pair<std::string, std::string>> cases{
      {"{", "The text is not one valid JSON value."},
      {"{} {}", "The text is not one valid JSON value."},
      {"\xEF\xBB\xBF{}", "The text is not one valid JSON value."},
      {"{\"user\":{\"id\":\"\xff\"}}", "The text is not valid UTF-8."},
      {R"({"user":{"id":"a","id":"a"}})", "A JSON object has two members of the same name."},
      {R"({"user":{"id":"a"},"user":{"id":"b"}})",
       "A JSON object has two members of the same name."},
      {"null", shape},
      {"[]", shape},
      {"{}", shape},
      {R"({"users":{"id":"a"}})", shape},
      {R"({"user":{"id":"a"},"member":{"programId":"p","userId":"a"}})", shape},
      {R"({"user":"a"})", "an object is expected"},
      {R"({"user":["a"]})", "an object is expected"},
      {R"({"user":{}})", "id is missing"},
      {R"({"user":{"name":"x"}})", "id is missing"},
      {R"({"user":{"id":7}})", "id must be a string"},
      {R"({"user":{"id":""}})",
       "the id of a user must have 1 to 128 bytes of UTF-8 without control characters"},
      {R"({"user":{"id":"a\u0000"}})",
       "the id of a user must have 1 to 128 bytes of UTF-8 without control characters"},
      {R"({"user":{"id":"a","name":null}})", "name must be a string"},
      {R"({"user":{"id":"a","role":["x"]}})", "role must be a string"},
      {R"({"user":{"id":"a","role":"\u0007"}})",
       "the role of a user must have at most 256 bytes of UTF-8 without control characters"},
      {R"({"user":{"id":"a","active":1}})", "active must be true or false"},
      {R"({"user":{"id":"a","active":"true"}})", "active must be true or false"},
      {R"({"user":{"id":"a","admin\u0007":true}})", R"(unknown member "admin\u0007")"},
      {R"({"member":{"programId":"p"}})", "userId is missing"},
      {R"({"member":{"userId":"a"}})", "programId is missing"},
      {R"({"member":{"programId":"","userId":"a"}})",
       "the id of a program must have 1 to 128 bytes of UTF-8 without control characters"},
      {R"({"member":{"programId":"p","userId":"a","role":"x"}})", R"(unknown member "role")"},
  };
  for (const auto& [line, expected] : cases) {
    EXPECT_EQ(import("{\"user\":{\"id\":\"first\"}}\n" + line + "\n"), "line 2: " + expected);
    EXPECT_FALSE(*target->user("first")) << "all or nothing";
  }
}

TEST_F(ImportTest, BoundsTheLengthOfALine) {
  const std::string start = R"({"user":{"id":"u1"}})";
  const std::string longest = start + std::string(import_line_bytes_max - start.size(), ' ');
  const std::string too_long = "line 1: a line may have at most 65536 bytes";
  for (const std::string end : {"", "\n", "\r\n"}) {
    EXPECT_EQ(import(longest + end), "ok:1");
    EXPECT_EQ(import(longest + " " + end), too_long);
    EXPECT_EQ(import(longest + std::string(100'000, ' ') + end), too_long);
  }
  EXPECT_EQ(import("\n" + std::string(70'000, ' ')), "line 2: a line may have at most 65536 bytes");
}

TEST_F(ImportTest, SaysThatASourceCannotBeRead) {
  std::ifstream lines(folder);
  const auto applied = target->import(lines);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error(), "line 1: cannot be read");
}

TEST_F(ImportTest, FailsWholeWhenTheStoreIsLocked) {
  const auto other = raw("BEGIN IMMEDIATE");
  const auto impatient = raw();  // as the store, without its 5 s of patience
  std::istringstream lines(R"({"user":{"id":"u1"}})");
  EXPECT_NE(execute(impatient.get(), "BEGIN IMMEDIATE"), SQLITE_OK);
  const auto applied = import_lines(impatient.get(), lines);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error(), "line 1: database is locked");
}

}  // namespace
}  // namespace crier::sqlite

#include "backends/sqlite/store.hpp"
#include "daemon/cli/cli_test.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <sstream>

namespace crier::daemon {
namespace {

using testing::HasSubstr;

class StoreCommands : public testing::Test {
 protected:
  StoreCommands() {
    std::string pattern = (std::filesystem::temp_directory_path() / "crier-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    path = folder / "people.db";
  }
  ~StoreCommands() override { std::filesystem::remove_all(folder); }

  Outcome run(std::vector<std::string> words) {
    words.insert(words.end(), {"--store", path});
    return shell.run(std::move(words));
  }

  /// What a command prints that must succeed.
  std::string printed(std::vector<std::string> words) {
    const auto outcome = run(std::move(words));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    return outcome.out;
  }

  /// What a command complains of that must fail.
  std::string complaint(std::vector<std::string> words) {
    const auto outcome = run(std::move(words));
    EXPECT_EQ(outcome.code, 1);
    EXPECT_EQ(outcome.out, "");
    return outcome.err;
  }

  access::User user(const std::string& id) {
    auto store = sqlite::Store::open(path, sqlite::Store::Mode::open_existing);
    return (*store)->user(id)->value_or(access::User{});
  }

  /// What `member list` prints, without since when.
  std::string listed(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"member", "list"});
    std::string text;
    std::istringstream lines(printed(std::move(more)));
    for (std::string line; std::getline(lines, line);) {
      text += line.substr(0, line.rfind('\t')) + "\n";
    }
    return text;
  }

  Shell shell;
  std::filesystem::path folder;
  std::string path;
};

TEST_F(StoreCommands, AddUsersAndKeepWhatIsNotSaid) {
  EXPECT_EQ(printed({"user", "add", "u1", "--name", "Ann", "--role", "admin"}), "added user u1\n");
  EXPECT_EQ(user("u1").name, "Ann");
  EXPECT_EQ(printed({"user", "deactivate", "u1"}), "deactivated user u1\n");
  EXPECT_FALSE(user("u1").active);
  EXPECT_EQ(printed({"user", "add", "u1", "--role", ""}), "updated user u1\n");
  EXPECT_EQ(user("u1").name, "Ann");
  EXPECT_EQ(user("u1").role, "");
  EXPECT_TRUE(user("u1").active);
}

TEST_F(StoreCommands, AddListAndRemoveMembers) {
  for (const std::string id : {"u1", "u2"}) printed({"user", "add", id});
  EXPECT_EQ(printed({"member", "add", "p2", "u1"}), "added member p2 u1\n");
  printed({"member", "add", "p1", "u1"});
  printed({"member", "add", "p1", "u2"});
  EXPECT_EQ(listed(), "p1\tu1\tactive\np1\tu2\tactive\np2\tu1\tactive\n");
  EXPECT_EQ(listed({"--user", "u1"}), "p1\tu1\tactive\np2\tu1\tactive\n");
  EXPECT_EQ(listed({"--program", "p1", "--user", "u2"}), "p1\tu2\tactive\n");
  EXPECT_EQ(printed({"member", "remove", "p1", "u1"}), "removed member p1 u1\n");
  EXPECT_EQ(listed({"--program", "p1"}), "p1\tu2\tactive\n");
  EXPECT_EQ(listed({"--program", "p3"}), "");
}

TEST_F(StoreCommands, ImportAFileOrStandardInput) {
  const std::string file = folder / "people.jsonl";
  std::ofstream(file) << "{\"user\":{\"id\":\"u1\"}}\n"
                         "{\"member\":{\"programId\":\"p1\",\"userId\":\"u1\",\"active\":false}}\n";
  EXPECT_EQ(printed({"import", file}), "imported 2 lines\n");
  EXPECT_EQ(listed(), "p1\tu1\tinactive\n");
  shell.input = "{\"member\":{\"programId\":\"p1\",\"userId\":\"u1\"}}\n";
  EXPECT_EQ(printed({"import", "-"}), "imported 1 lines\n");
  EXPECT_EQ(listed(), "p1\tu1\tactive\n");
}

TEST_F(StoreCommands, TakeAndListSinceWhen) {
  printed({"user", "add", "u1"});
  const auto since = [this](const std::string& text) {
    printed({"member", "add", "p1", "u1", "--since", text});
    const std::string line = printed({"member", "list"});
    return line.substr(std::string("p1\tu1\tactive\t").size());
  };
  EXPECT_EQ(since("2026-11-24T07:49:00.123+01:00"), "2026-11-24T06:49:00.123Z\n");
  EXPECT_EQ(since("1795502940124"), "2026-11-24T06:49:00.124Z\n");
  EXPECT_EQ(since("2026-11-24T06:49:00.123006Z"), "2026-11-24T06:49:00.123006Z\n");
  EXPECT_EQ(since("1970-01-01"), "-\n");
  printed({"member", "add", "p1", "u1"});
  EXPECT_EQ(printed({"member", "list"}), "p1\tu1\tactive\t-\n") << "it goes on";
  for (const std::string text : {"yesterday", "1969-12-31", "2026-11-24T06:49:00", ""}) {
    EXPECT_EQ(complaint({"member", "add", "p1", "u1", "--since", text}),
              "crier: --since " + text +
                  ": neither a time in ISO 8601 with its zone nor milliseconds since 1970\n");
  }
  EXPECT_EQ(complaint({"member", "add", "p1", "u1", "--since", "2300-01-01"}),
            "crier: since must be a time from 1970 to 2255\n");
}

TEST_F(StoreCommands, SayWhyAnImportFailed) {
  shell.input = "{\"user\":{\"id\":\"u1\"}}\n{}\n";
  EXPECT_THAT(complaint({"import", "-"}), HasSubstr("crier: standard input: line 2: "));
  EXPECT_EQ(complaint({"import", folder / "none"}),
            "crier: " + (folder / "none").string() + ": No such file or directory\n");
  EXPECT_EQ(complaint({"import", folder}),
            "crier: " + folder.string() + ": line 1: cannot be read\n");
}

TEST_F(StoreCommands, FailWithOneSentence) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"user", "deactivate", "u1"},
                                                                 {"member", "add", "p1", "u1"},
                                                                 {"member", "remove", "p1", "u1"},
                                                                 {"member", "list"}}) {
    EXPECT_EQ(complaint(words), "crier: the store " + path + " does not exist\n");
  }
  printed({"user", "add", "u1"});
  EXPECT_EQ(complaint({"user", "deactivate", "u2"}), "crier: the user u2 does not exist\n");
  EXPECT_EQ(complaint({"member", "add", "p1", "u2"}), "crier: the user u2 does not exist\n");
  EXPECT_EQ(complaint({"member", "remove", "p1", "u1"}),
            "crier: the user u1 is not a member of p1\n");
  EXPECT_THAT(complaint({"user", "add", "a\nb"}), HasSubstr("1 to 128 bytes"));
}

TEST_F(StoreCommands, FailWhenTheirOutputIsLost) {
  printed({"user", "add", "u1"});
  shell.full = true;
  EXPECT_EQ(complaint({"member", "list"}), "crier: standard output cannot be written\n");
}

TEST_F(StoreCommands, TakeTheStoreFromTheEnvironmentUnlessItIsGiven) {
  ::setenv("CRIER_STORE", (folder / "other.db").c_str(), 1);
  EXPECT_EQ(shell.run({"user", "add", "u1"}).code, 0);
  printed({"user", "add", "u2"});
  ::unsetenv("CRIER_STORE");
  EXPECT_TRUE(std::filesystem::exists(folder / "other.db"));
  EXPECT_EQ(user("u1").id, "");
  EXPECT_EQ(user("u2").id, "u2");
}

TEST_F(StoreCommands, TellHelpFromWrongUsage) {
  const auto help = shell.run({"member", "list", "--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, HasSubstr("crier.db"));
  for (const auto& words : std::vector<std::vector<std::string>>{{},
                                                                 {"user"},
                                                                 {"user", "add"},
                                                                 {"user", "remove", "u1"},
                                                                 {"member", "add", "p1"},
                                                                 {"member", "list", "p1"},
                                                                 {"import"},
                                                                 {"export"}}) {
    const auto outcome = shell.run(words);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(outcome.out, "");
  }
}

}  // namespace
}  // namespace crier::daemon

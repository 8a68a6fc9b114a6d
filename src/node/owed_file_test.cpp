#include "node/owed_file.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <set>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace crier::node {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

/// As long as it lives no file grows beyond so many bytes, as on a disk that is full.
class Full {
 public:
  explicit Full(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &now);
  }
  ~Full() {
    setrlimit(RLIMIT_FSIZE, &before_);
    static_cast<void>(std::signal(SIGXFSZ, handler_));
  }
  Full(const Full&) = delete;
  Full& operator=(const Full&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

class OwedFileTest : public testing::Test {
 protected:
  OwedFileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "crier-owed-XXXXXX").string();
    folder = mkdtemp(name.data());
  }
  ~OwedFileTest() override { std::filesystem::remove_all(folder); }

  [[nodiscard]] std::string prefix() const { return folder + "/crier.db.owed"; }
  std::unique_ptr<OwedFile> open() {
    return std::make_unique<OwedFile>(
        prefix(), [this](LogLevel, std::string_view message, std::initializer_list<LogField>) {
          log.emplace_back(message);
        });
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder + "/" + name) << text;
  }
  [[nodiscard]] std::string text_of(const std::string& name) const {
    std::ifstream file(folder + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      names.push_back(entry.path().filename().string());
    }
    std::ranges::sort(names);
    return names;
  }
  /// A process that is killed: its locks go, its files stay.
  static void kill(std::unique_ptr<OwedFile>& file, const std::vector<std::string>& owed) {
    file->replace(owed);
    file.reset();
  }

  std::string folder;
  std::vector<std::string> log;
};

TEST_F(OwedFileTest, TheNextProcessTakesOverWhatIsOwed) {
  auto first = open();
  EXPECT_THAT(first->take_over(), IsEmpty());
  first->add("p \"1\"");
  first->add("\xC3\xA4");
  EXPECT_EQ(text_of("crier.db.owed.0"), "\"p \\\"1\\\"\"\n\"\xC3\xA4\"\n");
  first.reset();
  auto second = open();
  EXPECT_THAT(second->take_over(), ElementsAre("p \"1\"", "\xC3\xA4"));
  second->replace({"p2"});
  EXPECT_EQ(text_of("crier.db.owed.0"), "\"p2\"\n");
  second->add("p3");
  second.reset();
  EXPECT_THAT(open()->take_over(), ElementsAre("p2", "p3"));
  EXPECT_THAT(log, IsEmpty());
}

TEST_F(OwedFileTest, NothingIsLeftWhenNothingIsOwed) {
  auto file = open();
  EXPECT_THAT(file->take_over(), IsEmpty());
  EXPECT_THAT(files(), ElementsAre("crier.db.owed.0"));
  file->add("p");
  file->replace({});
  EXPECT_EQ(text_of("crier.db.owed.0"), "");
  file.reset();
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(OwedFileTest, ProcessesHaveAFileEachAndTakeOverOnlyWhatNobodyHolds) {
  auto first = open();
  auto second = open();
  auto third = open();
  for (auto* file : {&first, &second, &third}) EXPECT_THAT((*file)->take_over(), IsEmpty());
  first->add("of the first");
  second->replace({"of the second"});  // the lock goes with the file that is put in its place
  kill(third, {"of the third"});
  auto fourth = open();
  EXPECT_THAT(fourth->take_over(), ElementsAre("of the third"));
  EXPECT_EQ(fourth->place(), prefix() + ".2");
  kill(first, {"of the first", "and more"});
  kill(second, {"of the second"});
  auto fifth = open();
  EXPECT_THAT(fifth->take_over(), ElementsAre("and more", "of the first", "of the second"));
  EXPECT_THAT(files(), ElementsAre("crier.db.owed.0", "crier.db.owed.2"));
  EXPECT_EQ(text_of("crier.db.owed.0"), "\"and more\"\n\"of the first\"\n\"of the second\"\n");
}

TEST_F(OwedFileTest, AProcessThatLivesTakesOverWhatAnotherOneLeaves) {
  auto first = open();
  auto second = open();
  EXPECT_THAT(first->take_over(), IsEmpty());
  EXPECT_THAT(second->take_over(), IsEmpty());
  first->add("of the first");
  EXPECT_THAT(first->take_over(), IsEmpty()) << "the second lives";
  kill(second, {"of the second"});
  EXPECT_THAT(first->take_over(), ElementsAre("of the second"));
  EXPECT_THAT(first->take_over(), IsEmpty()) << "once";
  EXPECT_THAT(files(), ElementsAre("crier.db.owed.0"));
  EXPECT_EQ(text_of("crier.db.owed.0"), "\"of the first\"\n\"of the second\"\n");
}

TEST_F(OwedFileTest, WhatCannotBeWrittenDownIsTakenOverOnce) {
  auto file = open();
  EXPECT_THAT(file->take_over(), IsEmpty());
  write("crier.db.owed.1", "\"p\"\n");
  {
    const Full full(0);
    EXPECT_THAT(file->take_over(), ElementsAre("p"));
    EXPECT_THAT(file->take_over(), IsEmpty());
  }
  EXPECT_EQ(text_of("crier.db.owed.1"), "\"p\"\n") << "it stays for who can";
  EXPECT_THAT(file->take_over(), ElementsAre("p"));
  EXPECT_THAT(files(), ElementsAre("crier.db.owed.0"));
}

TEST_F(OwedFileTest, ALineThatWasNotWrittenWholeIsOfNoEvent) {
  for (const char* text : {"\"p1\"\n\"p2", "\"p1\"\n\"p2\"", "\"p1\"\n\"p2\\"}) {
    write("crier.db.owed.0", text);
    auto file = open();
    EXPECT_THAT(file->take_over(), ElementsAre("p1"));
    EXPECT_FALSE(file->was_unreadable());
  }
  EXPECT_THAT(log, IsEmpty());
}

TEST_F(OwedFileTest, WhatIsLeftOfALineDoesNotSwallowTheNextOne) {
  for (const std::string& left :
       {std::string("\"alph"), std::string("\"alph\\"), std::string("rubbish\\"),
        std::string(4096, '\0'), std::string("\"alpha\"\n\"be")}) {
    for (const auto& name : files()) std::filesystem::remove(folder + "/" + name);
    write("crier.db.owed.0", left);
    auto file = open();
    file->take_over();
    file->replace({});
    write("crier.db.owed.1", left);
    file->take_over();
    file->add("beta");
    file.reset();
    EXPECT_THAT(open()->take_over(), Contains("beta")) << left;
    EXPECT_THAT(text_of("crier.db.owed.0"), EndsWith("\"beta\"\n")) << left;
  }
}

TEST_F(OwedFileTest, AfterAShortWriteWhatIsOwedIsWrittenWithTheNextDebt) {
  auto file = open();
  file->take_over();
  file->add("alpha");
  {
    const Full full(12);  // a line of "alpha" has 8 bytes
    file->add("beta");
    EXPECT_EQ(text_of("crier.db.owed.0"), "\"alpha\"\n") << "nothing of it is left";
    EXPECT_FALSE(file->is_kept());
    file->add("gamma");
    EXPECT_FALSE(file->is_kept());
    EXPECT_EQ(text_of("crier.db.owed.0"), "\"alpha\"\n");
    EXPECT_THAT(files(), ElementsAre("crier.db.owed.0")) << "nor of a new file";
  }
  file->add("delta");
  EXPECT_TRUE(file->is_kept());
  EXPECT_EQ(text_of("crier.db.owed.0"), "\"alpha\"\n\"beta\"\n\"delta\"\n\"gamma\"\n");
  file->add("eta");
  file.reset();
  EXPECT_THAT(open()->take_over(), ElementsAre("alpha", "beta", "delta", "gamma", "eta"));
  EXPECT_THAT(log, ElementsAre("what programs are owed would not outlive this process",
                               "what programs are owed is kept again"));
}

TEST_F(OwedFileTest, AfterAWriteThatFailedWhatIsOwedIsWrittenThoughNothingMoreIs) {
  auto file = open();
  file->take_over();
  {
    const Full full(0);
    file->add("alpha");
    EXPECT_FALSE(file->is_kept());
  }
  EXPECT_THAT(file->take_over(), IsEmpty());
  EXPECT_TRUE(file->is_kept());
  EXPECT_EQ(text_of("crier.db.owed.0"), "\"alpha\"\n");
}

TEST_F(OwedFileTest, WhileItCannotBeWrittenItIsNotTriedWithEveryDebt) {
  auto file = open();
  file->take_over();
  std::vector<std::string> many;
  for (int i = 0; i < 128; ++i) many.push_back("p" + std::to_string(i));
  file->replace(many);
  {
    const Full full(0);
    file->add("one");
  }
  file->add("two");
  EXPECT_FALSE(file->is_kept()) << "each trial writes all of it";
  file->add("three");
  EXPECT_TRUE(file->is_kept());
}

TEST_F(OwedFileTest, OneMoreDebtIsOneMoreLine) {
  auto file = open();
  file->take_over();
  file->replace({"p1"});
  const auto inode = [&] {
    struct stat about{};
    return ::stat((prefix() + ".0").c_str(), &about) == 0 ? about.st_ino : 0;
  };
  const auto before = inode();
  file->add("p2");
  file->add("p3");
  file->add("p2");
  EXPECT_EQ(text_of("crier.db.owed.0"), "\"p1\"\n\"p2\"\n\"p3\"\n");
  EXPECT_EQ(inode(), before) << "the file is not rewritten";
}

TEST_F(OwedFileTest, HoweverManyAreOwedAllAreTakenOver) {
  std::set<std::string> many;
  for (int i = 0; i < 20'000; ++i) many.insert("program " + std::to_string(i));
  auto first = open();
  first->take_over();
  kill(first, {many.begin(), many.end()});
  const auto taken = open()->take_over();
  EXPECT_EQ(std::set<std::string>(taken.begin(), taken.end()), many);
}

TEST_F(OwedFileTest, WhoOwesNothingRemovesNoOthersFile) {
  auto first = open();
  first->take_over();
  std::filesystem::remove(prefix() + ".0");
  auto second = open();
  second->take_over();
  second->add("of the second");
  first.reset();
  EXPECT_EQ(text_of("crier.db.owed.0"), "\"of the second\"\n");
}

TEST_F(OwedFileTest, AFileThatOthersTouchIsWrittenAnew) {
  const std::string path = prefix() + ".0";
  const std::vector<std::function<void()>> touches = {
      [&] { std::filesystem::remove(path); },
      [&] { std::filesystem::resize_file(path, 3); },
      [&] { std::ofstream(path, std::ios::app) << "\"x"; },
  };
  for (const auto& touch : touches) {
    auto file = open();
    file->take_over();
    file->replace({"alpha"});
    touch();
    file->add("beta");
    EXPECT_EQ(text_of("crier.db.owed.0"), "\"alpha\"\n\"beta\"\n");
    touch();
    EXPECT_THAT(file->take_over(), IsEmpty());
    EXPECT_EQ(text_of("crier.db.owed.0"), "\"alpha\"\n\"beta\"\n");
    touch();
    file->replace({});
  }
  EXPECT_THAT(log, IsEmpty());
}

TEST_F(OwedFileTest, AFileThatAnotherProcessPutInTheOldPlaceIsItsOwn) {
  auto first = open();
  first->take_over();
  first->add("of the first");
  std::filesystem::remove(prefix() + ".0");
  auto second = open();
  second->take_over();
  second->add("of the second");
  first->add("and more");
  EXPECT_EQ(first->place(), prefix() + ".1");
  EXPECT_EQ(text_of("crier.db.owed.0"), "\"of the second\"\n");
  EXPECT_EQ(text_of("crier.db.owed.1"), "\"and more\"\n\"of the first\"\n");
  std::filesystem::remove(prefix() + ".1");
  write("crier.db.owed.1", "\"of another\"\n");
  first->replace({});
  first.reset();
  EXPECT_EQ(text_of("crier.db.owed.1"), "\"of another\"\n") << "nor is it removed";
}

TEST_F(OwedFileTest, LinesThatNameNoProgramAreToldInOneError) {
  write("crier.db.owed.0", "foreign\n\n\"\"\n\"p1\"\n{\"p\":1}\n\"a\\u0007b\"\n\"p2\"\n");
  auto file = open();
  EXPECT_THAT(file->take_over(), ElementsAre("p1", "p2"));
  EXPECT_TRUE(file->was_unreadable());
  EXPECT_THAT(log, ElementsAre(HasSubstr("what programs are owed cannot be read")));
  EXPECT_EQ(text_of("crier.db.owed.0"), "null\n\"p1\"\n\"p2\"\n");
  file->take_over();
  EXPECT_FALSE(file->was_unreadable()) << "once";
  write("crier.db.owed.1", std::string(4096, '\0'));
  file->take_over();
  EXPECT_TRUE(file->was_unreadable());
}

TEST_F(OwedFileTest, ThatItCouldNotBeReadOutlivesTheProcess) {
  write("crier.db.owed.0", "foreign\n");
  for (int process = 1; process <= 3; ++process) {
    auto file = open();
    EXPECT_THAT(file->take_over(), IsEmpty());
    EXPECT_TRUE(file->was_unreadable()) << process;
    file->add("p");
    file->replace({});
    EXPECT_EQ(text_of("crier.db.owed.0"), "null\n");
    if (process < 3) continue;
    file->clear_unreadable();
    EXPECT_EQ(text_of("crier.db.owed.0"), "");
  }
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(OwedFileTest, ThatAnotherProcessCouldNotReadItIsTakenOver) {
  auto file = open();
  file->take_over();
  file->add("p");
  write("crier.db.owed.1", "null\n");
  EXPECT_THAT(file->take_over(), IsEmpty());
  EXPECT_TRUE(file->was_unreadable());
  EXPECT_EQ(text_of("crier.db.owed.0"), "null\n\"p\"\n");
  EXPECT_THAT(files(), ElementsAre("crier.db.owed.0"));
}

TEST_F(OwedFileTest, WhenItIsNotKnownWhatIsOwedEachProgramIsOnce) {
  write("crier.db.owed.0", std::string(4096, '\0'));
  Owed owed(open());
  EXPECT_TRUE(owed.is_unsure());
  EXPECT_FALSE(owed.any());
  EXPECT_TRUE(owed.owes_to("p"));
  EXPECT_EQ(text_of("crier.db.owed.0"), "null\n\"p\"\n");
  const auto markers = owed.take(10, Owed::Which::fresh);
  ASSERT_EQ(markers.size(), 1U);
  EXPECT_TRUE(owed.owes_to("p"));
  owed.settled(markers.front());
  EXPECT_FALSE(owed.owes_to("p"));
  EXPECT_TRUE(owed.owes_to("q"));
  write("crier.db.owed.1", std::string(4096, '\0'));
  owed.take_over();
  EXPECT_TRUE(owed.owes_to("p")) << "another process may have owed it";
}

TEST_F(OwedFileTest, WhatIsNoFileIsPassedOver) {
  std::filesystem::create_directory(folder + "/crier.db.owed.0");
  std::filesystem::create_symlink("nowhere", folder + "/crier.db.owed.1");
  ASSERT_EQ(::mkfifo((prefix() + ".2").c_str(), 0600), 0);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{AF_UNIX, {}};
  (prefix() + ".3").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(socket);
  auto file = open();
  EXPECT_THAT(file->take_over(), IsEmpty());
  file->add("p");
  EXPECT_TRUE(file->is_kept());
  EXPECT_EQ(text_of("crier.db.owed.4"), "\"p\"\n");
  EXPECT_THAT(log, IsEmpty());
}

/// Runs the process as an unprivileged user while it lives.
class Nobody {
 public:
  Nobody() { EXPECT_TRUE(user_ != 0 || ::seteuid(65'534) == 0); }
  ~Nobody() { EXPECT_TRUE(user_ != 0 || ::seteuid(0) == 0); }
  Nobody(const Nobody&) = delete;
  Nobody& operator=(const Nobody&) = delete;

 private:
  uid_t user_ = ::geteuid();
};

TEST_F(OwedFileTest, WhatTheProcessMayNotOpenCouldNotBeRead) {
  namespace fs = std::filesystem;
  fs::permissions(folder, fs::perms::all);
  for (const char* name : {"crier.db.owed.0", "crier.db.owed.7"}) {
    write(name, "\"p\"\n");
    fs::permissions(folder + "/" + name, fs::perms::none);
  }
  {
    const Nobody nobody;
    auto file = open();
    EXPECT_THAT(file->take_over(), IsEmpty());
    EXPECT_TRUE(file->was_unreadable());
    EXPECT_TRUE(file->is_kept());
    EXPECT_EQ(text_of("crier.db.owed.1"), "null\n");
    EXPECT_THAT(log, testing::SizeIs(2));
    file->take_over();
    EXPECT_FALSE(file->was_unreadable()) << "once";
    EXPECT_THAT(log, testing::SizeIs(2));
  }
  for (const char* name : {"crier.db.owed.0", "crier.db.owed.7"}) {
    fs::permissions(folder + "/" + name, fs::perms::owner_all);
  }
  auto file = open();
  EXPECT_THAT(file->take_over(), ElementsAre("p", "p")) << "who may read it owes it";
  EXPECT_TRUE(file->was_unreadable());
  EXPECT_THAT(files(), ElementsAre("crier.db.owed.0"));
}

TEST_F(OwedFileTest, WhatIsShortOnlyNowIsNoReasonToDoubt) {
  auto file = open();
  file->take_over();
  write("crier.db.owed.7", "\"p\"\n");
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{0, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  EXPECT_THAT(file->take_over(), IsEmpty());
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_FALSE(file->was_unreadable());
  EXPECT_THAT(file->take_over(), ElementsAre("p"));
  EXPECT_FALSE(file->was_unreadable());
}

TEST_F(OwedFileTest, AFolderThatCannotBeListedMayHoldWhatIsOwed) {
  namespace fs = std::filesystem;
  fs::permissions(folder, fs::perms::all & ~fs::perms::others_read & ~fs::perms::owner_read);
  write("crier.db.owed.3", "\"p\"\n");
  {
    const Nobody nobody;
    auto file = open();
    EXPECT_THAT(file->take_over(), IsEmpty());
    EXPECT_TRUE(file->was_unreadable());
    file->take_over();
    EXPECT_FALSE(file->was_unreadable()) << "once";
  }
  fs::permissions(folder, fs::perms::all);
}

TEST_F(OwedFileTest, FilesOfOtherNamesAreNobodys) {
  const std::string text = "\"p\"\n";
  for (const char* name : {"crier.db.owed", "crier.db.owed.x", "crier.db.owed.0.next",
                           "crier.db.owed.1x", "crier.db", "other.owed.0"}) {
    write(name, text);
  }
  std::filesystem::create_directory(folder + "/crier.db.owed.7");
  auto file = open();
  EXPECT_THAT(file->take_over(), IsEmpty());
  file->add("p");
  file->replace({"q"});
  EXPECT_THAT(log, IsEmpty());
  EXPECT_EQ(text_of("crier.db"), text);
  EXPECT_EQ(text_of("other.owed.0"), text);
}

TEST_F(OwedFileTest, WhatCannotBeWrittenIsToldOnceUntilItCan) {
  folder += "/gone";
  auto file = open();
  EXPECT_THAT(file->take_over(), IsEmpty());
  file->add("p");
  file->replace({});
  file->add("q");
  EXPECT_EQ(file->place(), "");
  EXPECT_FALSE(file->is_kept());
  EXPECT_THAT(log, ElementsAre("what programs are owed would not outlive this process"));
  std::filesystem::create_directory(folder);
  file->take_over();
  EXPECT_TRUE(file->is_kept());
  EXPECT_EQ(text_of("crier.db.owed.0"), "\"q\"\n");
  EXPECT_EQ(log.back(), "what programs are owed is kept again");
  file.reset();
  folder.resize(folder.size() - 5);
}

TEST_F(OwedFileTest, IsReadableByItsGroupAtMost) {
  auto file = open();
  file->take_over();
  file->replace({"p"});
  struct stat about{};
  ASSERT_EQ(::stat((prefix() + ".0").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0137U, 0U);
}

TEST_F(OwedFileTest, AMarkerThatIsUnderWayDoesNotCountForWhatAnotherProcessLeaves) {
  Owed owed(open());
  owed.owe("p");
  const auto markers = owed.take(10, Owed::Which::fresh);
  ASSERT_EQ(markers.size(), 1U);
  write("crier.db.owed.1", "\"p\"\n");
  owed.take_over();
  owed.settled(markers.front());
  EXPECT_TRUE(owed.owes("p")) << "its marker may stand before what that process sent";
  EXPECT_EQ(owed.take(10, Owed::Which::fresh).size(), 1U);
}

TEST_F(OwedFileTest, OwedKeepsItInStep) {
  {
    Owed owed(open());
    owed.owe("p1");
    owed.owe("p2");
    owed.owe("p1");
    EXPECT_EQ(text_of("crier.db.owed.0"), "\"p1\"\n\"p2\"\n") << "before the event goes out";
    const auto markers = owed.take(1, Owed::Which::all);
    owed.settled(markers.front());
    owed.save();
    EXPECT_EQ(text_of("crier.db.owed.0"), "\"p2\"\n");
  }
  {
    Owed owed(open());
    EXPECT_TRUE(owed.owes("p2")) << "from the start on";
    EXPECT_FALSE(owed.owes("p1"));
    const auto markers = owed.take(1, Owed::Which::fresh);
    owed.settled(markers.front());
  }
  EXPECT_THAT(files(), IsEmpty());
}

}  // namespace
}  // namespace crier::node

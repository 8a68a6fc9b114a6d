#include "server/owed_file.hpp"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

namespace crier::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

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
  EXPECT_THAT(fifth->take_over(), ElementsAre("of the first", "and more", "of the second"));
  EXPECT_THAT(files(), ElementsAre("crier.db.owed.0", "crier.db.owed.2"));
  EXPECT_EQ(text_of("crier.db.owed.0"), "\"of the first\"\n\"and more\"\n\"of the second\"\n");
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
  std::filesystem::create_symlink("nowhere", folder + "/other.owed.0");
  OwedFile file(folder + "/other.owed", {});
  EXPECT_THAT(file.take_over(), IsEmpty());
  write("other.owed.1", "\"p\"\n");
  EXPECT_THAT(file.take_over(), IsEmpty());
  EXPECT_EQ(text_of("other.owed.1"), "\"p\"\n") << "it stays for who can";
  EXPECT_THAT(OwedFile(folder + "/other.owed", {}).take_over(), ElementsAre("p"));
}

TEST_F(OwedFileTest, ALineThatWasNotWrittenWholeIsOfNoEvent) {
  write("crier.db.owed.0", "\"p1\"\n\"p2");
  EXPECT_THAT(open()->take_over(), ElementsAre("p1"));
  write("crier.db.owed.0", "\"p1\"\n\"p2\"");
  EXPECT_THAT(open()->take_over(), ElementsAre("p1"));
  EXPECT_THAT(log, IsEmpty());
}

TEST_F(OwedFileTest, LinesThatNameNoProgramArePassedOverWithOneWarning) {
  write("crier.db.owed.0", "foreign\n\n\"\"\n\"p1\"\n{\"p\":1}\n\"a\\u0007b\"\n\"p2\"\n");
  EXPECT_THAT(open()->take_over(), ElementsAre("p1", "p2"));
  EXPECT_THAT(log, ElementsAre("lines that name no program were passed over"));
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

TEST_F(OwedFileTest, WhatCannotBeWrittenIsToldOnce) {
  folder += "/gone";
  auto file = open();
  EXPECT_THAT(file->take_over(), IsEmpty());
  file->add("p");
  file->replace({});
  EXPECT_EQ(file->place(), "");
  EXPECT_THAT(log, ElementsAre("what programs are owed would not outlive this process"));
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
}  // namespace crier::server

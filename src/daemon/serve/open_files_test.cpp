#include "daemon/serve/open_files.hpp"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <sys/resource.h>

namespace crier::daemon {
namespace {

/// Puts the limits of the process back as they were.
class OpenFilesTest : public testing::Test {
 protected:
  OpenFilesTest() { ::getrlimit(RLIMIT_NOFILE, &limits); }
  ~OpenFilesTest() override { ::setrlimit(RLIMIT_NOFILE, &limits); }

  void soft(rlim_t files) const {
    rlimit lower = limits;
    lower.rlim_cur = files;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &lower), 0);
  }

  rlimit limits{};
};

/// How many descriptors the kernel's table has room for.
std::uint64_t table_size() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t size = 0;
    if (word == "FDSize:" && status >> size) return size;
  }
  return 0;
}

std::ptrdiff_t open_now() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return std::distance(begin(files), end(files));
}

TEST_F(OpenFilesTest, RaisesTheSoftLimitToTheHardOne) {
  soft(100);
  const OpenFiles files = raise_open_files();
  EXPECT_EQ(files.before, 100U);
  EXPECT_EQ(files.limit, limits.rlim_max);
  rlimit now{};
  ::getrlimit(RLIMIT_NOFILE, &now);
  EXPECT_EQ(now.rlim_cur, limits.rlim_max);
  EXPECT_EQ(raise_open_files().before, limits.rlim_max);
}

TEST_F(OpenFilesTest, GrowsTheTableOnceForAll) {
  const std::uint64_t before = table_size();
  ASSERT_GT(before, 0U);
  const std::uint64_t wanted = before * 4;
  ASSERT_LE(wanted, limits.rlim_cur);
  const auto opened = open_now();
  grow_descriptor_table(before);
  EXPECT_EQ(table_size(), before);
  EXPECT_EQ(open_now(), opened) << "it keeps none of them";
  grow_descriptor_table(before + 1);
  EXPECT_GT(table_size(), before);
  grow_descriptor_table(wanted);
  EXPECT_GE(table_size(), wanted);
}

TEST_F(OpenFilesTest, LeavesTheTableWhereTheLimitForbidsMore) {
  soft(64);
  const std::uint64_t before = table_size();
  grow_descriptor_table(before * 2);
  EXPECT_EQ(table_size(), before);
}

TEST(FilesFor, LeavesRoomBesideTheConnections) { EXPECT_EQ(files_for(1000), 1256U); }

}  // namespace
}  // namespace crier::daemon

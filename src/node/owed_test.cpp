#include "node/owed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

namespace crier::node {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Which = Owed::Which;

class OwedTest : public testing::Test {
 protected:
  std::vector<std::string> take(std::size_t max = 100, Which which = Which::fresh) {
    std::vector<std::string> programs;
    for (auto& marker : owed.take(max, which)) {
      programs.push_back(marker.program);
      markers.push_back(std::move(marker));
    }
    return programs;
  }
  Owed owed;
  std::vector<Owed::Marker> markers;
};

TEST_F(OwedTest, AProgramIsOwedUntilItsMarkerIsStored) {
  EXPECT_FALSE(owed.any());
  owed.owe("p");
  EXPECT_TRUE(owed.owes("p"));
  EXPECT_FALSE(owed.owes("q"));
  EXPECT_THAT(take(), ElementsAre("p"));
  EXPECT_TRUE(owed.owes("p")) << "its marker is sent, but not stored";
  EXPECT_THAT(take(100, Which::all), IsEmpty()) << "one marker at a time";
  owed.settled(markers.front());
  EXPECT_FALSE(owed.owes("p"));
  EXPECT_FALSE(owed.any());
}

TEST_F(OwedTest, AMarkerDoesNotCountForWhatWentOutAfterIt) {
  owed.owe("p");
  take();
  owed.owe("p");
  owed.settled(markers.front());
  EXPECT_TRUE(owed.owes("p"));
  EXPECT_THAT(take(), ElementsAre("p"));
  owed.settled(markers.back());
  EXPECT_FALSE(owed.owes("p"));
}

TEST_F(OwedTest, AMarkerThatFailedIsSentAgainWhenAllAreWanted) {
  owed.owe("p");
  take();
  owed.failed(markers.front());
  EXPECT_TRUE(owed.owes("p"));
  EXPECT_THAT(take(100, Which::fresh), IsEmpty());
  EXPECT_THAT(take(100, Which::all), ElementsAre("p"));
}

TEST_F(OwedTest, GivesNoMoreThanAreWanted) {
  for (const char* program : {"c", "a", "d", "b"}) owed.owe(program);
  EXPECT_EQ(owed.count(), 4U);
  EXPECT_THAT(owed.names(3), ElementsAre("a", "b", "c"));
  EXPECT_THAT(owed.names(10), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(take(3), ElementsAre("a", "b", "c"));
  EXPECT_THAT(take(3), ElementsAre("d"));
}

TEST_F(OwedTest, IsReadFromOtherThreads) {
  std::thread reader([this] {
    while (!owed.owes("p999")) std::this_thread::yield();
    for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(owed.owes("p" + std::to_string(i)));
  });
  for (int i = 0; i < 1'000; ++i) owed.owe("p" + std::to_string(i));
  reader.join();
}

}  // namespace
}  // namespace crier::node

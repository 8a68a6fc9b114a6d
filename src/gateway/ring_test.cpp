#include "gateway/ring.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crier::gateway {
namespace {

using history::Gid;
using history::Kept;
using testing::ElementsAre;
using testing::IsEmpty;

history::Record record(Gid gid, Gid prev, std::string body = "{}") {
  return {gid, 1, prev, Bytes(std::move(body))};
}

Kept kept(const std::vector<Gid>& gids, Gid before = 0) {
  Kept kept{"p", before, {}};
  for (const Gid gid : gids) {
    kept.records.push_back(record(gid, kept.top));
    kept.top = gid;
  }
  return kept;
}

std::vector<Gid> gids(const Ring& ring, Gid after = 0, std::uint32_t newest_max = 0) {
  std::vector<Gid> gids;
  for (const auto& one : ring.read({"p", after, newest_max}).records) gids.push_back(one.gid);
  return gids;
}

TEST(RingTest, BeginsWhereTheStoresRecordsDo) {
  Ring ring;
  ring.begin(kept({6, 8}, 4), {});
  EXPECT_EQ(ring.start(), 4U);
  EXPECT_EQ(ring.top(), 8U);
  EXPECT_THAT(gids(ring), ElementsAre(6, 8));
}

TEST(RingTest, WithoutRecordsItBeginsAtTheTop) {
  Ring ring;
  ring.begin(kept({}, 8), {});
  EXPECT_EQ(ring.start(), 8U);
  EXPECT_EQ(ring.top(), 8U);
}

TEST(RingTest, ReadsWhatCameAfterAndTheNewestOfThat) {
  Ring ring;
  ring.begin(kept({2, 4, 6, 8}), {});
  EXPECT_THAT(gids(ring, 2), ElementsAre(4, 6, 8));
  EXPECT_THAT(gids(ring, 3), ElementsAre(4, 6, 8));
  EXPECT_THAT(gids(ring, 2, 2), ElementsAre(6, 8));
  EXPECT_THAT(gids(ring, 8), IsEmpty());
}

TEST(RingTest, SetsOlderRecordsInFrontIfTheyJoinOn) {
  Ring ring;
  ring.begin(kept({}, 8), {});
  ring.push(record(10, 8), {});
  ring.fill(kept({4, 6}, 2), {});
  EXPECT_THAT(gids(ring), ElementsAre(10)) << "8 is missing between";
  ring.fill(kept({6, 8, 10, 12}, 4), {});
  EXPECT_THAT(gids(ring), ElementsAre(6, 8, 10));
  EXPECT_EQ(ring.start(), 4U);
  EXPECT_EQ(ring.bytes(), 6U);
  ring.fill(kept({8}, 6), {});
  EXPECT_EQ(ring.start(), 4U) << "nothing older";
}

TEST(RingTest, FillsOneWithoutEvents) {
  Ring ring;
  ring.begin(kept({}, 8), {});
  ring.fill(kept({6, 8}, 4), {});
  EXPECT_THAT(gids(ring), ElementsAre(6, 8));
}

TEST(RingTest, IsTrimmedByEventsBytesAndAge) {
  Ring ring;
  const TimePoint begin{};
  ring.begin(kept({2, 4, 6}), begin);
  const RingBounds bounds{3, 6, std::chrono::seconds(1)};
  ring.trim(bounds, begin + std::chrono::seconds(1));
  EXPECT_THAT(gids(ring), ElementsAre(2, 4, 6));
  ring.push(record(8, 6, ""), begin);
  ring.trim(bounds, begin);
  EXPECT_THAT(gids(ring), ElementsAre(4, 6, 8));
  EXPECT_EQ(ring.start(), 2U);
  ring.push(record(10, 8, "{...}"), begin + std::chrono::seconds(1));
  ring.trim({9, 6, std::chrono::seconds(1)}, begin);
  EXPECT_THAT(gids(ring), ElementsAre(8, 10));
  ring.trim(bounds, begin + std::chrono::milliseconds(1001));
  EXPECT_THAT(gids(ring), ElementsAre(10));
  EXPECT_EQ(ring.start(), 8U);
}

}  // namespace
}  // namespace crier::gateway

#include "gateway/catchup.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crier::gateway {
namespace {

using history::Verdict;
using testing::HasSubstr;
using testing::Not;

/// Programs with ids of the greatest length.
std::string program(std::size_t number) {
  std::string id = std::to_string(1'000'000 + number);
  id.resize(128, 'p');
  return id;
}

Recovery of(std::size_t count, Verdict verdict) {
  Recovery recovery;
  for (std::size_t i = 0; i < count; ++i) recovery.verdicts.emplace_back(program(i), verdict);
  return recovery;
}

TEST(Catchup, SaysWhatWasSentAndHowEachProgramStands) {
  Recovery recovery;
  recovery.recovered = true;
  recovery.replayed = 2;
  recovery.verdicts = {{"a\"b", Verdict::recovered}, {"c", Verdict::left}};
  EXPECT_EQ(catchup_arguments(recovery, "epochABC.7.n0nc"),
            R"(["catchup",{"recovered":true,"replayed":2,"programs":)"
            R"({"a\"b":"recovered","c":"left"}},"epochABC.7.n0nc"])");
}

TEST(Catchup, WithoutAPositionEndsWithoutAString) {
  EXPECT_EQ(catchup_arguments({}, ""),
            R"(["catchup",{"recovered":false,"replayed":0,"programs":{}}])");
}

TEST(Catchup, SaysThatMembershipsWithoutANameHaveEnded) {
  Recovery recovery;
  recovery.changed = true;
  EXPECT_THAT(catchup_arguments(recovery, ""), HasSubstr(R"("programs":{},"changed":true})"));
}

TEST(Catchup, NamesAllProgramsAsLongAsThereIsRoom) {
  // "…128…":"recovered" and a comma are 143 bytes each.
  const std::size_t most = (catchup_named_bytes_max + 1) / 143;
  EXPECT_THAT(catchup_arguments(of(most, Verdict::recovered), ""), Not(HasSubstr("others")));
  EXPECT_THAT(catchup_arguments(of(most + 1, Verdict::recovered), ""),
              HasSubstr(R"("programs":{},"others":"recovered")"));
}

TEST(Catchup, NamesTheExceptionsOfMany) {
  Recovery recovery = of(10'000, Verdict::recovered);
  recovery.verdicts[5].second = Verdict::gap;
  recovery.verdicts[9'999].second = Verdict::left;
  const std::string text = catchup_arguments(recovery, "epochABC.7.n0nc");
  EXPECT_THAT(text, HasSubstr("\"programs\":{\"" + program(5) + "\":\"gap\",\"" + program(9'999) +
                              "\":\"left\"},\"others\":\"recovered\"}"));
  EXPECT_LE(text.size(), catchup_bytes_max);
}

TEST(Catchup, ProgramsThatHaveLeftAreNeverTheOthers) {
  Recovery recovery = of(300, Verdict::left);
  recovery.verdicts.emplace_back("z", Verdict::joined);
  EXPECT_THAT(catchup_arguments(recovery, ""), HasSubstr(R"("others":"joined")"));
}

TEST(Catchup, IsCoarserAndNeverSilentWhenThereIsNoRoomForTheExceptions) {
  Recovery recovery = of(10'000, Verdict::recovered);
  for (std::size_t i = 0; i < 4'000; ++i) recovery.verdicts[i].second = Verdict::joined;
  std::string text = catchup_arguments(recovery, "epochABC.7.n0nc");
  EXPECT_THAT(text, HasSubstr(R"("programs":{},"others":"gap"})"));
  for (std::size_t i = 0; i < 4'000; ++i) recovery.verdicts[i].second = Verdict::left;
  text = catchup_arguments(recovery, "epochABC.7.n0nc");
  EXPECT_THAT(text, HasSubstr(R"("programs":{},"others":"gap","changed":true})"));
}

}  // namespace
}  // namespace crier::gateway

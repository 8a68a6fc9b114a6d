#include "gateway/pid.hpp"

#include <gtest/gtest.h>

namespace crier::gateway {
namespace {

const Pid example{"u1", "socket", "epochABC", 1'700'000'000'000'001, {{"a", 7, 0}, {"b", 0, 9}}};

TEST(Pid, OpensWhatItHasSealed) {
  const PidSeal seal("secret");
  EXPECT_EQ(seal.open(seal.seal(example)), example);
  const Pid empty{"u", "", "", 0, {}};
  EXPECT_EQ(seal.open(seal.seal(empty)), empty);
}

TEST(Pid, IsTheSameForTheSameContents) {
  EXPECT_EQ(PidSeal("secret").seal(example), PidSeal("secret").seal(example));
}

TEST(Pid, OfAnotherKeyIsNone) {
  EXPECT_FALSE(PidSeal("other").open(PidSeal("secret").seal(example)));
}

TEST(Pid, EveryChangedCharacterMakesItNone) {
  const PidSeal seal("secret");
  const std::string text = seal.seal(example);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(seal.open(changed)) << i;
    EXPECT_FALSE(seal.open(text.substr(0, i))) << i;
  }
  EXPECT_FALSE(seal.open(text + "A"));
}

TEST(Pid, JunkIsNone) {
  const PidSeal seal("secret");
  for (const std::string_view junk : {"", "A", "!!!!", "Q89mo40AAAAAAAAAAAAA"}) {
    EXPECT_FALSE(seal.open(junk)) << junk;
  }
  EXPECT_FALSE(seal.open(std::string(PidSeal::bytes_max + 1, 'A')));
}

TEST(Pid, ProgramsOfTheLongestNamesFit) {
  Pid large = example;
  large.programs.clear();
  for (int i = 0; i < 300; ++i) large.programs.push_back({std::string(128, 'p'), 1, 2});
  const PidSeal seal("secret");
  EXPECT_EQ(seal.open(seal.seal(large)), large);
}

}  // namespace
}  // namespace crier::gateway

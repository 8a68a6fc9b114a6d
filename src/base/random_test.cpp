#include "base/random.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <vector>

namespace crier {
namespace {

std::vector<std::byte> drawn(Random random, std::size_t count) {
  std::vector<std::byte> bytes(count);
  random.fill(bytes);
  return bytes;
}

TEST(Random, RepeatsItselfForTheSameSeedOnly) {
  EXPECT_EQ(drawn(Random::seeded(7), 100), drawn(Random::seeded(7), 100));
  EXPECT_NE(drawn(Random::seeded(7), 100), drawn(Random::seeded(8), 100));
  EXPECT_EQ(Random::seeded(1).id20(), Random::seeded(1).id20());
  EXPECT_EQ(Random::seeded(1).number(), Random::seeded(1).number());
}

// CVE-2017-16031: session ids could be guessed.
TEST(Random, IsNotReproducibleWhenSecure) {
  EXPECT_NE(drawn(Random::secure(), 32), drawn(Random::secure(), 32));
  EXPECT_NE(Random::secure().number(), Random::secure().number());
}

TEST(Random, FillsEveryByteOfAnySize) {
  for (const bool secure : {false, true}) {
    for (const std::size_t size : {0, 1, 7, 8, 9, 15, 300, 1000}) {
      // Each position is zero in all of 8 fills with probability 2^-64.
      std::vector<std::byte> seen(size, std::byte{0});
      Random random = secure ? Random::secure() : Random::seeded(3);
      for (int i = 0; i < 8; ++i) {
        std::vector<std::byte> bytes(size, std::byte{0});
        random.fill(bytes);
        for (std::size_t k = 0; k < size; ++k) seen[k] |= bytes[k];
      }
      EXPECT_THAT(seen, testing::Each(testing::Ne(std::byte{0}))) << size;
    }
  }
}

TEST(Random, MakesIdentifiersOf20CharactersOfBase64Url) {
  std::set<std::string> ids;
  Random random = Random::secure();
  for (int i = 0; i < 1000; ++i) {
    const std::string id = random.id20();
    EXPECT_EQ(id.size(), 20U);
    EXPECT_EQ(
        id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
        std::string::npos);
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 1000U);
}

}  // namespace
}  // namespace crier

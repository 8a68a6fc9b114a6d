#include "gateway/pid.hpp"

#include <algorithm>
#include <gtest/gtest.h>

namespace crier::gateway {
namespace {

Memberships named(history::Gid at, std::vector<Membership> memberships) {
  return {at, std::move(memberships)};
}

/// Memberships with ids of the greatest length.
Memberships many(history::Gid at, std::size_t count) {
  Memberships all{at, {}};
  for (std::size_t i = 0; i < count; ++i) {
    std::string program = std::to_string(1'000'000 + i);
    program.resize(128, 'p');
    all.named.push_back({std::move(program), i});
  }
  return all;
}

const Snapshot snapshot{"epochABC", 1'700'000'000'000'001,
                        named(1'700'000'000'000'005, {{"a", 7}, {"b", 0}})};
const Pid example{"socket", snapshot, "n0nc", {}};

TEST(Pid, OpensWhatItHasSealed) {
  const PidSeal seal("secret");
  EXPECT_EQ(seal.open(seal.seal(example, "u1"), "u1"), example);
  const Pid empty{};
  EXPECT_EQ(seal.open(seal.seal(empty, "u"), "u"), empty);
}

TEST(Pid, KeepsWhenTheMembershipsWereLookedUp) {
  const PidSeal seal("secret");
  Pid pid = example;
  pid.here.memberships.as_of = 1'700'000'000'000'003;
  EXPECT_EQ(seal.open(seal.seal(pid, "u1"), "u1"), pid);
}

TEST(Pid, KeepsEveryKindOfEarlierBasis) {
  const PidSeal seal("secret");
  const Basis bases[] = {NoCursor{}, UnreadableCursor{},
                         Snapshot{"earlier1", 5, named(6, {{"a", 1}})}, IdCursor{{"epochABC", 77}},
                         TimestampCursor{1'700'000'000'123}};
  for (const Basis& basis : bases) {
    Pid pid = example;
    pid.earlier = basis;
    EXPECT_EQ(seal.open(seal.seal(pid, "u1"), "u1"), pid) << basis.index();
  }
}

TEST(Pid, KeepsTheOffsetThatSaysNothing) {
  const PidSeal seal("secret");
  Pid pid = example;
  pid.earlier = UnreadableCursor{};
  pid.ended_unnamed = true;
  pid.stale = history::EventId{"epochABC", 1'700'000'000'000'003};
  EXPECT_EQ(seal.open(seal.seal(pid, "u1"), "u1"), pid);
}

TEST(Pid, IsTheSameForTheSameContents) {
  EXPECT_EQ(PidSeal("secret").seal(example, "u1"), PidSeal("secret").seal(example, "u1"));
}

TEST(Pid, OfAnotherKeyOrUserIsNone) {
  const std::string text = PidSeal("secret").seal(example, "u1");
  EXPECT_FALSE(PidSeal("other").open(text, "u1"));
  EXPECT_FALSE(PidSeal("secret").open(text, "u2"));
  EXPECT_FALSE(PidSeal("secret").open(text, ""));
}

TEST(Pid, EveryChangedCharacterMakesItNone) {
  const PidSeal seal("secret");
  const std::string text = seal.seal(example, "u1");
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(seal.open(changed, "u1")) << i;
    EXPECT_FALSE(seal.open(text.substr(0, i), "u1")) << i;
  }
  EXPECT_FALSE(seal.open(text + "A", "u1"));
}

TEST(Pid, JunkIsNone) {
  const PidSeal seal("secret");
  for (const std::string_view junk : {"", "A", "!!!!", "Q89mo40AAAAAAAAAAAAA"}) {
    EXPECT_FALSE(seal.open(junk, "u1")) << junk;
  }
  EXPECT_FALSE(seal.open(std::string(PidSeal::bytes_max + 1, 'A'), "u1"));
}

TEST(Pid, HasAFixedSizeForAnyNumberOfPrograms) {
  const PidSeal seal("secret");
  Pid pid{std::string(20, 's'), {"epochABC", 9, many(10, 10'000)}, "n0nc", {}};
  pid.earlier = Snapshot{"earlier1", 7, many(8, 9'999)};
  const std::string text = seal.seal(pid, std::string(128, 'u'));
  EXPECT_LE(text.size(), PidSeal::bytes_max);
  const auto opened = seal.open(text, std::string(128, 'u'));
  ASSERT_TRUE(opened);
  const Memberships& here = opened->here.memberships;
  EXPECT_TRUE(here.named.empty());
  EXPECT_EQ(here.count, 10'000U);
  EXPECT_EQ(here.digest, digest_of(pid.here.memberships.named));
  EXPECT_EQ(here.newest,
            std::ranges::max(pid.here.memberships.named, {}, &Membership::since).since);
  EXPECT_EQ(here.at, 10U);
  EXPECT_EQ(seal.open(seal.seal(*opened, "u1"), "u1"), opened) << "a digest is kept";
}

TEST(Pid, LeavesOutTheNamesForWhichThereIsNoRoomThoseOfEarlierFirst) {
  const PidSeal seal("secret");
  const auto names_of = [&](std::size_t here, std::size_t earlier) {
    Pid pid{std::string(20, 's'), {"epochABC", 9, many(10, here)}, "n0nc", {}};
    pid.earlier = Snapshot{"earlier1", 7, many(8, earlier)};
    const auto opened = seal.open(seal.seal(pid, "u1"), "u1");
    return std::pair(opened->here.memberships.named.size(),
                     std::get<Snapshot>(*opened->earlier).memberships.named.size());
  };
  EXPECT_EQ(names_of(2, 2), std::pair(std::size_t{2}, std::size_t{2}));
  EXPECT_EQ(names_of(4, 4), std::pair(std::size_t{4}, std::size_t{0}));
  EXPECT_EQ(names_of(5, 1), std::pair(std::size_t{0}, std::size_t{0}));
}

TEST(Pid, IsNoLongerThanTheBoundHoweverLongItsNamesAre) {
  const PidSeal seal("secret");
  bool named = false;
  for (std::size_t size = 1; size <= 128; ++size) {
    Pid pid = example;
    pid.here.memberships = many(10, 6);
    for (auto& each : pid.here.memberships.named) each.program.resize(size, 'p');
    pid.sid = std::string(20, 's');
    pid.earlier = NoCursor{};
    for (pid.nonce = "n0nc"; pid.nonce.size() < 10; pid.nonce += '+') {
      const std::string text = seal.seal(pid, "u1");
      ASSERT_LE(text.size(), PidSeal::bytes_max);
      named = !seal.open(text, "u1")->here.memberships.named.empty();
    }
  }
  EXPECT_FALSE(named) << "some had no room";
}

TEST(Pid, KeepsWhatHadGapsOrEndedByNameOrWithoutOne) {
  const PidSeal seal("secret");
  Pid pid{"sid", {"epoch123", 7, {5, {{"p", 1}}}}, "n0nc", NoCursor{}, {"p", "q"}};
  EXPECT_EQ(seal.open(seal.seal(pid, "u1"), "u1"), pid);
  pid.ended = {"r"};
  EXPECT_EQ(seal.open(seal.seal(pid, "u1"), "u1"), pid);
  pid.gaps.assign(100, std::string(100, 'p'));
  const auto opened = seal.open(seal.seal(pid, "u1"), "u1");
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->gaps.empty());
  EXPECT_TRUE(opened->gaps_unnamed);
  EXPECT_TRUE(opened->ended.empty());
  EXPECT_TRUE(opened->ended_unnamed);
  EXPECT_EQ(seal.open(seal.seal(*opened, "u1"), "u1"), opened);
}

TEST(Pid, ADigestTellsMembershipsApart) {
  const std::string digest = digest_of({{"a", 1}, {"b", 2}});
  EXPECT_EQ(digest.size(), 16U);
  EXPECT_EQ(digest, digest_of({{"a", 1}, {"b", 2}}));
  EXPECT_EQ(digest, digest_of({{"a", 1}, {"b", 3}})) << "of the programs alone";
  EXPECT_NE(digest, digest_of({{"a", 1}, {"c", 2}}));
  EXPECT_NE(digest, digest_of({{"a", 1}}));
  EXPECT_NE(digest_of({{"ab", 1}, {"c", 2}}), digest_of({{"a", 1}, {"bc", 2}}));
  EXPECT_NE(exact_digest_of({{"a", 1}, {"b", 2}}), exact_digest_of({{"a", 1}, {"b", 3}}));
  EXPECT_EQ(exact_digest_of({{"a", 1}, {"b", 2}}), exact_digest_of({{"a", 1}, {"b", 2}}));
}

}  // namespace
}  // namespace crier::gateway

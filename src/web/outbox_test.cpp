#include "web/outbox.hpp"

#include <algorithm>
#include <array>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace crier::web {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

TimePoint at(int seconds) { return TimePoint(std::chrono::seconds(seconds)); }

std::string_view text(const iovec& piece) {
  return {static_cast<const char*>(piece.iov_base), piece.iov_len};
}

/// What is to be written next, piece by piece.
std::vector<std::string> offered(Outbox& outbox, std::size_t pieces_max = 8,
                                 std::size_t bytes_max = unbounded) {
  std::vector<iovec> room(pieces_max);
  std::vector<std::string> pieces;
  for (const iovec& piece : outbox.offer(room, bytes_max)) pieces.emplace_back(text(piece));
  return pieces;
}

/// Everything that is left, as a kernel would get it that takes `at_once` bytes of each offer.
std::string drained(Outbox& outbox, std::size_t at_once = unbounded) {
  std::string all;
  std::array<iovec, 4> room;
  for (auto pieces = outbox.offer(room, unbounded); !pieces.empty();
       pieces = outbox.offer(room, unbounded)) {
    std::string offer;
    for (const iovec& piece : pieces) offer += text(piece);
    offer.resize(std::min(at_once, offer.size()));
    outbox.taken(offer.size(), at(1));
    all += offer;
  }
  return all;
}

void add(Outbox& outbox, std::string piece) { (void)outbox.add(Bytes(std::move(piece))); }

void add_pong(Outbox& outbox, std::string pong) { (void)outbox.add_pong(Bytes(std::move(pong))); }

/// Three messages, an empty one and a pong among them.
Outbox with_messages() {
  Outbox outbox;
  for (const std::string piece : {"first,", "", "second,"}) add(outbox, piece);
  add_pong(outbox, "pong,");
  add(outbox, "third");
  return outbox;
}
const std::string messages = "first,second,pong,third";

TEST(Outbox, OffersPiecesInOrderAndNothingWhenAllAreTaken) {
  Outbox outbox = with_messages();
  EXPECT_EQ(outbox.bytes(), messages.size());
  EXPECT_THAT(offered(outbox), ElementsAre("first,", "", "second,", "pong,", "third"));
  outbox.taken(messages.size(), at(1));
  EXPECT_EQ(outbox.bytes(), 0U);
  EXPECT_THAT(offered(outbox), IsEmpty());
}

TEST(Outbox, OffersTheSameAgainUntilSomeIsTaken) {
  Outbox outbox = with_messages();
  const auto first = offered(outbox);
  EXPECT_EQ(offered(outbox), first);
}

TEST(Outbox, GoesOnAfterEveryTwoPartialWrites) {
  for (std::size_t first = 0; first <= messages.size(); ++first) {
    for (std::size_t second = 0; first + second <= messages.size(); ++second) {
      Outbox outbox = with_messages();
      (void)offered(outbox);
      outbox.taken(first, at(1));
      EXPECT_EQ(outbox.bytes(), messages.size() - first);
      (void)offered(outbox);
      outbox.taken(second, at(2));
      EXPECT_EQ(outbox.bytes(), messages.size() - first - second);
      EXPECT_EQ(drained(outbox), messages.substr(first + second)) << first << " and " << second;
    }
  }
}

TEST(Outbox, GoesOnWhenAWriteTakesFewBytesEachTime) {
  for (std::size_t at_once = 1; at_once <= messages.size(); ++at_once) {
    Outbox outbox = with_messages();
    EXPECT_EQ(drained(outbox, at_once), messages) << at_once << " bytes at once";
  }
}

TEST(Outbox, TakesPiecesBehindThoseThatArePartlyWritten) {
  for (std::size_t taken = 0; taken <= messages.size(); ++taken) {
    Outbox outbox = with_messages();
    (void)offered(outbox);
    outbox.taken(taken, at(1));
    add(outbox, ",fourth");
    EXPECT_EQ(outbox.bytes(), messages.size() - taken + 7);
    EXPECT_EQ(drained(outbox, 2), messages.substr(taken) + ",fourth") << taken;
  }
}

TEST(Outbox, GoesOnWithAFrameThatWasWrittenInPartPastIt) {
  const std::string frame = "frame";
  for (std::size_t sent = 0; sent < frame.size(); ++sent) {
    Outbox outbox;
    EXPECT_TRUE(outbox.add_rest(Bytes(frame), sent));
    EXPECT_FALSE(outbox.add_rest(Bytes(std::string("next")), 0));
    EXPECT_EQ(outbox.bytes(), frame.size() - sent + 4);
    EXPECT_EQ(drained(outbox, 3), frame.substr(sent) + "next") << sent;
  }
}

TEST(OutboxDeathTest, LetsNothingThatWasWrittenPastItOvertake) {
  Outbox outbox;
  add(outbox, "before");
  EXPECT_DEATH((void)outbox.add_rest(Bytes(std::string("after")), 1), "assertion failed");
}

TEST(OutboxDeathTest, DoesNotBelieveThatMoreWasTakenThanThereIs) {
  Outbox outbox;
  add(outbox, "four");
  EXPECT_DEATH(outbox.taken(5, at(1)), "assertion failed");
}

TEST(Outbox, OffersWholePiecesUpToItsBounds) {
  Outbox outbox;
  for (const std::string piece : {"aaa", "bbb", "ccc"}) add(outbox, piece);
  struct Case {
    std::size_t pieces_max;
    std::size_t bytes_max;
    std::vector<std::string> offered;
  };
  const Case cases[] = {{1, unbounded, {"aaa"}},
                        {2, unbounded, {"aaa", "bbb"}},
                        {3, 2, {"aaa"}},
                        {3, 3, {"aaa"}},
                        {3, 4, {"aaa", "bbb"}},
                        {3, 6, {"aaa", "bbb"}},
                        {3, 7, {"aaa", "bbb", "ccc"}}};
  for (const Case& c : cases) {
    EXPECT_EQ(offered(outbox, c.pieces_max, c.bytes_max), c.offered)
        << c.pieces_max << " pieces, " << c.bytes_max << " bytes";
  }
  outbox.taken(1, at(1));
  EXPECT_THAT(offered(outbox, 3, 2), ElementsAre("aa")) << "sent bytes do not count";
  EXPECT_THAT(offered(outbox, 3, 3), ElementsAre("aa", "bbb"));
}

TEST(Outbox, CopiesNoPieceThatSeveralShare) {
  const Bytes frame(std::string("a frame for everybody"));
  Outbox one;
  Outbox other;
  for (Outbox* outbox : {&one, &other}) {
    add(*outbox, "own,");
    (void)outbox->add(frame);
  }
  std::array<iovec, 2> room;
  (void)one.offer(room, unbounded);
  one.taken(4 + 8, at(1));
  for (Outbox* outbox : {&one, &other}) {
    const iovec last = outbox->offer(room, unbounded).back();
    EXPECT_EQ(text(last).data() + text(last).size(), frame.view().data() + frame.size());
  }
  EXPECT_EQ(drained(one), "for everybody");
  EXPECT_EQ(drained(other), "own,a frame for everybody");
}

/// An outbox with so many unsent pieces of one byte behind one that is partly sent.
Outbox with_unsent(std::size_t pieces) {
  Outbox outbox;
  add(outbox, "sent");
  for (std::size_t i = 1; i < pieces; ++i) add(outbox, ".");
  (void)offered(outbox);
  outbox.taken(1, at(1));
  return outbox;
}

TEST(Outbox, KeepsEveryPongWhileFewPiecesAreUnsent) {
  Outbox outbox = with_unsent(Outbox::pieces_before_pongs_merge - 1);
  const std::size_t bytes = outbox.bytes();
  add_pong(outbox, "[1]");
  EXPECT_EQ(outbox.bytes(), bytes + 3);
  add(outbox, "[event]");
  EXPECT_THAT(drained(outbox), testing::EndsWith(".[1][event]"));
}

TEST(Outbox, KeepsTheLastPongAndSendsItLastWhileManyPiecesAreUnsent) {
  Outbox outbox = with_unsent(Outbox::pieces_before_pongs_merge);
  const std::size_t bytes = outbox.bytes();
  add_pong(outbox, "[1]");
  add_pong(outbox, "[2]");
  add(outbox, "[event]");
  EXPECT_EQ(outbox.bytes(), bytes + 7);
  EXPECT_THAT(drained(outbox), testing::EndsWith(".[event][2]"));
}

TEST(Outbox, KeepsEveryPongAgainWhenPiecesHaveBeenSent) {
  Outbox outbox = with_unsent(Outbox::pieces_before_pongs_merge);
  (void)offered(outbox);
  outbox.taken(3, at(1));
  add_pong(outbox, "[1]");
  add(outbox, "[event]");
  EXPECT_THAT(drained(outbox), testing::EndsWith(".[1][event]"));
}

TEST(Outbox, GoesOnWithAPongThatStoodAsideAndWasPartlyWritten) {
  Outbox outbox = with_unsent(Outbox::pieces_before_pongs_merge);
  add_pong(outbox, "[pong]");
  (void)offered(outbox, 100);
  outbox.taken(outbox.bytes(), at(1));
  EXPECT_EQ(outbox.bytes(), 0U) << "a pong that stands aside does not count";
  EXPECT_THAT(offered(outbox), ElementsAre("[pong]"));
  outbox.taken(2, at(1));
  EXPECT_EQ(outbox.bytes(), 4U);
  add(outbox, "[event]");
  EXPECT_EQ(drained(outbox), "ong][event]");
}

TEST(Outbox, SendsACloseFrameLast) {
  for (const std::size_t pieces :
       {Outbox::pieces_before_pongs_merge - 2, Outbox::pieces_before_pongs_merge}) {
    Outbox outbox = with_unsent(pieces);
    add_pong(outbox, "[pong]");
    add(outbox, "[close]");
    outbox.end();
    const std::string all = drained(outbox);
    EXPECT_THAT(all, testing::EndsWith("[close]"));
    EXPECT_EQ(all.find("[pong]") == std::string::npos, pieces == Outbox::pieces_before_pongs_merge);
  }
}

TEST(Outbox, IsDueAtTheEndOfTheTurnOnceAndNotWhileTheKernelHasNoRoom) {
  Outbox outbox;
  EXPECT_EQ(outbox.due(), Outbox::Due::unknown);
  EXPECT_TRUE(outbox.add(Bytes(std::string("a"))));
  EXPECT_EQ(outbox.due(), Outbox::Due::turn_end);
  EXPECT_FALSE(outbox.add(Bytes(std::string("b"))));
  EXPECT_FALSE(outbox.add_pong(Bytes(std::string("c"))));
  outbox.wait_writable();
  EXPECT_EQ(outbox.due(), Outbox::Due::writable);
  EXPECT_FALSE(outbox.add(Bytes(std::string("d"))));
  EXPECT_EQ(outbox.due(), Outbox::Due::writable);
  outbox.became_writable();
  EXPECT_TRUE(outbox.add_pong(Bytes(std::string("e"))));
}

TEST(Outbox, SaysWhenThePeerTookSomeAndAsksForADeadlineOnce) {
  Outbox outbox;
  outbox.begin(at(10));
  add(outbox, "ab");
  EXPECT_EQ(outbox.taken_at(), at(10));
  EXPECT_TRUE(outbox.watch());
  EXPECT_FALSE(outbox.watch());
  (void)offered(outbox);
  outbox.taken(1, at(20));
  EXPECT_EQ(outbox.taken_at(), at(20));
}

TEST(Outbox, IsAsNewWhenItIsCleared) {
  for (const std::size_t pieces : {std::size_t{2}, Outbox::pieces_before_pongs_merge}) {
    Outbox outbox = with_unsent(pieces);
    add_pong(outbox, "[pong]");
    outbox.wait_writable();
    (void)outbox.watch();
    outbox.clear();
    EXPECT_EQ(outbox.bytes(), 0U);
    EXPECT_THAT(offered(outbox), IsEmpty());
    outbox.begin(at(30));
    EXPECT_EQ(outbox.taken_at(), at(30));
    EXPECT_TRUE(outbox.watch());
    EXPECT_TRUE(outbox.add_rest(Bytes(std::string("new")), 1));
    EXPECT_EQ(drained(outbox), "ew");
  }
}

}  // namespace
}  // namespace crier::web

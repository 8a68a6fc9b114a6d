#include "net/watches.hpp"

#include "net/backend.hpp"

#include <array>
#include <functional>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace crier::net {
namespace {

struct End final : Watch {
  explicit End(int descriptor) : Watch(descriptor) {}
  [[nodiscard]] std::uint32_t awaited() const override { return wanted; }
  void ready(std::uint32_t events) override {
    ++calls;
    came = events;
    if (when_ready) when_ready();
  }

  std::uint32_t wanted = Watch::readable;
  int calls = 0;
  std::uint32_t came = 0;
  std::function<void()> when_ready;
};

class WatchesTest : public testing::Test {
 protected:
  WatchesTest() {
    for (auto& end : ends) {
      std::array<int, 2> pair{};
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()), 0);
      end = std::make_shared<End>(pair[0]);
      peers.at(static_cast<std::size_t>(&end - ends.data())) = pair[1];
      EXPECT_TRUE(watches.add(*end));
    }
  }
  ~WatchesTest() override {
    for (const auto& end : ends) ::close(end->descriptor());
    for (const int peer : peers) ::close(peer);
    ::close(watches.descriptor());
  }
  void write(std::size_t peer) { EXPECT_EQ(::send(peers.at(peer), "x", 1, 0), 1); }
  std::size_t dispatch(std::size_t max = 256) { return watches.dispatch(max, stop, handler_time); }

  Watches watches;
  std::array<std::shared_ptr<End>, 3> ends;
  std::array<int, 3> peers{};
  std::atomic<bool> stop = false;
  TimePoint handler_time{};
};

TEST_F(WatchesTest, ReadsTheClockBeforeEachCall) {
  EXPECT_EQ(dispatch(), 0U);
  EXPECT_EQ(handler_time, TimePoint{}) << "nobody was called";
  write(1);
  const TimePoint before = read_clock();
  EXPECT_EQ(dispatch(), 1U);
  EXPECT_GE(handler_time, before);
}

TEST_F(WatchesTest, CallsWhoeverAwaitsWhatCame) {
  EXPECT_EQ(dispatch(), 0U);
  write(1);
  EXPECT_EQ(dispatch(), 1U);
  EXPECT_EQ(ends[1]->calls, 1);
  EXPECT_EQ(ends[1]->came, Watch::readable);
  EXPECT_EQ(ends[0]->calls + ends[2]->calls, 0);
  EXPECT_EQ(dispatch(), 1U) << "as long as it waits and there is something";
}

TEST_F(WatchesTest, SaysNothingOfWhatIsNotAwaitedAnyMore) {
  ends[0]->wanted = 0;
  write(0);
  EXPECT_EQ(dispatch(), 0U);
  ends[0]->wanted = Watch::readable | Watch::writable;
  watches.await(*ends[0]);
  EXPECT_EQ(dispatch(), 1U);
  EXPECT_EQ(ends[0]->came, Watch::readable | Watch::writable);
}

TEST_F(WatchesTest, LeavesWhatIsBeyondTheBoundOrAfterAStopForTheNextCall) {
  for (std::size_t i = 0; i < ends.size(); ++i) write(i);
  for (const auto& end : ends) {
    end->when_ready = [this, &end = *end] {
      end.wanted = 0;
      stop = true;
    };
  }
  EXPECT_EQ(dispatch(2), 1U);
  stop = false;
  EXPECT_EQ(dispatch(), 1U);
  stop = false;
  EXPECT_EQ(dispatch(), 1U);
  EXPECT_EQ(ends[0]->calls + ends[1]->calls + ends[2]->calls, 3);
}

TEST_F(WatchesTest, DoesNotCallWhatAnotherOneTookAway) {
  for (std::size_t i = 0; i < 2; ++i) write(i);
  const auto take = [this](std::size_t other) { watches.forget(ends.at(other)); };
  ends[0]->when_ready = [&] { take(1); };
  ends[1]->when_ready = [&] { take(0); };
  EXPECT_EQ(dispatch(), 1U);
  EXPECT_EQ(ends[0]->calls + ends[1]->calls, 1);
}

TEST_F(WatchesTest, HearsNoMoreOfADescriptorThatAForkedProcessStillHas) {
  const int there = ::dup(ends[0]->descriptor());
  watches.forget(ends[0]);
  ::close(ends[0]->descriptor());
  write(0);
  pollfd ready{watches.descriptor(), POLLIN, 0};
  EXPECT_EQ(::poll(&ready, 1, 0), 0);
  ::close(there);
}

TEST_F(WatchesTest, TellsOfTheEndWhateverIsAwaited) {
  ends[0]->wanted = Watch::writable;
  watches.await(*ends[0]);
  while (::send(ends[0]->descriptor(), "x", 1, MSG_DONTWAIT) == 1) {
  }
  EXPECT_EQ(dispatch(), 0U) << "no room";
  ::close(peers[0]);
  peers[0] = ::dup(peers[1]);
  EXPECT_EQ(dispatch(), 1U);
  EXPECT_EQ(ends[0]->came, Watch::writable);
}

}  // namespace
}  // namespace crier::net

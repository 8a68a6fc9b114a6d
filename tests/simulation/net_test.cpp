// The second implementation of net/ keeps what the headers say.

#include "net/listener.hpp"
#include "network.hpp"
#include "world.hpp"

#include <array>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

namespace crier::simulation {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

class NetTest : public testing::Test {
 protected:
  void run(Duration time = std::chrono::seconds(1)) { world.run_until(world.now() + time); }

  World world{1};
  net::Loop loop;
};

TEST_F(NetTest, RunsTasksInTheOrderPostedAndThenEndsTheTurn) {
  std::vector<int> order;
  loop.on_turn_end([&] { order.push_back(0); });
  loop.post([&] {
    order.push_back(1);
    loop.post([&] { order.push_back(3); });
  });
  loop.post([&] { order.push_back(2); });
  run();
  EXPECT_THAT(order, ElementsAre(1, 2, 0, 3, 0));
}

TEST_F(NetTest, DestroysTasksThatNeverRan) {
  auto held = std::make_shared<int>(1);
  {
    net::Loop gone;
    gone.post([held] { FAIL(); });
  }
  run();
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(NetTest, CallsATimerOnceAtTheLatestTimeThatItWasArmedFor) {
  std::vector<std::int64_t> times;
  net::Timer timer(loop, [&] { times.push_back(world.milliseconds()); });
  timer.arm(world.now() + milliseconds(10));
  timer.arm(world.now() + milliseconds(50));
  run();
  EXPECT_THAT(times, ElementsAre(testing::AllOf(testing::Ge(50), testing::Lt(60))));
  timer.arm(world.now() + milliseconds(10));
  timer.cancel();
  run();
  EXPECT_EQ(times.size(), 1U);
}

TEST_F(NetTest, LetsATimerDestroyItselfWhenItIsCalled) {
  std::optional<net::Timer> timer;
  timer.emplace(loop, [&] { timer.reset(); });
  timer->arm(world.now() + milliseconds(1));
  run();
  EXPECT_FALSE(timer.has_value());
}

TEST_F(NetTest, FreezesAHost) {
  world.current_host().frozen_until = world.now() + milliseconds(500);
  std::int64_t ran = 0;
  loop.post([&] { ran = world.milliseconds(); });
  run();
  EXPECT_GE(ran, 500);
}

/// A server's stream and the other end of its wire.
class WireTest : public NetTest, public net::StreamUser, public EndUser {
 protected:
  void SetUp() override {
    auto opened = net::Listener::open(loop, {"127.0.0.1", 0}, [this](net::Stream accepted) {
      stream.emplace(std::move(accepted));
      stream->set_user(*this);
      stream->wait_readable();
    });
    listener = std::move(opened).value();
    world.network().connect(listener->port(), milliseconds(100),
                            [this](std::shared_ptr<Wire> connected) { wire = connected; });
    run();
    ASSERT_TRUE(wire);
    ASSERT_TRUE(stream);
    wire->set_user(0, this);
  }

  void on_readable() override {
    std::array<char, 64> buffer;
    for (;;) {
      const auto result = stream->read(buffer);
      if (result.status == net::IoStatus::would_block) break;
      if (result.status != net::IoStatus::done) {
        ended = result.status;
        return;
      }
      server_got.append(buffer.data(), result.bytes);
    }
    stream->wait_readable();
  }
  void on_writable() override { ++writable; }
  void end_readable() override {}
  void end_writable() override {}

  std::string client_got() {
    std::string got;
    std::array<char, 4096> buffer;
    for (auto result = wire->read(0, buffer); result.status == net::IoStatus::done;
         result = wire->read(0, buffer)) {
      got.append(buffer.data(), result.bytes);
    }
    return got;
  }

  std::unique_ptr<net::Listener> listener;
  std::optional<net::Stream> stream;
  std::shared_ptr<Wire> wire;
  std::string server_got;
  std::optional<net::IoStatus> ended;
  int writable = 0;
};

TEST_F(WireTest, CarriesBytesBothWays) {
  wire->write(0, "hello");
  stream->write(std::string_view("world"));
  EXPECT_FALSE(stream->all_acknowledged());
  run();
  EXPECT_EQ(server_got, "hello");
  EXPECT_EQ(client_got(), "world");
  EXPECT_TRUE(stream->all_acknowledged());
}

TEST_F(WireTest, SendsToItsDescriptorDirectly) {
  EXPECT_EQ(net::send_now(stream->descriptor(), "frame").bytes, 5U);
  run();
  EXPECT_EQ(client_got(), "frame");
  const int descriptor = stream->descriptor();
  stream.reset();
  EXPECT_EQ(net::send_now(descriptor, "frame").status, net::IoStatus::failed);
}

TEST_F(WireTest, TakesNoMoreThanFitsUntilThePeerReads) {
  const std::string much(1'000'000, 'x');
  const auto first = stream->write(std::string_view(much));
  EXPECT_LT(first.bytes, much.size());
  EXPECT_EQ(stream->write(std::string_view("y")).status, net::IoStatus::would_block);
  stream->wait_writable();
  run();
  EXPECT_EQ(writable, 0);
  EXPECT_EQ(client_got().size(), first.bytes);
  run();
  EXPECT_EQ(writable, 1);
}

TEST_F(WireTest, CutsAtTheByteThatWasSaid) {
  wire->cut_after(1, 3, Cut::reset);
  wire->write(0, "hello");
  run();
  EXPECT_EQ(server_got, "hel");
  EXPECT_EQ(ended, net::IoStatus::failed);
}

TEST_F(WireTest, EndsAfterWhatIsUnderWay) {
  wire->write(0, "hello");
  wire->close(0, false);
  run();
  EXPECT_EQ(server_got, "hello");
  EXPECT_EQ(ended, net::IoStatus::closed);
}

TEST_F(WireTest, TellsNobodyOfASilentCut) {
  wire->cut(Cut::silent);
  wire->write(0, "hello");
  run(std::chrono::hours(1));
  EXPECT_EQ(server_got, "");
  EXPECT_FALSE(ended.has_value());
}

TEST_F(WireTest, GoesOnOnAnotherLoop) {
  wire->write(0, "before ");
  auto detached = std::make_shared<net::Detached>(std::move(*stream).detach());
  stream.reset();
  run();
  EXPECT_EQ(server_got, "");
  net::Loop other;
  other.post([&] {
    stream = net::attach(other, std::move(*detached));
    stream->set_user(*this);
    stream->wait_readable();
  });
  wire->write(0, "after");
  run();
  EXPECT_EQ(server_got, "before after");
  stream->write(std::string_view("back"));
  run();
  EXPECT_EQ(client_got(), "back");
}

TEST_F(WireTest, EndsWhenItIsDroppedBetweenTwoLoops) {
  {
    const auto dropped = std::move(*stream).detach();
  }
  std::array<char, 1> byte;
  run();
  EXPECT_EQ(wire->read(0, byte).status, net::IoStatus::closed);
}

TEST_F(NetTest, SharesAPortAmongListeners) {
  std::vector<net::Stream> accepted[2];
  std::vector<std::unique_ptr<net::Listener>> listeners;
  const auto listen = [&](std::size_t which, std::uint16_t port, net::Sharing sharing) {
    auto opened = net::Listener::open(loop, {"127.0.0.1", port, sharing}, [&, which](auto stream) {
      accepted[which].push_back(std::move(stream));
    });
    listeners.push_back(std::move(opened).value());
    return listeners.back()->port();
  };
  const std::uint16_t port = listen(0, 0, net::Sharing::first);
  EXPECT_EQ(listen(1, port, net::Sharing::joining), port);
  const auto connect = [&](int count) {
    for (int i = 0; i < count; ++i) {
      world.network().connect(port, milliseconds(100), [](const auto& wire) { EXPECT_TRUE(wire); });
    }
    run();
  };
  connect(50);
  EXPECT_EQ(accepted[0].size() + accepted[1].size(), 50U);
  EXPECT_GT(accepted[0].size(), 5U);
  EXPECT_GT(accepted[1].size(), 5U);
  listeners.erase(listeners.begin());
  const std::size_t before = accepted[1].size();
  connect(5);
  EXPECT_EQ(accepted[1].size(), before + 5);
}

TEST_F(WireTest, GivesADescriptorToTheNextWhenItIsFree) {
  const int descriptor = stream->descriptor();
  stream.reset();
  world.network().connect(listener->port(), milliseconds(100), [](std::shared_ptr<Wire>) {});
  run();
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->descriptor(), descriptor);
}

}  // namespace
}  // namespace crier::simulation

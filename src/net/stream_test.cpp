#include "net/stream.hpp"

#include "net/loopback.hpp"

#include <array>
#include <fcntl.h>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <numeric>
#include <sys/socket.h>
#include <thread>
#include <vector>

namespace crier::net {
namespace {

class StreamTest : public testing::Test {
 protected:
  void SetUp() override {
    Ends ends = connect(loop);
    ASSERT_TRUE(ends.accepted && ends.connected);
    near = std::move(ends.accepted);
    far = std::move(ends.connected);
    near->set_user(near_user);
    far->set_user(far_user);
  }

  bool wait_readable(Stream& stream, Recorder& user) {
    stream.wait_readable();
    const int before = user.readable;
    return run_until(loop, [&] { return user.readable > before; });
  }

  IoResult read(Stream& stream) { return stream.read(buffer); }
  [[nodiscard]] std::string_view text(std::size_t size) const { return {buffer.data(), size}; }

  Loop loop;
  Recorder near_user;
  Recorder far_user;
  std::optional<Stream> near;
  std::optional<Stream> far;
  std::array<char, 65536> buffer{};
};

TEST_F(StreamTest, MovesBytesBothWays) {
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(far->write("hello").bytes, 5U);
    ASSERT_TRUE(wait_readable(*near, near_user));
    IoResult result = read(*near);
    EXPECT_EQ(result.status, IoStatus::done);
    EXPECT_EQ(text(result.bytes), "hello");
    EXPECT_EQ(near->write("back").status, IoStatus::done);
    ASSERT_TRUE(wait_readable(*far, far_user));
    result = read(*far);
    EXPECT_EQ(text(result.bytes), "back");
  }
}

TEST_F(StreamTest, WouldBlockWhenThereIsNothingToRead) {
  EXPECT_EQ(read(*near).status, IoStatus::would_block);
}

TEST_F(StreamTest, TellsOnceForOneRequest) {
  near->wait_readable();
  near->wait_readable();
  far->write("a");
  ASSERT_TRUE(run_until(loop, [&] { return near_user.readable > 0; }));
  far->write("b");
  run_ready(loop);
  EXPECT_EQ(near_user.readable, 1);
}

TEST_F(StreamTest, TellsNothingWithoutARequest) {
  far->write("a");
  run_ready(loop);
  EXPECT_EQ(near_user.readable, 0);
  EXPECT_EQ(near_user.writable, 0);
}

TEST_F(StreamTest, LetsTheLoopRestWhileNobodyWaits) {
  near->wait_readable();
  far->write("a");
  ASSERT_TRUE(run_until(loop, [&] { return near_user.readable > 0; }));
  far->reset_on_close();
  far.reset();
  int turns = 0;
  Timer stop(loop, [&] { loop.stop(); });
  stop.arm(loop.now() + std::chrono::milliseconds(20));
  loop.on_turn_end([&] { ++turns; });
  loop.run();
  loop.on_turn_end({});
  EXPECT_LT(turns, 10);
  EXPECT_TRUE(wait_readable(*near, near_user));
}

TEST_F(StreamTest, RunsWhatItsUserPostsInTheSameTurn) {
  bool ran = false;
  near_user.when_readable = [&] { loop.post([&] { ran = true; }); };
  far->write("x");
  near->wait_readable();
  EXPECT_TRUE(run_until(loop, [&] { return near_user.readable > 0; })) << "asked as a turn ends";
  EXPECT_TRUE(ran);
}

TEST_F(StreamTest, TellsOfBytesThatCameBeforeTheRequest) {
  far->write("ab");
  ASSERT_TRUE(wait_readable(*near, near_user));
  EXPECT_EQ(near->read(std::span(buffer).first(1)).bytes, 1U);
  ASSERT_TRUE(wait_readable(*near, near_user));
  EXPECT_EQ(read(*near).bytes, 1U);
  EXPECT_EQ(read(*near).status, IoStatus::would_block);
}

TEST_F(StreamTest, ReadsTheEndAfterThePeersLastByte) {
  far->write("last");
  far.reset();
  ASSERT_TRUE(wait_readable(*near, near_user));
  EXPECT_EQ(read(*near).bytes, 4U);
  ASSERT_TRUE(wait_readable(*near, near_user));
  EXPECT_EQ(read(*near).status, IoStatus::closed);
}

TEST_F(StreamTest, GoesOnReadingAfterItShutDownItsWriting) {
  near->shut_down_write();
  ASSERT_TRUE(wait_readable(*far, far_user));
  EXPECT_EQ(read(*far).status, IoStatus::closed);
  EXPECT_EQ(far->write("still").status, IoStatus::done);
  ASSERT_TRUE(wait_readable(*near, near_user));
  EXPECT_EQ(read(*near).bytes, 5U);
  EXPECT_EQ(near->write("x").status, IoStatus::failed);
}

TEST_F(StreamTest, FailsAfterAReset) {
  far->reset_on_close();
  far.reset();
  ASSERT_TRUE(wait_readable(*near, near_user));
  EXPECT_EQ(read(*near).status, IoStatus::failed);
  EXPECT_EQ(near->write("x").status, IoStatus::failed);  // and no SIGPIPE
  const iovec piece{buffer.data(), 1};
  EXPECT_EQ(near->write(std::span(&piece, 1)).status, IoStatus::failed);
  const std::array<iovec, 2> pieces{piece, piece};
  EXPECT_EQ(near->write(pieces).status, IoStatus::failed);
  EXPECT_EQ(send_now(near->descriptor(), "x").status, IoStatus::failed);
}

TEST_F(StreamTest, WaitsForRoomWhenThePeerReadsSlowly) {
  std::vector<char> sent(8 << 20U);
  std::iota(sent.begin(), sent.end(), 0);
  std::vector<char> received;
  std::string_view rest(sent.data(), sent.size());
  int blocked = 0;
  near_user.when_writable = [&] {
    while (!rest.empty()) {
      const IoResult result = near->write(rest);
      if (result.status == IoStatus::would_block) {
        ++blocked;
        return near->wait_writable();
      }
      ASSERT_EQ(result.status, IoStatus::done);
      rest.remove_prefix(result.bytes);
    }
  };
  far_user.when_readable = [&] {
    const IoResult result = read(*far);
    ASSERT_EQ(result.status, IoStatus::done);
    received.insert(received.end(), buffer.data(), buffer.data() + result.bytes);
    far->wait_readable();
  };
  far->wait_readable();
  near->wait_writable();
  ASSERT_TRUE(run_until(loop, [&] { return received.size() == sent.size(); }));
  EXPECT_GT(blocked, 0);
  EXPECT_EQ(received, sent);
}

TEST_F(StreamTest, GathersUpTo1024Pieces) {
  constexpr std::size_t most = Stream::pieces_max;
  std::array<char, most + 6> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>('A' + i % 26);
  std::vector<iovec> pieces;
  for (char& byte : bytes) pieces.push_back({&byte, 1});
  EXPECT_EQ(near->write(std::span(pieces).first(3)).bytes, 3U);
  EXPECT_EQ(near->write(pieces).bytes, most);
  ASSERT_TRUE(wait_readable(*far, far_user));
  const IoResult result = read(*far);
  EXPECT_EQ(text(result.bytes), "ABC" + std::string(bytes.data(), most));
}

TEST_F(StreamTest, WritesNothingAtOnce) {
  EXPECT_EQ(near->write("").status, IoStatus::done);
  EXPECT_EQ(near->write(std::span<const iovec>()).status, IoStatus::done);
}

TEST_F(StreamTest, MayBeDestroyedWhenItTellsOfBytes) {
  near_user.when_readable = [&] { near.reset(); };
  far->write("x");
  near->wait_readable();
  near->wait_writable();
  ASSERT_TRUE(run_until(loop, [&] { return !near; }));
  run_ready(loop);
  EXPECT_LE(near_user.writable, 1);
  EXPECT_EQ(near_user.readable, 1);
}

TEST_F(StreamTest, MayBeDestroyedWhenItTellsOfRoom) {
  near_user.when_writable = [&] { near.reset(); };
  near->wait_readable();
  near->wait_writable();
  ASSERT_TRUE(run_until(loop, [&] { return !near; }));
  far->write("x");
  run_ready(loop);
  EXPECT_EQ(near_user.writable, 1);
  EXPECT_EQ(near_user.readable, 0);
}

TEST_F(StreamTest, TellsNobodyOnceDestroyedThoughItWasReady) {
  // Both ends are ready in one turn; whichever is told first destroys both.
  const auto destroy_both = [&] {
    near.reset();
    far.reset();
  };
  near_user.when_writable = far_user.when_writable = destroy_both;
  near_user.when_readable = far_user.when_readable = destroy_both;
  near->write("x");
  far->write("x");
  near->wait_readable();
  near->wait_writable();
  far->wait_readable();
  far->wait_writable();
  ASSERT_TRUE(run_until(loop, [&] { return !near; }));
  run_ready(loop);
  EXPECT_EQ(near_user.readable + near_user.writable + far_user.readable + far_user.writable, 1);
}

TEST_F(StreamTest, TellsTheUserThatItHasWhenItHappens) {
  Recorder other;
  near->wait_readable();
  near->set_user(other);
  far->write("x");
  ASSERT_TRUE(run_until(loop, [&] { return other.readable == 1; }));
  EXPECT_EQ(near_user.readable, 0);
}

TEST_F(StreamTest, KeepsItsWaitsWhenMoved) {
  near->wait_readable();
  Stream moved(std::move(*near));
  near.reset();
  far->write("x");
  ASSERT_TRUE(run_until(loop, [&] { return near_user.readable == 1; }));
  EXPECT_EQ(read(moved).bytes, 1U);
}

TEST_F(StreamTest, ClosesWhatItHeldWhenAssigned) {
  Ends other = connect(loop);
  ASSERT_TRUE(other.accepted && other.connected);
  *near = std::move(*other.accepted);
  ASSERT_TRUE(wait_readable(*far, far_user));
  EXPECT_EQ(read(*far).status, IoStatus::closed);
  EXPECT_EQ(other.connected->write("x").status, IoStatus::done);
  near->set_user(near_user);
  ASSERT_TRUE(wait_readable(*near, near_user));
  EXPECT_EQ(read(*near).bytes, 1U);
}

TEST_F(StreamTest, HasADescriptorForDirectSends) {
  EXPECT_EQ(send_now(near->descriptor(), "direct").bytes, 6U);
  ASSERT_TRUE(wait_readable(*far, far_user));
  EXPECT_EQ(text(read(*far).bytes), "direct");
  EXPECT_EQ(send_now(-1, "x").status, IoStatus::failed);
}

TEST_F(StreamTest, BlocksDirectSendsWhenThereIsNoRoom) {
  const std::string large(1 << 20U, 'x');
  IoResult result{IoStatus::done};
  for (int i = 0; i < 100 && result.status == IoStatus::done; ++i) {
    result = send_now(near->descriptor(), large);
  }
  EXPECT_EQ(result.status, IoStatus::would_block);
}

int flag(const Stream& stream, int level, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(stream.descriptor(), level, option, &value, &size), 0);
  return value;
}

TEST_F(StreamTest, DoesNotDelayNorBlockNorLeakIntoOtherPrograms) {
  for (const Stream* stream : {&*near, &*far}) {
    EXPECT_EQ(flag(*stream, IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_TRUE(::fcntl(stream->descriptor(), F_GETFL) & O_NONBLOCK);
    EXPECT_TRUE(::fcntl(stream->descriptor(), F_GETFD) & FD_CLOEXEC);
  }
}

TEST_F(StreamTest, IsClosedWhenDestroyed) {
  const int descriptor = near->descriptor();
  near->wait_readable();
  near.reset();
  EXPECT_EQ(::fcntl(descriptor, F_GETFD), -1);
}

/// Another loop, on a thread of its own.
class OtherLoop {
 public:
  ~OtherLoop() {
    loop.stop();
    thread.join();
  }
  /// Waits until `task` has run there.
  void run(const std::function<void()>& task) {
    std::promise<void> ran;
    loop.post([&] {
      task();
      ran.set_value();
    });
    ran.get_future().get();
  }

  Loop loop;
  std::thread thread{[this] { loop.run(); }};
};

TEST_F(StreamTest, GoesOnOnAnotherLoopWhereItWas) {
  far->write("before ");
  near->wait_readable();
  near->wait_writable();
  Detached detached = std::move(*near).detach();
  near.reset();
  run_ready(loop);
  EXPECT_EQ(near_user.readable + near_user.writable, 0);
  far->write("after");
  OtherLoop other;
  std::optional<Stream> moved;
  std::promise<std::string> told;
  Recorder user;
  user.when_readable = [&] { told.set_value(std::string(text(read(*moved).bytes))); };
  other.run([&] {
    moved = attach(other.loop, std::move(detached));
    moved->set_user(user);
    EXPECT_EQ(moved->peer_address(), "127.0.0.1");
    moved->wait_readable();
  });
  EXPECT_EQ(told.get_future().get(), "before after");
  other.run([&] {
    EXPECT_EQ(moved->write("back").status, IoStatus::done);
    moved.reset();
  });
  ASSERT_TRUE(wait_readable(*far, far_user));
  EXPECT_EQ(text(read(*far).bytes), "back");
}

TEST_F(StreamTest, IsTakenFromItsLoopByTheHandlerThatIsTold) {
  std::optional<Detached> detached;
  near_user.when_readable = [&] {
    near->wait_readable();
    detached = std::move(*near).detach();
    near.reset();
  };
  near->wait_readable();
  far->write("x");
  ASSERT_TRUE(run_until(loop, [&] { return detached.has_value(); }));
  run_ready(loop);
  EXPECT_EQ(near_user.readable, 1);
  near = attach(loop, std::move(*detached));
  near->set_user(near_user);
  EXPECT_EQ(read(*near).bytes, 1U);
}

TEST_F(StreamTest, EndsWhenItIsDroppedBetweenTwoLoops) {
  {
    const Detached dropped = std::move(*near).detach();
  }
  ASSERT_TRUE(wait_readable(*far, far_user));
  EXPECT_EQ(read(*far).status, IoStatus::closed);
}

TEST(StreamAddress, IsWrittenAsALiteral) {
  Loop loop;
  const Ends four = connect(loop);
  ASSERT_TRUE(four.accepted && four.connected);
  EXPECT_EQ(four.accepted->peer_address(), "127.0.0.1");
  EXPECT_EQ(four.connected->peer_address(), "127.0.0.1");
  if (!machine_has_ipv6()) GTEST_SKIP() << "no IPv6 here";
  const Ends six = connect(loop, "::1");
  ASSERT_TRUE(six.accepted && six.connected);
  EXPECT_EQ(six.accepted->peer_address(), "::1");
  EXPECT_EQ(six.connected->peer_address(), "::1");
}

TEST(StreamAddress, OutlivesTheConnection) {
  Loop loop;
  Ends ends = connect(loop);
  ASSERT_TRUE(ends.accepted && ends.connected);
  ends.connected->reset_on_close();
  ends.connected.reset();
  EXPECT_EQ(ends.accepted->peer_address(), "127.0.0.1");
}

TEST(StreamEnd, LeavesNothingBehindWhenTheLoopIsNotRunAgain) {
  Recorder user;
  Loop loop;
  Ends ends = connect(loop);
  ASSERT_TRUE(ends.accepted && ends.connected);
  ends.accepted->set_user(user);
  ends.accepted->wait_readable();
  ends.accepted->wait_writable();
}

}  // namespace
}  // namespace crier::net

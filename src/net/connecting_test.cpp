#include "net/loopback.hpp"
#include "net/stream.hpp"

#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace crier::net {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

/// Collects the one outcome of a Connecting.
struct Outcome {
  Connecting::Done done() {
    return [this](Result<Stream, std::string> result) {
      ++calls;
      if (result) {
        stream.emplace(std::move(result).value());
      } else {
        error = result.error();
      }
    };
  }

  int calls = 0;
  std::optional<Stream> stream;
  std::string error;
};

class ConnectingTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = Listener::open(loop, {"127.0.0.1", 0},
                                 [this](Stream stream) { accepted.push_back(std::move(stream)); });
    ASSERT_TRUE(opened);
    listener = std::move(opened).value();
  }

  Loop loop;
  std::vector<Stream> accepted;
  std::unique_ptr<Listener> listener;
  Outcome outcome;
};

TEST_F(ConnectingTest, ConnectsToAnAddressAndNeverTellsBeforeTheLoopRuns) {
  const Connecting connecting(loop, "127.0.0.1", listener->port(), 10s, outcome.done());
  EXPECT_EQ(outcome.calls, 0);
  ASSERT_TRUE(run_until(loop, [&] { return outcome.stream && !accepted.empty(); }));
  EXPECT_EQ(outcome.stream->write("hi").status, IoStatus::done);
  run_ready(loop);
  EXPECT_EQ(outcome.calls, 1);
}

TEST_F(ConnectingTest, ConnectsToANameThroughWhicheverOfItsAddressesAnswers) {
  const Connecting connecting(loop, "localhost", listener->port(), 10s, outcome.done());
  ASSERT_TRUE(run_until(loop, [&] { return outcome.calls > 0; }));
  EXPECT_TRUE(outcome.stream) << outcome.error;
}

TEST_F(ConnectingTest, SaysThatTheConnectionWasRefused) {
  const std::uint16_t port = listener->port();
  listener.reset();
  const Connecting connecting(loop, "127.0.0.1", port, 10s, outcome.done());
  EXPECT_EQ(outcome.calls, 0);
  ASSERT_TRUE(run_until(loop, [&] { return outcome.calls > 0; }));
  EXPECT_EQ(outcome.error,
            "cannot connect to 127.0.0.1 port " + std::to_string(port) + ": connection refused");
}

TEST_F(ConnectingTest, SaysThatANameIsNotKnown) {
  const std::string name(300, 'x');  // too long for any name: refused without asking a server
  const Connecting connecting(loop, name, 6379, 10s, outcome.done());
  ASSERT_TRUE(run_until(loop, [&] { return outcome.calls > 0; }));
  EXPECT_EQ(outcome.error, "cannot connect to " + name + " port 6379: the name is not known");
}

/// A port that answers no more: its queue of connections is full.
class SilentPort {
 public:
  SilentPort() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    EXPECT_EQ(::bind(listener_, address(), size), 0);
    EXPECT_EQ(::listen(listener_, 0), 0);
    EXPECT_EQ(::getsockname(listener_, address(), &size), 0);
    for (int i = 0; i < 4; ++i) {
      clients_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
      EXPECT_TRUE(::connect(clients_.back(), address(), size) == 0 || errno == EINPROGRESS);
    }
  }
  ~SilentPort() {
    for (const int client : clients_) ::close(client);
    ::close(listener_);
  }
  SilentPort(const SilentPort&) = delete;
  SilentPort& operator=(const SilentPort&) = delete;

  [[nodiscard]] std::uint16_t port() const { return ntohs(address_.sin_port); }

 private:
  sockaddr* address() { return reinterpret_cast<sockaddr*>(&address_); }

  int listener_;
  sockaddr_in address_{};
  std::vector<int> clients_;
};

TEST_F(ConnectingTest, GivesUpWhenTheTimeIsOver) {
  const SilentPort silent;
  const TimePoint start = loop.now();
  const Connecting connecting(loop, "127.0.0.1", silent.port(), 30ms, outcome.done());
  ASSERT_TRUE(run_until(loop, [&] { return outcome.calls > 0; }));
  EXPECT_GE(loop.now(), start + 30ms);
  EXPECT_EQ(outcome.error, "cannot connect to 127.0.0.1 port " + std::to_string(silent.port()) +
                               ": there was no answer in time");
}

TEST_F(ConnectingTest, GivesUpOnANameWhenTheTimeIsOver) {
  const SilentPort silent;
  const Connecting connecting(loop, "localhost", silent.port(), 30ms, outcome.done());
  ASSERT_TRUE(run_until(loop, [&] { return outcome.calls > 0; }));
  EXPECT_THAT(outcome.error, StartsWith("cannot connect to localhost port"));
}

TEST_F(ConnectingTest, TellsOnceThoughTheNameIsFoundAfterTheTimeIsOver) {
  const Connecting connecting(loop, "localhost", listener->port(), 0s, outcome.done());
  ASSERT_TRUE(run_until(loop, [&] { return outcome.calls > 0; }));
  bool later = false;
  Timer timer(loop, [&] { later = true; });
  timer.arm(loop.now() + 50ms);
  ASSERT_TRUE(run_until(loop, [&] { return later; }));
  EXPECT_EQ(outcome.calls, 1);
}

TEST_F(ConnectingTest, TellsNothingOnceDestroyed) {
  const SilentPort silent;
  for (const std::string host : {"127.0.0.1", "localhost"}) {
    // At once, whatever would have come of it.
    for (const std::uint16_t port : {listener->port(), silent.port()}) {
      const Connecting connecting(loop, host, port, 5ms, outcome.done());
    }
    // In the middle of it.
    std::optional<Connecting> connecting;
    connecting.emplace(loop, host, silent.port(), 5ms, outcome.done());
    loop.post([&] { loop.post([&] { connecting.reset(); }); });
    ASSERT_TRUE(run_until(loop, [&] { return !connecting; }));
  }
  bool later = false;
  Timer timer(loop, [&] { later = true; });
  timer.arm(loop.now() + 20ms);
  ASSERT_TRUE(run_until(loop, [&] { return later; }));
  EXPECT_EQ(outcome.calls, 0);
}

TEST_F(ConnectingTest, MayBeDestroyedWhenItTells) {
  const std::uint16_t port = listener->port();
  for (const bool refused : {false, true}) {
    if (refused) listener.reset();
    std::optional<Connecting> connecting;
    bool ok = false;
    bool told = false;
    connecting.emplace(loop, "127.0.0.1", port, 10s,
                       [&, held = std::make_shared<int>(1)](Result<Stream, std::string> result) {
                         connecting.reset();
                         told = *held == 1;
                         ok = result.has_value();
                       });
    ASSERT_TRUE(run_until(loop, [&] { return told; }));
    EXPECT_EQ(ok, !refused);
  }
}

TEST_F(ConnectingTest, MayBeDestroyedWhenItsTimeIsOver) {
  const SilentPort silent;
  std::optional<Connecting> connecting;
  connecting.emplace(loop, "127.0.0.1", silent.port(), 1ms,
                     [&](const Result<Stream, std::string>&) { connecting.reset(); });
  EXPECT_TRUE(run_until(loop, [&] { return !connecting; }));
}

TEST_F(ConnectingTest, LeavesNothingBehindWhenTheLoopIsNotRunAgain) {
  const Connecting by_address(loop, "127.0.0.1", listener->port(), 10s, outcome.done());
  const Connecting by_name(loop, "localhost", listener->port(), 10s, outcome.done());
}

}  // namespace
}  // namespace crier::net

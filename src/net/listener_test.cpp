#include "net/listener.hpp"

#include "net/loopback.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace crier::net {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::unique_ptr<Listener> listen(Loop& loop, Listener::Handler handler) {
  auto listener = Listener::open(loop, {"127.0.0.1", 0}, std::move(handler));
  EXPECT_TRUE(listener);
  return std::move(listener).value();
}

/// A client without a loop; the kernel completes its connection before anybody accepts it.
class Client {
 public:
  explicit Client(std::uint16_t port) : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(descriptor_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  ~Client() { ::close(descriptor_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
  bool connected_ = false;
};

TEST(Listener, HandsOverEveryConnection) {
  Loop loop;
  std::vector<Stream> accepted;
  const auto listener = listen(loop, [&](Stream stream) { accepted.push_back(std::move(stream)); });
  EXPECT_NE(listener->port(), 0);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(std::make_unique<Client>(listener->port()));
  ASSERT_TRUE(run_until(loop, [&] { return accepted.size() == clients.size(); }));
  for (const auto& client : clients) EXPECT_TRUE(client->connected());
}

TEST(Listener, SaysWhichAddressAndPortItCannotHave) {
  Loop loop;
  const auto first = listen(loop, [](const Stream&) {});
  const std::string port = std::to_string(first->port());
  const auto error = [&](const Address& address) {
    const auto listener = Listener::open(loop, address, [](const Stream&) {});
    return listener ? "" : listener.error();
  };
  EXPECT_EQ(error({"127.0.0.1", first->port()}),
            "cannot listen on 127.0.0.1 port " + port + ": the port is already in use");
  EXPECT_EQ(error({"0.0.0.0", first->port()}),
            "cannot listen on 0.0.0.0 port " + port + ": the port is already in use");
  EXPECT_EQ(error({"203.0.113.7", 3000}),
            "cannot listen on 203.0.113.7 port 3000: this machine has no such address");
  for (const std::string address : {"localhost", "", "1.2.3", "127.0.0.1:80", "[::1]"}) {
    EXPECT_EQ(error({address, 3000}),
              "cannot listen on " + address + " port 3000: that is not an IPv4 or IPv6 address");
  }
}

TEST(Listener, RefusesConnectionsUntilItListens) {
  Loop loop;
  std::vector<Stream> accepted;
  auto bound = Listener::bind(loop, {"127.0.0.1", 0},
                              [&](Stream stream) { accepted.push_back(std::move(stream)); });
  ASSERT_TRUE(bound);
  const auto& listener = bound.value();
  EXPECT_NE(listener->port(), 0);
  EXPECT_FALSE(Client(listener->port()).connected());
  ASSERT_TRUE(listener->listen());
  const Client client(listener->port());
  EXPECT_TRUE(client.connected());
  ASSERT_TRUE(run_until(loop, [&] { return accepted.size() == 1; }));
}

TEST(Listener, OfTwoThatHaveBoundAPortTheFirstToListenHasIt) {
  Loop loop;
  const auto bind = [&loop](std::uint16_t port) {
    auto bound = Listener::bind(loop, {"127.0.0.1", port}, [](const Stream&) {});
    EXPECT_TRUE(bound);
    return std::move(bound).value();
  };
  const auto first = bind(0);
  const auto second = bind(first->port());
  EXPECT_TRUE(second->listen());
  const auto late = first->listen();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error(), "cannot listen on 127.0.0.1 port 0: the port is already in use");
}

TEST(Listener, TakesThePortAgainAtOnceAfterConnectionsWereClosed) {
  Loop loop;
  std::optional<Stream> accepted;
  auto listener = listen(loop, [&](Stream stream) { accepted.emplace(std::move(stream)); });
  const std::uint16_t port = listener->port();
  const Client client(port);
  ASSERT_TRUE(run_until(loop, [&] { return accepted.has_value(); }));
  accepted.reset();  // this side closes first: TIME_WAIT or FIN_WAIT here
  listener.reset();
  EXPECT_TRUE(Listener::open(loop, {"127.0.0.1", port}, [](const Stream&) {}));
}

TEST(Listener, TakesIpv4TooOnTheIpv6Wildcard) {
  if (!machine_has_ipv6()) GTEST_SKIP() << "no IPv6 here";
  Loop loop;
  std::optional<Stream> accepted;
  const auto listener =
      Listener::open(loop, {"::", 0}, [&](Stream stream) { accepted.emplace(std::move(stream)); });
  ASSERT_TRUE(listener) << listener.error();
  const Client client((*listener)->port());
  EXPECT_TRUE(client.connected());
  ASSERT_TRUE(run_until(loop, [&] { return accepted.has_value(); }));
  EXPECT_EQ(accepted->peer_address(), "127.0.0.1");
}

TEST(Listener, StopsAcceptingWhenDestroyed) {
  Loop loop;
  int accepted = 0;
  auto listener = listen(loop, [&](const Stream&) { ++accepted; });
  const std::uint16_t port = listener->port();
  const Client waiting(port);
  listener.reset();
  run_ready(loop);
  EXPECT_EQ(accepted, 0);
  EXPECT_FALSE(Client(port).connected());
}

TEST(Listener, MayBeDestroyedByItsOwnHandler) {
  Loop loop;
  int accepted = 0;
  std::unique_ptr<Listener> listener;
  listener = listen(loop, [&, held = std::make_shared<int>(1)](const Stream&) {
    listener.reset();
    accepted += *held;
  });
  const Client first(listener->port());
  const Client second(listener->port());
  ASSERT_TRUE(run_until(loop, [&] { return accepted > 0; }));
  run_ready(loop);
  EXPECT_EQ(accepted, 1);
}

TEST(Listener, SharesItsPortWithThoseWhoJoin) {
  Loop loop;
  Loop other;
  std::vector<Stream> accepted;
  std::vector<Stream> accepted_there;
  auto first = Listener::open(loop, {"127.0.0.1", 0, Sharing::first},
                              [&](Stream stream) { accepted.push_back(std::move(stream)); });
  ASSERT_TRUE(first) << first.error();
  const std::uint16_t port = (*first)->port();
  auto second = Listener::open(other, {"127.0.0.1", port, Sharing::joining},
                               [&](Stream stream) { accepted_there.push_back(std::move(stream)); });
  ASSERT_TRUE(second) << second.error();
  EXPECT_EQ((*second)->port(), port);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(std::make_unique<Client>(port));
  run_ready(loop);
  run_ready(other);
  EXPECT_EQ(accepted.size() + accepted_there.size(), clients.size());
  EXPECT_GT(accepted.size(), 0U);
  EXPECT_GT(accepted_there.size(), 0U);
}

TEST(Listener, HasItsPortAloneThoughItShares) {
  Loop loop;
  const auto ignore = [](const Stream&) {};
  auto first = Listener::open(loop, {"127.0.0.1", 0, Sharing::first}, ignore);
  ASSERT_TRUE(first) << first.error();
  const std::uint16_t port = (*first)->port();
  for (const Sharing sharing : {Sharing::none, Sharing::first}) {
    EXPECT_FALSE(Listener::open(loop, {"127.0.0.1", port, sharing}, ignore));
  }
  const auto alone = listen(loop, ignore);
  EXPECT_FALSE(Listener::open(loop, {"127.0.0.1", alone->port(), Sharing::joining}, ignore));
}

/// Lets the process have no more descriptors than it has now, until destroyed.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int next = ::dup(0);
    ::close(next);
    rlimit limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(next);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST(Listener, PausesWhenDescriptorsRunOutSaysSoAndGoesOn) {
  Loop loop;
  TimePoint accepted_at = never;
  std::vector<std::string> failures;
  const auto opened = Listener::open(
      loop, {"127.0.0.1", 0}, [&](const Stream&) { accepted_at = loop.now(); }, {},
      [&](const std::string& reason) { failures.push_back(reason); });
  ASSERT_TRUE(opened) << opened.error();
  const auto& listener = *opened;
  std::optional<NoMoreDescriptors> limit;
  const Client client(listener->port());
  ASSERT_TRUE(client.connected());
  limit.emplace();
  int turns = 0;
  const TimePoint start = loop.now();
  Timer relief(loop, [&] { limit.reset(); });
  relief.arm(start + 20ms);
  ASSERT_TRUE(run_until(loop, [&] {
    ++turns;
    return accepted_at != never;
  }));
  EXPECT_GE(accepted_at, start + 90ms);
  EXPECT_LE(turns, 10);  // it paused, and did not spin
  EXPECT_THAT(failures, testing::ElementsAre("too many open files"));
}

TEST(Listener, IsDestroyedWhileItPauses) {
  Loop loop;
  int accepted = 0;
  auto listener = listen(loop, [&](const Stream&) { ++accepted; });
  const Client client(listener->port());
  bool later = false;
  Timer timer(loop, [&] { later = true; });
  {
    const NoMoreDescriptors limit;
    run_ready(loop);
    listener.reset();
  }
  timer.arm(loop.now() + 120ms);
  ASSERT_TRUE(run_until(loop, [&] { return later; }));
  EXPECT_EQ(accepted, 0);
}

TEST(Listener, BoundsWhatTheKernelTakesForAPeerThatDoesNotRead) {
  Loop loop;
  const Ends ends = connect(loop);
  ASSERT_TRUE(ends.accepted);
  int bound = 0;
  socklen_t size = sizeof bound;
  ASSERT_EQ(
      ::getsockopt(ends.accepted->descriptor(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bound, &size), 0);
  EXPECT_EQ(bound, 64 * 1024);
}

}  // namespace
}  // namespace crier::net

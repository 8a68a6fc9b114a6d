#include "sockets/fanout.hpp"

#include <array>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace crier::sockets {
namespace {

using testing::Each;
using testing::IsEmpty;
using testing::SizeIs;

/// A socket whose other end the test reads.
class Peer {
 public:
  Peer() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    near_ = ends[0];
    far_ = ends[1];
    const int least = 1;  // the kernel makes it a few KiB
    setsockopt(near_, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
  }
  ~Peer() {
    ::close(near_);
    close();
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void close() {
    if (far_ >= 0) ::close(std::exchange(far_, -1));
  }
  [[nodiscard]] socketio::Route route(socketio::Slot slot, bool deflates = false) const {
    return {.slot = slot, .deflates = deflates, .descriptor = near_};
  }
  [[nodiscard]] std::string got() const {
    std::string all;
    std::array<char, 64 * 1024> bytes;
    ssize_t count = 0;
    while ((count = recv(far_, bytes.data(), bytes.size(), 0)) > 0) {
      all.append(bytes.data(), static_cast<std::size_t>(count));
    }
    return all;
  }

 private:
  int near_ = -1;
  int far_ = -1;
};

EncodedEvent event(const std::string& data) {
  return encode_event("/", "[\"e\",\"" + data + "\"]");
}

std::string frames(const std::vector<EncodedEvent>& events) {
  std::string all;
  for (const auto& event : events) all += event.frame.view();
  return all;
}

/// What has to follow at a socket.
std::string rest(const std::vector<ShortWrite>& writes, socketio::Slot slot) {
  std::string all;
  for (const auto& write : writes) {
    if (write.slot == slot) all += write.frames.view().substr(write.sent);
  }
  return all;
}

/// An event whose frame is so long, from 200 bytes on.
EncodedEvent event_of(std::size_t frame_bytes) {
  for (const std::size_t head : {4U, 10U}) {
    const std::size_t around = std::string_view(R"(42["e",""])").size();
    EncodedEvent made = event(std::string(frame_bytes - head - around, 'x'));
    if (made.frame.size() == frame_bytes) return made;
  }
  ADD_FAILURE() << "no frame has " << frame_bytes << " bytes";
  return {};
}

/// How many bytes a peer takes that reads nothing.
std::size_t room() {
  const Peer peer;
  const socketio::Members members{{peer.route(1)}, {}};
  const EncodedEvent large = event_of(1024 * 1024);
  const auto writes = fan_out(members, {&large, 1}, nullptr);
  return writes.empty() ? 0 : writes.front().sent;
}

TEST(Fanout, WritesTheEventsInOrderToDirectMembersAlone) {
  const std::array<Peer, 3> peers;
  const socketio::Members members{{peers[0].route(0), peers[1].route(1)}, {2}};
  const std::vector<EncodedEvent> events{event("one"), event("two")};
  EXPECT_THAT(fan_out(members, events, nullptr), IsEmpty());
  EXPECT_EQ(peers[0].got(), frames(events));
  EXPECT_EQ(peers[1].got(), frames(events));
  EXPECT_EQ(peers[2].got(), "");
}

TEST(Fanout, ReturnsWhoFellShortAndWritesToTheOthers) {
  const std::array<Peer, 3> peers;
  const socketio::Members members{{peers[0].route(7), peers[1].route(3), peers[2].route(5)}, {}};
  const EncodedEvent filler = event_of(room());
  EXPECT_THAT(fan_out({{peers[1].route(3)}, {}}, {&filler, 1}, nullptr), IsEmpty());
  const std::vector<EncodedEvent> events{event("one"), event("two")};
  const auto writes = fan_out(members, events, nullptr);
  ASSERT_THAT(writes, SizeIs(1));
  EXPECT_EQ(writes[0].slot, 3U);
  EXPECT_EQ(writes[0].sent, 0U);
  EXPECT_EQ(rest(writes, 3), frames(events));
  EXPECT_EQ(peers[0].got(), frames(events));
  EXPECT_EQ(peers[1].got(), filler.frame.view());
  EXPECT_EQ(peers[2].got(), frames(events));
}

TEST(Fanout, ReturnsWhatIsLeftOfFramesThatFitInPart) {
  const std::size_t fits = room();
  ASSERT_GT(fits, 1'000U);
  const Peer peer;
  const std::vector<EncodedEvent> events{event_of(500), event_of(fits), event("end")};
  const auto writes = fan_out({{peer.route(1)}, {}}, events, nullptr);
  ASSERT_THAT(writes, SizeIs(1));
  EXPECT_GT(writes[0].sent, 0U);
  const std::string got = peer.got();
  EXPECT_EQ(got.size(), writes[0].sent);
  EXPECT_EQ(got + rest(writes, 1), frames(events));
}

TEST(Fanout, SharesOneFrameAmongAllWhoFellShort) {
  const std::array<Peer, 2> peers;
  const EncodedEvent large = event_of(1024 * 1024);
  const auto writes = fan_out({{peers[0].route(0), peers[1].route(1)}, {}}, {&large, 1}, nullptr);
  ASSERT_THAT(writes, SizeIs(2));
  for (const auto& write : writes) {
    EXPECT_EQ(write.frames.view().data(), large.frame.view().data());
  }
}

TEST(Fanout, ReturnsWhoseConnectionHasBroken) {
  std::array<Peer, 2> peers;
  peers[0].close();
  const EncodedEvent said = event("said");
  const auto writes = fan_out({{peers[0].route(0), peers[1].route(1)}, {}}, {&said, 1}, nullptr);
  EXPECT_EQ(rest(writes, 0), said.frame.view());
  EXPECT_EQ(rest(writes, 1), "");
  EXPECT_EQ(peers[1].got(), said.frame.view());
}

TEST(Fanout, DeflatesOnceForAllWhoNegotiatedIt) {
  const std::array<Peer, 3> peers;
  websocket::Deflater deflater(0);
  const EncodedEvent said = event(std::string(300, 'x'));
  const socketio::Members members{
      {peers[0].route(0, true), peers[1].route(1), peers[2].route(2, true)}, {}};
  EXPECT_THAT(fan_out(members, {&said, 1}, &deflater), IsEmpty());
  EXPECT_EQ(deflater.frames(), 1U);
  EXPECT_EQ(peers[1].got(), said.frame.view());
  const std::string deflated = peers[0].got();
  EXPECT_EQ(deflated, deflated_frame(said, deflater).view());
  EXPECT_EQ(deflated, peers[2].got());
  EXPECT_LT(deflated.size(), said.frame.size());
  EXPECT_EQ(deflater.frames(), 1U) << "it is kept with the event";
}

TEST(Fanout, SendsThePlainFrameWhereNoneIsShorter) {
  const Peer peer;
  websocket::Deflater deflater(1'000);
  const EncodedEvent said = event("short");
  EXPECT_THAT(fan_out({{peer.route(0, true)}, {}}, {&said, 1}, &deflater), IsEmpty());
  EXPECT_EQ(peer.got(), said.frame.view());
}

/// Two rooms of which the middle one of three sockets is in both.
class OverSeveralRooms : public testing::Test {
 protected:
  std::vector<ShortWrite> send(const std::vector<EncodedEvent>& of_one,
                               const std::vector<EncodedEvent>& of_other,
                               const std::vector<EncodedEvent>& of_one_again) {
    const std::array<Share, 4> shares{
        {{&one, of_one}, {&other, of_other}, {nullptr, of_other}, {&one, of_one_again}}};
    return fan_out(shares, places, &deflater);
  }

  const std::array<Peer, 3> peers;
  const socketio::Members one{{peers[0].route(0), peers[1].route(1)}, {}};
  const socketio::Members other{{peers[1].route(1), peers[2].route(2)}, {}};
  std::vector<std::uint32_t> places = std::vector<std::uint32_t>(3, no_place);
  websocket::Deflater deflater{0};
};

TEST_F(OverSeveralRooms, KeepsTheOrderOfTheSharesForEachSocket) {
  const std::vector<EncodedEvent> a{event("a")};
  const std::vector<EncodedEvent> b{event("b"), event("b2")};
  const std::vector<EncodedEvent> c{event("c")};
  for (int times = 0; times < 2; ++times) {
    EXPECT_THAT(send(a, b, c), IsEmpty());
    EXPECT_EQ(peers[0].got(), frames(a) + frames(c));
    EXPECT_EQ(peers[1].got(), frames(a) + frames(b) + frames(c));
    EXPECT_EQ(peers[2].got(), frames(b));
    EXPECT_THAT(places, Each(no_place));
  }
}

TEST_F(OverSeveralRooms, ReturnsWhatIsLeftOfEachShareWhereverAWriteEnds) {
  const std::size_t fits = room();
  ASSERT_GT(fits, 1'000U);
  // The write ends in the first share, at its end, in the second, at its end, in the third.
  for (const auto& [first, second] :
       std::vector<std::pair<std::size_t, std::size_t>>{{fits + 1, 300},
                                                        {fits, 300},
                                                        {fits - 1, 300},
                                                        {fits - 299, 300},
                                                        {fits - 300, 300},
                                                        {fits - 301, 300}}) {
    const std::vector<EncodedEvent> a{event_of(first)};
    const std::vector<EncodedEvent> b{event_of(second)};
    const std::vector<EncodedEvent> c{event_of(250)};
    const auto writes = send(a, b, c);
    const std::string all = frames(a) + frames(b) + frames(c);
    const std::string got = peers[1].got();
    ASSERT_LT(got.size(), all.size());
    EXPECT_EQ(got + rest(writes, 1), all) << first;
    std::size_t begun = 0;
    for (const auto& write : writes) {
      EXPECT_LT(write.sent, write.frames.size());
      if (write.slot == 1 && write.sent > 0) ++begun;
    }
    EXPECT_LE(begun, 1U);
    EXPECT_EQ(peers[2].got(), frames(b));
    EXPECT_EQ(rest(writes, 2), "");
    EXPECT_EQ(peers[0].got() + rest(writes, 0), frames(a) + frames(c));
    EXPECT_THAT(places, Each(no_place));
  }
}

TEST_F(OverSeveralRooms, DeflatesForWhoNegotiatedIt) {
  const socketio::Members deflating{{peers[0].route(0, true)}, {}};
  const EncodedEvent a = event(std::string(300, 'a'));
  const EncodedEvent b = event(std::string(300, 'b'));
  const std::array<Share, 3> shares{
      {{&deflating, {&a, 1}}, {&deflating, {&b, 1}}, {&other, {&b, 1}}}};
  EXPECT_THAT(fan_out(shares, places, &deflater), IsEmpty());
  EXPECT_EQ(peers[0].got(), std::string(deflated_frame(a, deflater).view()) +
                                std::string(deflated_frame(b, deflater).view()));
  EXPECT_EQ(peers[2].got(), b.frame.view());
}

}  // namespace
}  // namespace crier::sockets

// What is kept, and what a peer can make the server keep: counted at operator new.

#include "socketio/client.hpp"
#include "socketio/rooms.hpp"

#include <cstddef>
#include <cstdlib>
#include <gtest/gtest.h>
#include <malloc.h>
#include <new>
#include <string>

namespace {
std::size_t live_bytes = 0;
std::size_t allocated_bytes = 0;
}  // namespace

void* operator new(std::size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  live_bytes += malloc_usable_size(memory);
  allocated_bytes += size;
  return memory;
}

void operator delete(void* memory) noexcept {
  live_bytes -= malloc_usable_size(memory);
  std::free(memory);
}

void operator delete(void* memory, std::size_t /*size*/) noexcept { operator delete(memory); }

namespace crier::socketio {
namespace {

const ClientOptions options;

Client joined_client() {
  Client client(options, TimePoint{});
  ClientOutputs out;
  client.receive_text("0", out);
  client.accept("/", R"({"sid":"s"})", out);
  return client;
}

TEST(ClientMemory, OfAnIdleSocketIsTheObjectAlone) {
  const std::size_t before = live_bytes;
  const Client client = joined_client();
  EXPECT_EQ(live_bytes, before);
}

TEST(ClientMemory, Cve202633151ADeclaredCountReservesNothing) {
  Client client = joined_client();
  ClientOutputs out;
  out.reserve(4);
  const std::size_t before = live_bytes;
  const std::size_t allocated = allocated_bytes;
  client.receive_text("51999999-[\"a\"]", out);
  ASSERT_TRUE(std::holds_alternative<Violation>(out.at(0)));
  EXPECT_EQ(live_bytes, before);
  EXPECT_LT(allocated_bytes - allocated, 1024U);
}

TEST(ClientMemory, CountsThatAreRefusedLeaveNoStateBehind) {
  for (const char* count : {"0", "00", "-1", "+1", "1e1", ""}) {
    Client client = joined_client();
    const std::size_t before = live_bytes;
    {
      ClientOutputs out;
      client.receive_text("5" + std::string(count) + "-[\"a\"]", out);
      ASSERT_TRUE(std::holds_alternative<Violation>(out.at(0))) << count;
    }
    EXPECT_EQ(live_bytes, before) << count;
  }
}

TEST(ClientMemory, Cve202648804APartialPacketNeverGrowsAndIsFreedByTheViolation) {
  const std::string attachment(100'000, 'x');
  Client client = joined_client();
  ClientOutputs out;
  out.reserve(4);
  const std::size_t before = live_bytes;
  client.receive_text("510-[\"a\"]", out);
  for (int i = 0; i < 9; ++i) client.receive_binary(attachment, out);
  ASSERT_TRUE(out.empty());
  EXPECT_LT(live_bytes - before, options.reassembly_bytes_max + 10'000);
  client.receive_text("2[\"a\"]", out);
  ASSERT_TRUE(std::holds_alternative<Violation>(out.at(0)));
  EXPECT_EQ(live_bytes, before);
}

TEST(ClientMemory, Cve202648804NothingIsKeptBeforeConnect) {
  Client client(options, TimePoint{});
  const std::size_t before = live_bytes;
  {
    ClientOutputs out;
    client.receive_text("510-[\"a\"]", out);
    ASSERT_TRUE(std::holds_alternative<Violation>(out.at(0)));
    for (int i = 0; i < 10; ++i) client.receive_binary(std::string(1000, 'x'), out);
    EXPECT_EQ(out.size(), 1U);
  }
  EXPECT_EQ(live_bytes, before);
}

TEST(ClientMemory, OfRefusedNamespacesIsGivenBack) {
  Client client = joined_client();
  const std::size_t before = live_bytes;
  for (int i = 0; i < 1000; ++i) {
    const std::string nsp = "/namespace-with-a-long-name-" + std::to_string(i);
    ClientOutputs out;
    client.receive_text("0" + nsp, out);
    client.refuse(nsp, "{}", out);
  }
  EXPECT_EQ(live_bytes, before);
}

TEST(RoomsMemory, IsReusedAsRoomsComeAndGo) {
  Rooms rooms;
  rooms.join(0, "stays");
  const auto come_and_go = [&rooms](int number) {
    rooms.join(1, "room-" + std::to_string(number));
    rooms.leave_all(1);
  };
  come_and_go(0);
  const std::size_t before = live_bytes;
  for (int number = 1; number < 1000; ++number) come_and_go(number);
  EXPECT_EQ(live_bytes, before);
}

// The design's share of an idle connection, together with sizeof(Client): 288 bytes.
TEST(RoomsMemory, OfASocketInFourRoomsStaysWithinItsShare) {
  constexpr Slot sockets = 1024;
  const std::string names[] = {"program:1", "program:2", "program:3", "program:4"};
  Rooms rooms;
  const std::size_t before = live_bytes;
  for (Slot socket = 0; socket < sockets; ++socket) {
    rooms.set_route(Route{.slot = socket, .descriptor = 1});
    for (const std::string& name : names) rooms.join(socket, name);
  }
  EXPECT_LE((live_bytes - before) / sockets, 288 - sizeof(Client));
}

}  // namespace
}  // namespace crier::socketio

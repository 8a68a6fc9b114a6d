#include "node/delivery.hpp"

#include "history/memory_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crier::node {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class DeliveryTest : public testing::Test {
 protected:
  explicit DeliveryTest(const Delivery::Options& options = {})
      : delivery({worker, sessions, sockets, history}, options) {}
  static history::Record record(history::Gid gid, std::string body) {
    return {gid, 1, 0, Bytes(std::move(body))};
  }

  web::Worker worker{{}, {}};
  Random random = Random::seeded(1);
  socketio::ClientOptions client_options;
  sockets::Sockets sockets{worker, client_options, random};
  sockets::Sessions sessions{worker, {}, {}, sockets, random};
  history::MemoryStore history{{}, [] { return WallTime{1'000'000}; }, Random::seeded(7)};
  Delivery delivery;
};

constexpr const char* body = R"({"event":"request:created","programId":"p"})";

TEST_F(DeliveryTest, EncodesAnEventOnceForAllWhoAreOwedIt) {
  const sockets::EncodedEvent first = delivery.encoded("aaaaaaaa", record(1'000'000, body));
  EXPECT_THAT(std::string(first.message.view()), StartsWith(R"(42["request:created",{)"));
  EXPECT_THAT(std::string(first.message.view()), HasSubstr("\"aaaaaaaa.1000000\"]"));
  const sockets::EncodedEvent& second =
      delivery.encoded("aaaaaaaa", record(1'000'000, "not looked at again"));
  EXPECT_EQ(second.message.view().data(), first.message.view().data());
}

TEST_F(DeliveryTest, AnotherEpochIsEncodedAnew) {
  delivery.encoded("aaaaaaaa", record(1'000'000, body));
  const sockets::EncodedEvent& other = delivery.encoded("bbbbbbbb", record(1'000'000, body));
  EXPECT_THAT(std::string(other.message.view()), HasSubstr("\"bbbbbbbb.1000000\"]"));
}

TEST_F(DeliveryTest, WhatIsKeptEncodedIsBoundedAndTheOldestGoesFirst) {
  const auto large = [](const char* text) {
    return R"({"event":"request:created","programId":"p","data":")" + std::string(1'000'000, 'x') +
           text + "\"}";
  };
  const auto is_kept = [&](history::Gid gid) {  // else another body shows
    const sockets::EncodedEvent& event = delivery.encoded("aaaaaaaa", record(gid, body));
    return event.message.size() > 1'000'000;
  };
  for (history::Gid gid = 1; gid <= 5; ++gid) delivery.encoded("aaaaaaaa", record(gid, large("")));
  EXPECT_TRUE(is_kept(5));
  EXPECT_TRUE(is_kept(2));
  EXPECT_FALSE(is_kept(1)) << "five messages and their frames are more than 8 MiB";
}

TEST_F(DeliveryTest, WhatNoGatewayHasWrittenIsAnEmptyMessage) {
  EXPECT_TRUE(delivery.encoded("aaaaaaaa", record(1'000'000, "[]")).message.view().empty());
}

TEST_F(DeliveryTest, AnswersWithWhatTheStoreKeeps) {
  const auto kept = [](const Result<history::ReadReply, history::StoreError>& reply) {
    return reply->programs.at(0).records.size();
  };
  std::size_t count = 0;
  history.append({"p", Bytes(std::string(body)), {}}, [](const auto&) {});
  delivery.ask({{{"p", 0, 0}}, {}, 0}, [&](const auto& reply) { count = kept(reply); });
  EXPECT_EQ(count, 1U);
  history.append({"p", Bytes(std::string(body)), {}}, [](const auto&) {});
  delivery.ask({{{"p", 0, 0}}, {}, 0}, [&](const auto& reply) { count = kept(reply); });
  EXPECT_EQ(count, 2U) << "heard, not read";
  EXPECT_EQ(delivery.counters().history_reads, 1U);
}

TEST_F(DeliveryTest, UnnumberedEventsWaitForTheEndOfTheTurn) {
  EXPECT_TRUE(delivery.idle());
  delivery.deliver_unnumbered("p", body);
  EXPECT_FALSE(delivery.idle());
  delivery.turn_end();
  EXPECT_TRUE(delivery.idle());
}

class DeliveryWindowTest : public DeliveryTest {
 protected:
  DeliveryWindowTest() : DeliveryTest({{}, std::chrono::microseconds(300)}) {}
};

TEST_F(DeliveryWindowTest, EventsWaitForOthersFromTheFirst) {
  delivery.deliver_unnumbered("p", body);
  const TimePoint due = delivery.deadline();
  EXPECT_EQ(due, worker.now() + std::chrono::microseconds(300));
  delivery.deliver_unnumbered("p", body);
  EXPECT_EQ(delivery.deadline(), due);
  delivery.turn_end();
  delivery.tick(due - std::chrono::microseconds(1));
  EXPECT_FALSE(delivery.idle());
  delivery.tick(due);
  EXPECT_TRUE(delivery.idle());
  EXPECT_GT(delivery.deadline(), due);
}

}  // namespace
}  // namespace crier::node

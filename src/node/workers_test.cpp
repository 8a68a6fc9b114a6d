// Several workers in one gateway: what a client cannot tell from one.

#include "node/node.hpp"
#include "tests/support/gateway_fixture.hpp"

#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace crier::node {
namespace {

using testing::Each;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view polling = "/socket.io/?EIO=4&transport=polling";
constexpr int tries = 24;  // of connections: they reach other workers than one with certainty

class WorkersTest : public GatewayFixture {
 protected:
  void run_with(std::uint32_t workers) {
    GatewayOptions chosen = options();
    chosen.server.workers = workers;
    GatewayFixture::run(chosen);
  }

  static std::string get_request(const std::string& sid) {
    return "GET " + std::string(polling) + "&sid=" + sid + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  static std::string post_request(const std::string& sid, std::string_view body) {
    return "POST " + std::string(polling) + "&sid=" + sid + " HTTP/1.1\r\nHost: x\r\n" +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
  }
  static std::string answer(LoopbackClient& client) {
    const std::string head = client.read_until("\r\n\r\n");
    const auto at = head.find("Content-Length: ");
    return at == std::string::npos ? head : head + client.read(std::stoul(head.substr(at + 16)));
  }
  /// Each request has a connection of its own.
  std::string ask(const std::string& request) {
    LoopbackClient client(gateway->port());
    client.write(request);
    return answer(client);
  }
  std::string open_polling() {
    const std::string opened = get(polling);
    EXPECT_THAT(opened, StartsWith("HTTP/1.1 200"));
    return opened.substr(opened.find("\"sid\":\"") + 7, 20);
  }
  std::string polling_member(std::string_view user) {
    const std::string sid = open_polling();
    EXPECT_THAT(ask(post_request(sid, "40{\"token\":\"" + token(user) + "\"}")), EndsWith("ok"));
    const std::string connected = ask(get_request(sid));
    EXPECT_THAT(connected, HasSubstr("40{\"sid\":"));
    if (connected.find("catchup") == std::string::npos) {
      EXPECT_THAT(ask(get_request(sid)), HasSubstr("catchup"));
    }
    return sid;
  }
  /// The id at the end of an event's frame.
  static std::string id_of(const std::string& frame) {
    const auto at = frame.rfind(",\"");
    return at == std::string::npos ? frame : frame.substr(at + 2, frame.size() - at - 4);
  }
};

TEST_F(WorkersTest, APollingSessionIsServedOverConnectionsOfAnyWorker) {
  run_with(4);
  const std::string sid = polling_member("u1");
  for (int i = 0; i < tries; ++i) {
    ASSERT_THAT(post("p1", publish_body), StartsWith("HTTP/1.1 202"));
    ASSERT_THAT(ask(get_request(sid)), HasSubstr("42[\"request:created\"")) << i;
    ASSERT_THAT(ask(post_request(sid, "3")), EndsWith("ok")) << i;
  }
}

TEST_F(WorkersTest, AConnectionMayServeSessionsOfSeveralWorkersInTurn) {
  run_with(4);
  std::vector<std::string> sids;
  for (int i = 0; i < tries; ++i) sids.push_back(open_polling());
  LoopbackClient client(gateway->port());
  for (const std::string& sid : sids) {
    client.write(post_request(sid, "40{}"));
    ASSERT_THAT(answer(client), EndsWith("ok"));
    client.write(get_request(sid));
    ASSERT_THAT(answer(client), HasSubstr("Authentication required"));
  }
}

TEST_F(WorkersTest, RequestsThatWereSentTogetherAreAnsweredInOrderAllTheSame) {
  run_with(4);
  std::string requests;
  for (int i = 0; i < tries; ++i) {
    const std::string sid = open_polling();
    requests += post_request(sid, "40{}") + get_request(sid) + get_request("unknown");
  }
  LoopbackClient client(gateway->port());
  client.write(requests);
  for (int i = 0; i < tries; ++i) {
    ASSERT_THAT(answer(client), EndsWith("ok")) << i;
    ASSERT_THAT(answer(client), HasSubstr("Authentication required")) << i;
    ASSERT_THAT(answer(client), HasSubstr("Session ID unknown")) << i;
  }
}

TEST_F(WorkersTest, ABodyFollowsItsConnection) {
  run_with(4);
  for (int i = 0; i < tries; ++i) {
    const std::string sid = open_polling();
    const std::string request =
        post_request(sid, "40{\"padding\":\"" + std::string(100'000, 'x') + "\"}");
    LoopbackClient client(gateway->port());
    const std::size_t head = request.find("\r\n\r\n") + 4;
    client.write(request.substr(0, head));
    EXPECT_THAT(get("/healthz"), EndsWith("ok\n"));
    client.write(request.substr(head, 50'000));
    client.write(request.substr(head + 50'000));
    ASSERT_THAT(answer(client), EndsWith("ok")) << i;
  }
}

TEST_F(WorkersTest, AnUpgradeReachesItsSession) {
  run_with(4);
  for (int i = 0; i < tries; ++i) {
    const std::string sid = open_polling();
    LoopbackClient client(gateway->port());
    const std::string head =
        client.open_websocket("/socket.io/?EIO=4&transport=websocket&sid=" + sid);
    ASSERT_THAT(head, StartsWith("HTTP/1.1 101"));
    client.write_text("2probe");
    ASSERT_EQ(client.read_frame(), "3probe");
    client.write_text("5");
    client.write_text("40{\"token\":\"" + token("u1") + "\"}");
    ASSERT_THAT(client.read_frame(), StartsWith("40{\"sid\":")) << i;
  }
}

TEST_F(WorkersTest, AWorkerThatDoesNotExistHasNoSessions) {
  run_with(2);
  // The byte that names the worker is the fourth of fifteen.
  for (const char* sid : {"AAAAQAAAAAAAAAAAAAAA", "AAAA_wAAAAAAAAAAAAAA", "AAAAAQAAAAAAAAAAAAAA"}) {
    EXPECT_THAT(ask(get_request(sid)), HasSubstr("Session ID unknown")) << sid;
  }
}

TEST_F(WorkersTest, MembersOnAllWorkersGetEachEventOnceInOneOrder) {
  run_with(3);
  std::vector<std::unique_ptr<LoopbackClient>> members;
  for (int i = 0; i < tries; ++i) members.push_back(member("u1"));
  constexpr int publishers = 4;
  constexpr int events = 25;
  std::vector<std::future<void>> publishing;
  for (int i = 0; i < publishers; ++i) {
    publishing.push_back(std::async(std::launch::async, [this] {
      for (int n = 0; n < events; ++n) post("p1", publish_body);
    }));
  }
  for (auto& each : publishing) each.get();
  std::vector<std::string> order;
  for (int n = 0; n < publishers * events; ++n) order.push_back(id_of(members[0]->read_frame()));
  EXPECT_THAT(order, testing::WhenSorted(testing::ElementsAreArray(order)));
  EXPECT_EQ(std::unique(order.begin(), order.end()), order.end());
  for (auto& each : members) {
    if (each == members.front()) continue;
    for (const std::string& id : order) ASSERT_EQ(id_of(each->read_frame()), id);
  }
}

TEST_F(WorkersTest, TheBoundOfReplaysIsOneForAll) {
  constexpr std::size_t bound = 1'048'576;
  GatewayOptions chosen = options();
  chosen.server.workers = 4;
  chosen.history.replay_bytes_max = bound;
  GatewayFixture::run(chosen);
  const std::string event = R"({"event":"request:created","requestId":"r1","data":{"text":")" +
                            std::string(50'000, 'x') +
                            R"("},"performedBy":{"userId":"u1","name":"Ursula"}})";
  for (int i = 0; i < 50; ++i) ASSERT_THAT(post("p1", event), StartsWith("HTTP/1.1 202"));
  std::vector<std::unique_ptr<LoopbackClient>> clients;
  for (int i = 0; i < 2 * tries; ++i) {
    clients.push_back(opened_with("u1", ",\"lastEventTimestamp\":1"));  // and none of them reads
  }
  const auto unsent = [this] {
    const std::string metrics = get("/metrics");
    const std::string_view name = "\ncrier_replay_bytes ";
    return std::stoul(metrics.substr(metrics.find(name) + name.size()));
  };
  std::size_t most = 0;
  for (int i = 0; i < 200 && most < bound / 2; ++i) most = std::max(most, unsent());
  EXPECT_GE(most, bound / 2) << "the bound is used";
  EXPECT_LE(std::max(most, unsent()), bound);
}

TEST_F(WorkersTest, AClaimTakesOverFromAnyWorker) {
  run_with(4);
  auto zombie = opened();
  zombie->write_text("40{\"token\":\"" + token("u1") + "\"}");
  const std::string connected = zombie->read_frame();
  const std::string pid = connected.substr(connected.find("\"pid\":\"") + 7);
  const std::string sealed = pid.substr(0, pid.find('"'));
  const std::string position = id_of(zombie->read_frame());  // its catchup's
  for (int i = 0; i < tries; ++i) {
    auto next = opened();
    next->write_text("40{\"token\":\"" + token("u1") + "\",\"pid\":\"" + sealed +
                     "\",\"offset\":\"" + position + "\"}");
    ASSERT_THAT(next->read_frame(), HasSubstr(sealed));
    ASSERT_TRUE(zombie->closed()) << i;
    zombie = std::move(next);
    EXPECT_THAT(zombie->read_frame(), HasSubstr("catchup"));
  }
}

TEST_F(WorkersTest, TheBoundOfConnectionsIsOneForAll) {
  GatewayOptions chosen = options();
  chosen.server.workers = 4;
  chosen.http.connections_max = 20;
  GatewayFixture::run(chosen);
  std::vector<std::unique_ptr<LoopbackClient>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(opened());
  LoopbackClient beyond(gateway->port());
  EXPECT_TRUE(beyond.closed());
  clients.pop_back();
  std::string answered;
  while (answered.empty()) answered = get("/metrics");  // until the end of the last one was seen
  EXPECT_THAT(answered, HasSubstr("crier_sessions 19\n"));
}

TEST_F(WorkersTest, AHandlerRunsOnTheThreadThatCalledRun) {
  GatewayOptions chosen = options();
  chosen.server.workers = 4;
  gateway = std::make_unique<Gateway>(chosen, LogSink());
  gateway->handle("GET", "/where", [this](const HttpRequest&, const HttpReply& reply) {
    const bool here = std::this_thread::get_id() == thread.get_id();
    const auto waits =
        gateway->publish("p1", "request:created", {"r", Json::parse("{}").value(), "u", "U"});
    reply({200, "text/plain", here && !waits ? waits.error().code : "elsewhere", {}});
  });
  start();
  for (int i = 0; i < tries; ++i) EXPECT_THAT(get("/where"), EndsWith("would_block"));
}

TEST_F(WorkersTest, AHandlerIsTheSameOneForAll) {
  GatewayOptions chosen = options();
  chosen.server.workers = 4;
  gateway = std::make_unique<Gateway>(chosen, LogSink());
  gateway->handle("GET", "/count", [count = 0](const HttpRequest&, const HttpReply& reply) mutable {
    reply({200, "text/plain", std::to_string(++count), {}});
  });
  start();
  for (int i = 1; i <= tries; ++i) EXPECT_THAT(get("/count"), EndsWith("\n" + std::to_string(i)));
}

TEST_F(WorkersTest, MetricsAreOfAll) {
  run_with(4);
  std::vector<std::unique_ptr<LoopbackClient>> members;
  for (int i = 0; i < tries; ++i) members.push_back(member("u1"));
  post("p1", publish_body);
  for (auto& each : members) each->read_frame();
  const std::string metrics = get("/metrics");
  EXPECT_THAT(metrics, HasSubstr("crier_sockets " + std::to_string(tries) + "\n"));
  EXPECT_THAT(metrics, HasSubstr("crier_deliveries_total " + std::to_string(tries) + "\n"));
  EXPECT_THAT(metrics, HasSubstr("crier_publishes_total 1\n"));
}

TEST_F(WorkersTest, AnEventWithoutANumberReachesMembersOnAllWorkers) {
  GatewayOptions chosen = options();
  chosen.server.workers = 4;
  chosen.redis.url = "redis://127.0.0.1:1";
  chosen.history.start_deadline = std::chrono::milliseconds(0);
  chosen.store.deadline = std::chrono::milliseconds(300);
  GatewayFixture::run(chosen);
  std::vector<std::unique_ptr<LoopbackClient>> members;
  for (int i = 0; i < tries; ++i) members.push_back(member("u1"));
  EXPECT_THAT(post("p1", publish_body), HasSubstr("\"recoverable\":false"));
  for (auto& each : members) EXPECT_THAT(each->read_frame(), StartsWith("42[\"request:created\""));
}

TEST_F(WorkersTest, StoppingClosesTheClientsOfAll) {
  run_with(4);
  std::vector<std::unique_ptr<LoopbackClient>> members;
  for (int i = 0; i < tries; ++i) members.push_back(member("u1"));
  gateway->stop();
  for (auto& each : members) EXPECT_TRUE(each->closed());
  thread.join();
  EXPECT_NE(gateway->port(), 0);
  EXPECT_THROW(LoopbackClient(gateway->port()), std::runtime_error);
}

TEST_F(WorkersTest, ThoseWithoutSessionsServeUntilNobodyHasAny) {
  GatewayOptions chosen = options();
  chosen.server.workers = 4;
  chosen.http.shutdown_timeout = std::chrono::minutes(1);
  gateway = std::make_unique<Gateway>(chosen, LogSink());
  gateway->handle("GET", "/where", [](const HttpRequest&, const HttpReply& reply) {
    reply({200, "text/plain", "here", {}});
  });
  start();
  const std::string owed = polling_member("u1");
  post("p1", publish_body);  // it has half a minute to fetch that
  gateway->stop();
  while (get("/readyz").find("\"stopping\":true") == std::string::npos) {
  }
  for (int i = 0; i < 4 * tries; ++i) {
    ASSERT_THAT(get("/where"), EndsWith("here")) << i;
    ASSERT_THAT(get("/metrics"), HasSubstr("crier_sessions 1\n")) << i;
    // The byte that names the worker is the fourth of fifteen.
    for (const char* sid : {"AAAAAAAAAAAAAAAAAAAA", "AAAAAQAAAAAAAAAAAAAA"}) {
      ASSERT_THAT(ask(get_request(sid)), HasSubstr("Session ID unknown")) << i;
    }
  }
  EXPECT_THAT(ask(get_request(owed)), HasSubstr("request:created"));
  EXPECT_THAT(ask(get_request(owed)), EndsWith("1"));
  thread.join();
}

TEST_F(WorkersTest, AreAtMostSixtyFour) {
  GatewayOptions chosen = options();
  chosen.server.workers = 64;
  EXPECT_TRUE(Gateway::check(chosen));
  EXPECT_EQ(worker_count(chosen), 64U);
  chosen.server.workers = 65;
  EXPECT_EQ(Gateway::check(chosen).error().message,
            "server.workers must be a whole number from 0 to 64.");
  chosen.server.workers = 1;
  chosen.server.worker_backlog_bytes_max = 65'536;
  EXPECT_TRUE(Gateway::check(chosen));
  chosen.server.worker_backlog_bytes_max = 65'535;
  EXPECT_EQ(Gateway::check(chosen).error().message,
            "server.worker_backlog_bytes_max must be a whole number from 65536 to 1073741824.");
  chosen.server.workers = 0;
  EXPECT_EQ(worker_count(chosen), std::min(64U, std::thread::hardware_concurrency()));
}

}  // namespace
}  // namespace crier::node

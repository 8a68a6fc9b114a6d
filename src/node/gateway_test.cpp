#include "crier/gateway.hpp"

#include "tests/support/gateway_fixture.hpp"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace crier {
namespace {

using testing::AnyOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

using GatewayTest = GatewayFixture;

TEST_F(GatewayTest, AMemberGetsTheEventOfItsProgram) {
  run();
  auto client = member("u1");
  const std::string answer = post("p1", publish_body);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 202"));
  const std::string frame = client->read_frame();
  EXPECT_THAT(frame, StartsWith(R"(42["request:created",{"event":"request:created",)"
                                R"("programId":"p1","requestId":"r1","data":{"n":1},)"
                                R"("performedBy":{"userId":"u1","name":"Ursula"},"timestamp":")"));
  // The id of the answer is the event's last argument.
  const auto id = answer.substr(answer.find("\"id\":\"") + 6, 8);
  EXPECT_THAT(frame, HasSubstr("\"},\"" + id));
  EXPECT_THAT(answer, HasSubstr("\"seq\":1"));
}

TEST_F(GatewayTest, AnEventStaysInItsProgram) {
  run();
  auto stranger = member("u2");  // inactive in p1
  EXPECT_THAT(post("p1", publish_body), StartsWith("HTTP/1.1 202"));
  EXPECT_THAT(post("p2", publish_body), StartsWith("HTTP/1.1 202"));
  EXPECT_THAT(stranger->read_frame(), HasSubstr("\"programId\":\"p2\""));
}

TEST_F(GatewayTest, RefusesWithAMessageAndACode) {
  run();
  auto client = opened();
  client->write_text("40");
  EXPECT_THAT(
      client->read_frame(),
      StartsWith(R"(44{"message":"Authentication required","data":{"code":"token_missing")"));
  client->write_text("40{\"token\":\"" + token("nobody") + "\"}");
  EXPECT_THAT(client->read_frame(), StartsWith(R"(44{"message":"User not found or inactive")"));
  client->write_text("40/admin,{}");
  EXPECT_EQ(client->read_frame(), R"(44/admin,{"message":"Invalid namespace"})");
}

TEST_F(GatewayTest, SurvivesAConnectionThatDiesWhileItIsAdmitted) {
  std::promise<void> blocked;
  std::promise<void> go_on;
  gateway = std::make_unique<Gateway>(options(), LogSink());
  gateway->handle("GET", "/block", [&](const HttpRequest&, const HttpReply& reply) {
    gateway->publish_json("p1", std::string(publish_body), [](const Result<Position>&) {});
    blocked.set_value();
    go_on.get_future().wait();
    reply({200, "text/plain", "went on", {}});
  });
  start();
  LoopbackClient dying(gateway->port());
  dying.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  dying.read_until("ok\n");
  // All in one turn of the loop: a publish, and a member that comes and is gone already.
  LoopbackClient blocker(gateway->port());
  blocker.write("GET /block HTTP/1.1\r\nHost: x\r\n\r\n");
  blocked.get_future().wait();
  dying.write(LoopbackClient::upgrade_request("/socket.io/?EIO=4&transport=websocket") +
              LoopbackClient::frame("40{\"token\":\"" + token("u1") + "\"}"));
  dying.reset();
  go_on.set_value();
  EXPECT_THAT(blocker.read_until("went on"), EndsWith("went on"));
  EXPECT_THAT(get("/metrics"), HasSubstr("crier_sessions 0\n"));
}

TEST_F(GatewayTest, PongsToOneThatDoesNotReadDoNotPileUp) {
  run();
  auto client = opened();
  const std::size_t count = 50'000;
  const auto payload = [](std::size_t number) {
    return std::to_string(number) + std::string(100, '.');
  };
  std::string pings;
  for (std::size_t i = 1; i <= count; ++i) pings += LoopbackClient::frame(payload(i), '\x89');
  client->write(pings);
  std::size_t pongs = 0;
  std::string last;
  while (last != payload(count)) {
    last = client->read_frame();
    ASSERT_FALSE(last.empty());
    ++pongs;
  }
  EXPECT_LT(pongs, count / 2);
}

TEST_F(GatewayTest, ReplaysToOneThatDoesNotReadDoNotAddUp) {
  run();
  const std::string data(20'000, 'x');
  const std::string event = R"({"event":"request:created","requestId":"r1","data":{"text":")" +
                            data + R"("},"performedBy":{"userId":"u1","name":"Ursula"}})";
  for (int i = 0; i < 50; ++i) EXPECT_THAT(post("p1", event), StartsWith("HTTP/1.1 202"));
  auto client = opened();
  const std::string again = LoopbackClient::frame("41");
  const std::string connect =
      LoopbackClient::frame("40{\"token\":\"" + token("u1") + "\",\"lastEventTimestamp\":1}");
  client->write(connect);
  bool open = true;
  for (int i = 1; i <= 100 && open; ++i) {
    const std::string admitted = "crier_replayed_total " + std::to_string(50 * i) + "\n";
    std::string metrics;
    do {
      metrics = get("/metrics");
      open = metrics.find("crier_sessions 0\n") == std::string::npos;
    } while (open && metrics.find(admitted) == std::string::npos);
    client->write(again + connect);
  }
  EXPECT_FALSE(open);
  EXPECT_LT(client->read_all().size(), 50 * data.size() * 20);
  EXPECT_THAT(get("/metrics"), HasSubstr("crier_closes_total{reason=\"slow reader\"} 1\n"));
}

TEST_F(GatewayTest, OneThatLeavesBeforeItIsAnsweredIsClosed) {
  GatewayOptions chosen = options();
  chosen.redis.url = "redis://127.0.0.1:1";  // nobody listens there
  chosen.history.start_deadline = std::chrono::milliseconds(0);
  run(chosen);
  auto client = opened();
  client->write_text("40{\"token\":\"" + token("u1") + "\",\"lastEventTimestamp\":1}");
  client->write_text("41");
  EXPECT_EQ(client->read(2), std::string("\x88\x00", 2));
}

TEST_F(GatewayTest, ThePortOpensAtTheDeadlineWhenTheHistoryDoesNotAnswer) {
  GatewayOptions chosen = options();
  chosen.redis.url = "redis://127.0.0.1:1";  // nobody listens there
  chosen.history.start_deadline = std::chrono::milliseconds(200);
  gateway = std::make_unique<Gateway>(chosen, LogSink());
  ASSERT_TRUE(gateway->listen());
  EXPECT_NE(gateway->port(), 0);
  EXPECT_THROW(LoopbackClient(gateway->port()), std::runtime_error);
  thread = std::thread([this] { gateway->run(); });
  const auto may_connect = [this] {
    try {
      const LoopbackClient client(gateway->port());
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  };
  while (!may_connect()) std::this_thread::yield();
  EXPECT_THAT(get("/readyz"), HasSubstr("\"history\":\"down\""));
}

TEST_F(GatewayTest, AProgramThatIsOwedAMarkerIsNamedUntilTheNextProcess) {
  GatewayOptions chosen = options();
  chosen.redis.url = "redis://127.0.0.1:1";  // nobody listens there
  chosen.history.start_deadline = std::chrono::milliseconds(0);
  run(chosen);
  EXPECT_THAT(get("/readyz"), HasSubstr(R"("owed":{"count":0,"programs":[]})"));
  EXPECT_THAT(post("p1", publish_body), HasSubstr("\"recoverable\":false"));
  EXPECT_THAT(get("/readyz"), HasSubstr(R"("owed":{"count":1,"programs":["p1"]})"));
  EXPECT_THAT(get("/metrics"), HasSubstr("\ncrier_programs_owed 1\n"));
  gateway->stop();
  thread.join();
  gateway.reset();
  run(chosen);
  EXPECT_THAT(get("/readyz"), HasSubstr(R"("owed":{"count":1,"programs":["p1"]})"));
}

TEST_F(GatewayTest, SessionsOverPollingCountAgainstTheBoundOfConnections) {
  GatewayOptions chosen = options();
  chosen.http.connections_max = 5;
  run(chosen);
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(get("/socket.io/?EIO=4&transport=polling"), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_THAT(get("/socket.io/?EIO=4&transport=polling"), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST_F(GatewayTest, ConnectionsBeyondTheBoundAreClosedAtOnce) {
  GatewayOptions chosen = options();
  chosen.http.connections_max = 3;
  run(chosen);
  constexpr std::string_view request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
  std::vector<std::unique_ptr<LoopbackClient>> open;
  while (open.size() < chosen.http.connections_max) {  // what run() opened may still be there
    auto client = std::make_unique<LoopbackClient>(gateway->port());
    client->write(request);
    if (client->read_until("ok\n").ends_with("ok\n")) open.push_back(std::move(client));
  }
  LoopbackClient refused(gateway->port());
  refused.write(request);
  EXPECT_EQ(refused.read_all(), "");
  open.front()->write("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(open.front()->read_all(), HasSubstr("crier_connections 3\n"));
}

TEST_F(GatewayTest, APayloadOfAClientIsBounded) {
  GatewayOptions chosen = options();
  chosen.engine.payload_bytes_max = 1024;
  run(chosen);
  const std::string handshake = get("/socket.io/?EIO=4&transport=polling");
  const std::string sid = handshake.substr(handshake.find("\"sid\":\"") + 7, 20);
  const auto answer = [&](std::size_t size) {
    LoopbackClient client(gateway->port());
    client.write("POST /socket.io/?EIO=4&transport=polling&sid=" + sid +
                 " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
                 std::to_string(size) + "\r\n\r\n3" + std::string(size - 1, 'x'));
    return client.read_all();
  };
  EXPECT_THAT(answer(1024), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer(1025), StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(answer(1024), StartsWith("HTTP/1.1 200"));
}

TEST_F(GatewayTest, ARequestThatDoesNotArriveInTimeIsRefused) {
  GatewayOptions chosen = options();
  chosen.http.request_timeout = std::chrono::milliseconds(50);
  run(chosen);
  LoopbackClient slow(gateway->port());
  slow.write("GET /healthz HTTP/1.1\r\nHost:");
  EXPECT_THAT(slow.read_all(), StartsWith("HTTP/1.1 408"));
  LoopbackClient silent(gateway->port());
  EXPECT_EQ(silent.read_all(), "");
}

TEST_F(GatewayTest, PublishersOnAnyThreadGetTheirAnswersWhileItStops) {
  run();
  constexpr int each = 200;
  std::atomic<int> told = 0;
  std::promise<void> under_way;
  const auto publisher = [&](bool first) {
    const Payload payload{"r1", Json::parse("{}").value(), "u1", "Ursula"};
    for (int i = 0; i < each; ++i) {
      const auto result = gateway->publish("p1", "request:created", payload);
      EXPECT_THAT(result ? "" : result.error().code, AnyOf("", "shutting_down", "not_running"));
      gateway->emit_to_program("p1", "request:created", payload);
      gateway->publish_json("p1", std::string(publish_body),
                            [&](const Result<Position>&) { ++told; });
      if (first && i == each / 2) under_way.set_value();
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) threads.emplace_back(publisher, i == 0);
  under_way.get_future().wait();
  gateway->stop();
  for (auto& each_thread : threads) each_thread.join();
  thread.join();
  EXPECT_EQ(told, 4 * each);
}

TEST_F(GatewayTest, APeerThatHasEndedItsHalfStillGetsAllOfALargeAnswer) {
  gateway = std::make_unique<Gateway>(options(), LogSink());
  const std::string large(std::size_t{32} * 1024 * 1024, 'x');
  gateway->handle("GET", "/large", [&](const HttpRequest&, const HttpReply& reply) {
    reply({200, "text/plain", large, {}});
  });
  start();
  LoopbackClient client(gateway->port());
  client.write("GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  client.read_until("\r\n\r\n");
  client.end();
  EXPECT_EQ(client.read_all().size(), large.size());
}

TEST_F(GatewayTest, TheLargestEventFitsIntoABacklog) {
  GatewayOptions chosen = options();
  chosen.engine.backlog_bytes_max = 65'536;
  run(chosen);
  auto client = member("u1");
  std::string event = R"({"event":"request:status_changed","requestId":"r1","data":{"text":"")"
                      R"(},"performedBy":{"userId":"u1","name":"Ursula"}})";
  const std::size_t added = std::string_view(R"("programId":"p1",)").size();
  event.insert(event.find("\"\"") + 1, std::string(65'536 - 256 - added - event.size(), 'x'));
  EXPECT_THAT(post("p1", event), StartsWith("HTTP/1.1 202"));
  EXPECT_LE(client->read_frame().size() + 10, 65'536U);
  event.insert(event.find("xx"), "x");
  EXPECT_THAT(post("p1", event), StartsWith("HTTP/1.1 413"));
}

TEST_F(GatewayTest, DropsWhatClientsSend) {
  run();
  auto client = member("u1");
  client->write_text(R"(427["hello"])");
  EXPECT_EQ(client->read_frame(), R"(437[{"error":{"code":"not_allowed"}}])");
  EXPECT_THAT(get("/metrics"), HasSubstr("crier_client_events_dropped_total 1\n"));
}

TEST_F(GatewayTest, CatchesUpBeforeTheNextLiveEvent) {
  run();
  ASSERT_FALSE(gateway->publish("p1", "request:created", {"a", {}, "u", "n"}));  // data is null
  Payload payload{"a", Json::parse("{}").value(), "u1", "Ursula"};
  const auto first = gateway->publish("p1", "request:created", payload);
  ASSERT_TRUE(first);
  payload.request_id = "b";
  ASSERT_TRUE(gateway->publish("p1", "request:updated", payload));
  payload.request_id = "c";
  ASSERT_TRUE(gateway->publish("p1", "request:deleted", payload));
  const auto client = member("u1", ",\"lastEventTimestamp\":1");
  EXPECT_THAT(client->read_frame(), HasSubstr("\"requestId\":\"a\""));
  EXPECT_THAT(client->read_frame(), HasSubstr("\"requestId\":\"b\""));
  EXPECT_THAT(client->read_frame(), HasSubstr("\"requestId\":\"c\""));
  EXPECT_THAT(
      client->read_frame(),
      StartsWith(R"(42["catchup",{"recovered":false,"replayed":3,"programs":{"p1":"joined"}},")"))
      << "the membership began after the cursor";
  post("p1", publish_body);
  EXPECT_THAT(client->read_frame(), HasSubstr("\"requestId\":\"r1\""));
}

TEST_F(GatewayTest, EveryConnectIsFollowedByAWordOnEveryProgram) {
  run();
  EXPECT_THAT(
      opened_with("u1", "")->read_frame(),
      StartsWith(R"(42["catchup",{"recovered":false,"replayed":0,"programs":{"p1":"joined"}},")"));
  for (const std::string cursor :
       {R"("lastEventId":"no id")", R"("lastEventTimestamp":"yesterday")",
        R"("lastEventId":"epochABC.1700000000000000")",
        R"("lastEventTimestamp":"2099-01-01T00:00:00.000Z")"}) {
    EXPECT_THAT(
        opened_with("u1", "," + cursor)->read_frame(),
        StartsWith(R"(42["catchup",{"recovered":false,"replayed":0,"programs":{"p1":"reset"}},")"))
        << cursor;
  }
  EXPECT_THAT(opened_with("u1", R"(,"pid":"junk")")->read_frame(),
              HasSubstr(R"("programs":{"p1":"reset"},"changed":true})"))
      << "nobody knows any more what has left";
}

TEST_F(GatewayTest, APublishIsCheckedInTheOrderOfItsParts) {
  run();
  struct Case {
    std::string request;
    std::string_view status;
    std::string_view code;
  };
  const std::string json = "Content-Type: application/json\r\n";
  const std::string key = "Authorization: Bearer key\r\n";
  const std::string path_p1 = "/api/v1/programs/p1/events HTTP/1.1\r\nHost: x\r\n";
  const Case cases[] = {
      {"POST /api/v1/programs//events HTTP/1.1\r\nHost: x\r\n" + key, "404", "not_found"},
      {"POST /api/v1/programs/a/b/events HTTP/1.1\r\nHost: x\r\n" + key, "404", "not_found"},
      {"GET " + path_p1 + key, "405", "method_not_allowed"},
      {"POST " + path_p1 + json, "401", "unauthorized"},
      {"POST " + path_p1 + "Authorization: Bearer kez\r\n" + json, "401", "unauthorized"},
      {"POST " + path_p1 + "Authorization: Basic key\r\n" + json, "401", "unauthorized"},
      {"POST " + path_p1 + key + "Content-Type: text/plain\r\n", "415", "unsupported_media_type"},
      {"POST " + path_p1 + key, "415", "unsupported_media_type"},
      {"POST " + path_p1 + key + json, "400", "not_json"},
      {"POST /api/v1/programs/%zz/events HTTP/1.1\r\nHost: x\r\n" + key + json, "400",
       "bad_program"},
      {"POST /api/v1/programs/%00/events HTTP/1.1\r\nHost: x\r\n" + key + json, "422",
       "bad_program"},
  };
  for (const auto& c : cases) {
    LoopbackClient client(gateway->port());
    client.write(c.request + "Content-Length: 0\r\nConnection: close\r\n\r\n");
    const std::string answer = client.read_all();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + std::string(c.status))) << c.request;
    EXPECT_THAT(answer, HasSubstr("{\"code\":\"" + std::string(c.code) + "\"")) << c.request;
  }
}

TEST_F(GatewayTest, ABodyOfOneMebibyteIsTheLargest) {
  run();
  EXPECT_THAT(post("p1", std::string(1024 * 1024, ' ')), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(post("p1", std::string(1024 * 1024 + 1, ' ')), StartsWith("HTTP/1.1 413"));
}

TEST_F(GatewayTest, TheLimitsOfTheOptionsHold) {
  GatewayOptions chosen = options();
  chosen.api.body_bytes_max = 1024;
  chosen.http.headers_max = 5;
  chosen.http.header_bytes_max = 1024;
  chosen.engine.namespaces_max = 1;
  run(chosen);
  EXPECT_THAT(post("p1", std::string(1024, ' ')), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(post("p1", std::string(1025, ' ')), StartsWith("HTTP/1.1 413"));
  const auto with_headers = [&](int more, const std::string& value) {
    LoopbackClient client(gateway->port());
    std::string request = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    for (int i = 0; i < more; ++i) request += "X-" + std::to_string(i) + ": " + value + "\r\n";
    client.write(request + "\r\n");
    return client.read_all();
  };
  EXPECT_THAT(with_headers(3, "a"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(with_headers(4, "a"), StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(with_headers(1, std::string(1024, 'a')), StartsWith("HTTP/1.1 431"));
  auto client = member("u1");
  client->write_text("40/other,");
  EXPECT_EQ(client->read(2), std::string("\x88\x00", 2));
}

TEST_F(GatewayTest, APublishErrorNamesThePath) {
  run();
  const std::string answer = post(
      "p1", R"({"event":"nope","requestId":"r","data":{},"performedBy":{"userId":"u","name":""}})");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 422"));
  EXPECT_THAT(answer, HasSubstr(R"("path":"/event")"));
}

TEST_F(GatewayTest, TellsItsHealth) {
  run();
  EXPECT_THAT(get("/healthz"), EndsWith("ok\n"));
  EXPECT_THAT(get("/readyz"), HasSubstr(R"({"store":"up","history":"up","broker":"none")"));
  EXPECT_THAT(get("/readyz"), StartsWith("HTTP/1.1 200"));
  std::filesystem::remove(path);
  const std::string down = get("/readyz");
  EXPECT_THAT(down, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(down, HasSubstr("\"store\":\"down\""));
}

TEST_F(GatewayTest, AStoreThatIsGoneClosesTheTransportAndRefusesNobody) {
  GatewayOptions chosen = options();
  chosen.store.deadline = std::chrono::milliseconds(300);
  run(chosen);
  std::filesystem::remove(path);
  auto client = opened();
  client->write_text("40{\"token\":\"" + token("u1") + "\"}");
  EXPECT_EQ(client->read(2), std::string("\x88\x00", 2));
}

TEST_F(GatewayTest, RunsTheRoutesOfTheApplication) {
  gateway = std::make_unique<Gateway>(options(), LogSink());
  gateway->handle("GET", "/hello/*", [](const HttpRequest& request, const HttpReply& reply) {
    reply({200, "text/plain", request.path + "?" + request.query, {{"X-Two", "2"}}});
    reply({500, "text/plain", "a second answer", {}});
  });
  gateway->handle("POST", "/throw",
                  [](const HttpRequest&, const HttpReply&) { throw std::runtime_error("oops"); });
  ASSERT_TRUE(gateway->listen());
  thread = std::thread([this] { gateway->run(); });
  const std::string answer = get("/hello/you?a=1");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("X-Two: 2\r\n"));
  EXPECT_THAT(answer, EndsWith("/hello/you?a=1"));
  EXPECT_THAT(get("/throw"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(get("/elsewhere"), StartsWith("HTTP/1.1 404"));
}

TEST_F(GatewayTest, PublishesOnlyWhileItRuns) {
  gateway = std::make_unique<Gateway>(options(), LogSink());
  const Payload payload{"a", Json::parse("{}").value(), "u1", "Ursula"};
  gateway->emit_to_program("p1", "request:created", payload);
  const auto result = gateway->publish("p1", "request:created", payload);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "not_running");
}

TEST_F(GatewayTest, WhatIsPublishedBetweenListenAndRunWaitsForRun) {
  gateway = std::make_unique<Gateway>(options(), LogSink());
  ASSERT_TRUE(gateway->listen());
  const Payload payload{"a", Json::parse("{}").value(), "u1", "Ursula"};
  gateway->emit_to_program("p1", "request:created", payload);
  thread = std::thread([this] { gateway->run(); });
  const auto second = gateway->publish("p1", "request:created", payload);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->seq, 2U);
}

TEST_F(GatewayTest, EventsArriveInOrderAlsoWhenTheyWaitForOthers) {
  GatewayOptions chosen = options();
  chosen.engine.flush_window = std::chrono::milliseconds(1);
  run(chosen);
  auto client = member("u1");
  const Payload payload{"a", Json::parse("{}").value(), "u1", "Ursula"};
  for (const auto* event : {"request:created", "request:updated", "comment:added"}) {
    ASSERT_TRUE(gateway->publish("p1", event, payload));
  }
  EXPECT_THAT(client->read_frame(), HasSubstr("request:created"));
  EXPECT_THAT(client->read_frame(), HasSubstr("request:updated"));
  EXPECT_THAT(client->read_frame(), HasSubstr("comment:added"));
}

TEST_F(GatewayTest, EventsOfSeveralProgramsThatLeaveTogetherKeepTheirOrder) {
  {
    const auto store = sqlite::Store::open(path, sqlite::Store::Mode::create);
    ASSERT_TRUE((*store)->put_membership({"p2", "u1", true}));
  }
  GatewayOptions chosen = options();
  chosen.engine.flush_window = std::chrono::milliseconds(1);
  chosen.engine.backlog_bytes_max = 64 * 1024 * 1024;
  run(chosen);
  auto both = member("u1");
  auto second = member("u2");
  // More than the kernel takes at once: what is left over keeps its place too.
  const std::string filler(900'000, 'x');
  for (int i = 0; i < 24; ++i) {
    const Payload payload{std::to_string(i), Json::parse("{\"x\":\"" + filler + "\"}").value(),
                          "u1", "Ursula"};
    gateway->emit_to_program(i % 2 == 0 ? "p1" : "p2", "request:created", payload);
  }
  for (int i = 0; i < 24; ++i) {
    const std::string request = "\"requestId\":\"" + std::to_string(i) + "\"";
    EXPECT_THAT(both->read_frame().substr(0, 200), HasSubstr(request));
    if (i % 2 == 0) continue;
    EXPECT_THAT(second->read_frame().substr(0, 200), HasSubstr(request));
  }
}

TEST_F(GatewayTest, OptionsThatMakeNoSenseAreNamed) {
  GatewayOptions bad_path = options();
  bad_path.engine.path = "socket.io";
  const auto fit = Gateway::check(bad_path);
  ASSERT_FALSE(fit);
  EXPECT_THAT(fit.error().message, StartsWith("engine.path must"));
  EXPECT_EQ(fit.error().path, "/engine/path");
  EXPECT_TRUE(Gateway::check(options()));
  GatewayOptions no_secret = options();
  no_secret.auth.secret.clear();
  EXPECT_THROW(Gateway(no_secret, LogSink()), std::invalid_argument);
  GatewayOptions no_algorithm = options();
  no_algorithm.auth.algorithms = {"HS256", "none"};
  EXPECT_THROW(Gateway(no_algorithm, LogSink()), std::invalid_argument);
  GatewayOptions short_ttl = options();
  short_ttl.history.ttl = std::chrono::milliseconds(999);
  EXPECT_THROW(Gateway(short_ttl, LogSink()), std::invalid_argument);
  GatewayOptions window = options();
  window.engine.flush_window = std::chrono::milliseconds(1);
  EXPECT_TRUE(Gateway::check(window));
  window.engine.flush_window = std::chrono::microseconds(1001);
  EXPECT_EQ(Gateway::check(window).error().message,
            "engine.flush_window must be a duration from 0us to 1ms.");
  GatewayOptions narrow = options();
  narrow.history.replay_bytes_max = 1'048'576;
  EXPECT_TRUE(Gateway::check(narrow));
  narrow.history.replay_bytes_max = 1'048'575;
  EXPECT_EQ(Gateway::check(narrow).error().message,
            "history.replay_bytes_max must be a whole number from 1048576 to 1073741824.");
  GatewayOptions impatient = options();
  impatient.engine.slow_reader_timeout = std::chrono::milliseconds(1000);
  EXPECT_TRUE(Gateway::check(impatient));
  impatient.engine.slow_reader_timeout = std::chrono::milliseconds(999);
  EXPECT_EQ(Gateway::check(impatient).error().message,
            "engine.slow_reader_timeout must be a duration of at least 1s.");
  window.engine.flush_window = std::chrono::microseconds(-1);
  EXPECT_FALSE(Gateway::check(window));
}

TEST_F(GatewayTest, OptionsOfRedisThatMakeNoSenseAreNamed) {
  GatewayOptions bad_redis = options();
  bad_redis.redis.url = "http://x";
  EXPECT_THROW(Gateway(bad_redis, LogSink()), std::invalid_argument);
  bad_redis.redis.url = "rediss://:hunter2@x";
  bad_redis.redis.ca_file = "/none";
  const auto no_file = Gateway::check(bad_redis);
  ASSERT_FALSE(no_file);
  EXPECT_THAT(no_file.error().message,
              testing::AllOf(StartsWith("redis.url: For Redis the CA file /none"),
                             testing::Not(HasSubstr("hunter"))));
  EXPECT_THROW(Gateway(bad_redis, LogSink()), std::invalid_argument);
}

TEST_F(GatewayTest, HalfACertificateAndOneThatCannotBeReadAreNamed) {
  GatewayOptions no_key = options();
  no_key.tls.certificate_file = "/none.crt";
  EXPECT_EQ(Gateway::check(no_key).error().message,
            "tls.certificate_file and tls.key_file must be set both or not at all.");
  no_key.tls.key_file = "/none.key";
  EXPECT_THAT(Gateway::check(no_key).error().message, HasSubstr("the certificate file /none.crt"));
}

TEST_F(GatewayTest, StoppingDeliversWhatWasAcceptedAndClosesCleanly) {
  run();
  auto client = member("u1");
  EXPECT_THAT(post("p1", publish_body), StartsWith("HTTP/1.1 202"));
  gateway->stop();
  EXPECT_THAT(client->read_frame(), HasSubstr("request:created"));
  EXPECT_EQ(client->read(2), std::string("\x88\x00", 2));
  client->close();
  thread.join();
}

}  // namespace
}  // namespace crier

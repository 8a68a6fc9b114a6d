#pragma once

// A gateway on a thread of its own, with a store of two users.

#include "access/jwt.hpp"
#include "backends/sqlite/store.hpp"
#include "crier/gateway.hpp"
#include "tests/support/loopback_client.hpp"

#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace crier {

inline constexpr std::string_view secret = "a secret of the tests";
inline constexpr std::string_view publish_body =
    R"({"event":"request:created","requestId":"r1","data":{"n":1},)"
    R"("performedBy":{"userId":"u1","name":"Ursula"}})";

/// u1 is a member of p1; u2 of p2, and an inactive one of p1.
class GatewayFixture : public testing::Test {
 protected:
  GatewayFixture() {
    auto store = sqlite::Store::open(path, sqlite::Store::Mode::create);
    EXPECT_TRUE(store);
    EXPECT_TRUE(store.value()->put_user({"u1", "Ursula", "member", true, {}}));
    EXPECT_TRUE(store.value()->put_user({"u2", "Ulf", "member", true, {}}));
    EXPECT_TRUE(store.value()->put_membership({"p1", "u1", true}));
    EXPECT_TRUE(store.value()->put_membership({"p1", "u2", false}));
    EXPECT_TRUE(store.value()->put_membership({"p2", "u2", true}));
  }
  ~GatewayFixture() override {
    if (gateway) gateway->stop();
    if (thread.joinable()) thread.join();
    std::filesystem::remove_all(folder);
  }

  static std::string make_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "crier-test-XXXXXX").string();
    return mkdtemp(name.data());
  }
  GatewayOptions options() const {
    GatewayOptions options;
    options.http.address = "127.0.0.1";
    options.http.port = 0;
    options.auth.secret = secret;
    options.store.path = path;
    options.api.key = "key";
    const char* workers = std::getenv("CRIER_TEST_WORKERS");  // CTest runs these tests with both
    options.server.workers =
        workers == nullptr ? 1 : static_cast<std::uint32_t>(std::atoi(workers));
    options.http.shutdown_timeout =
        std::chrono::milliseconds(500);  // sessions whose client never polls
    return options;
  }
  void run() { run(options()); }
  void run(const GatewayOptions& chosen) {
    gateway = std::make_unique<Gateway>(chosen, LogSink());
    start();
  }
  void start() {
    ASSERT_TRUE(gateway->listen());
    thread = std::thread([this] { gateway->run(); });
    EXPECT_THAT(get("/healthz"), testing::EndsWith("ok\n"));
  }
  static std::string token(std::string_view user) {
    return access::sign_hs256(secret, "{\"sub\":\"" + std::string(user) + "\"}");
  }
  std::unique_ptr<LoopbackClient> opened() {
    auto client = std::make_unique<LoopbackClient>(gateway->port());
    client->open_websocket("/socket.io/?EIO=4&transport=websocket");
    EXPECT_THAT(client->read_frame(), testing::StartsWith("0{\"sid\":"));
    return client;
  }
  /// A client that has read CONNECT; `more` goes into its auth.
  std::unique_ptr<LoopbackClient> opened_with(std::string_view user, const std::string& more) {
    auto client = opened();
    client->write_text("40{\"token\":\"" + token(user) + "\"" + more + "}");
    EXPECT_THAT(client->read_frame(), testing::StartsWith("40{\"sid\":"));
    return client;
  }
  /// Has been told that it joined, unless its auth holds `more`: a cursor.
  std::unique_ptr<LoopbackClient> member(std::string_view user, const std::string& more = "") {
    auto client = opened_with(user, more);
    if (more.empty()) {
      EXPECT_THAT(client->read_frame(), testing::StartsWith("42[\"catchup\","));
    }
    return client;
  }
  /// `more`: header lines, each with its CRLF.
  static std::string publish_request(std::string_view program, std::string_view body,
                                     std::string_view key, std::string_view more = "") {
    return "POST /api/v1/programs/" + std::string(program) +
           "/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " +
           std::string(key) +
           "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n" + std::string(more) + "\r\n" + std::string(body);
  }
  std::string post(std::string_view program, std::string_view body, std::string_view key = "key",
                   std::string_view more = "") {
    LoopbackClient client(gateway->port());
    client.write(publish_request(program, body, key, more));
    return client.read_all();
  }
  std::string get(std::string_view path_and_query) {
    LoopbackClient client(gateway->port());
    client.write("GET " + std::string(path_and_query) +
                 " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return client.read_all();
  }

  std::string folder = make_folder();
  std::string path = folder + "/store.db";
  std::unique_ptr<Gateway> gateway;
  std::thread thread;
};

}  // namespace crier

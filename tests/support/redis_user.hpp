#pragma once

// For tests: the user of a connection to a real server.

#include "backends/redis/client/connection.hpp"
#include "tests/support/redis_server.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

namespace crier::redis {

class TestUser : public ConnectionUser {
 public:
  TestUser() {
    options.retry_min = std::chrono::milliseconds(5);
    options.retry_max = std::chrono::milliseconds(50);
  }

  void on_connected() override { ++connects; }
  void on_lost(const std::string& why) override { losses.push_back(why); }

  void connect(const std::string& url) {
    options.url = url;
    auto checked = checked_url(options);
    ASSERT_TRUE(checked) << checked.error();
    connection = std::make_unique<Connection>(loop, *std::move(checked), options, random, *this);
  }
  template <class Predicate>
  bool wait(Predicate holds) {
    return turn_until(loop, holds);
  }

  /// The answer as text; `lost` if the connection was.
  std::string ask(const std::vector<std::string>& command) {
    std::string answer = "none yet";
    connection->send(command, [&](const redisReply* reply) {
      answer = reply == nullptr                     ? "lost"
               : reply->type == REDIS_REPLY_INTEGER ? std::to_string(reply->integer)
               : reply->str == nullptr              ? "nil"
                                                    : std::string(reply->str, reply->len);
    });
    wait([&] { return answer != "none yet"; });
    return answer;
  }
  [[nodiscard]] std::string last_loss() const { return losses.empty() ? "" : losses.back(); }

  net::Loop loop;
  Random random = Random::seeded(5);
  ConnectionOptions options;
  int connects = 0;
  std::vector<std::string> losses;
  std::unique_ptr<Connection> connection;
};

}  // namespace crier::redis

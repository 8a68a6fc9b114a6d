#pragma once

// For tests: a real redis-server of the test's own, and loop turns until something holds.

#include "net/loop.hpp"
#include "tests/support/redis_process.hpp"

#include <chrono>
#include <cstdint>
#include <hiredis/hiredis.h>
#include <memory>
#include <string>
#include <vector>

namespace crier::redis {

class TestServer {
 public:
  struct FreeReply {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
  };
  using Reply = std::unique_ptr<redisReply, FreeReply>;

  /// Whether redis-server is on the PATH.
  static bool installed();

  /// Starts on a free port of 127.0.0.1, keeping nothing on disk unless `options` say so. Throws
  /// if that fails.
  explicit TestServer(std::vector<std::string> options = {});
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  void kill();     ///< SIGKILL, and waits for the end.
  void restart();  ///< On the same port, with what is on disk.
  void pause();    ///< SIGSTOP
  void resume();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url(const std::string& credentials = {}) const;

  /// Runs a command over a connection of its own, as the administrator.
  Reply command(const std::vector<std::string>& arguments);
  static Reply command_at(std::uint16_t port, const std::vector<std::string>& arguments);
  std::string text(const std::vector<std::string>& arguments);  ///< The answer as text.

 private:
  bool start();

  std::vector<std::string> options_;
  std::string folder_;
  std::uint16_t port_ = 0;
  std::unique_ptr<TestProcess> process_;
};

/// Turns the loop until `holds()`; false if that takes too long.
template <class Predicate>
bool turn_until(net::Loop& loop, Predicate holds,
                std::chrono::milliseconds limit = std::chrono::seconds(20)) {
  const TimePoint deadline = loop.now() + limit;
  std::unique_ptr<net::Timer> tick;
  tick = std::make_unique<net::Timer>(loop, [&] {
    if (holds() || loop.now() >= deadline) return loop.stop();
    tick->arm(loop.now() + std::chrono::milliseconds(1));
  });
  tick->arm(loop.now());
  loop.run();
  return holds();
}

}  // namespace crier::redis

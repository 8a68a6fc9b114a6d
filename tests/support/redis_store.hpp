#pragma once

// For tests: a store whose server's answers are given by hand.

#include "backends/redis/store/history.hpp"
#include "net/listener.hpp"
#include "tests/support/redis_peer.hpp"
#include "tests/support/redis_server.hpp"

#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

namespace crier::redis {

constexpr const char* run_id = "$15\r\nrun_id:abcdef\r\n\r\n";
constexpr const char* published = ":0\r\n";
constexpr const char* sha = "$40\r\n0123456789012345678901234567890123456789\r\n";
inline const std::string scripts = std::string(sha) + sha + sha + sha + sha;

inline std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

/// The answers to INFO, TIME and INFO.
inline std::string info() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  return run_id + std::string("*2\r\n") + bulk(std::to_string(us / 1'000'000)) +
         bulk(std::to_string(us % 1'000'000)) + bulk("maxmemory:0");
}

class RedisHistoryRefusal : public testing::Test {
 protected:
  void SetUp() override {
    auto bound = net::Listener::open(loop, {"127.0.0.1", 0}, [this](net::Stream stream) {
      peers.push_back(std::make_unique<Peer>(std::move(stream)));
    });
    listener = std::move(bound).value();
    options.connection.url = "redis://127.0.0.1:" + std::to_string(listener->port());
    open();
  }
  void open() {
    const auto sink = [this](LogLevel, std::string_view message,
                             std::initializer_list<LogField> fields) {
      std::string line(message);
      for (const LogField& field : fields) {
        if (field.key != "server") line += " " + std::string(field.key) + "=" + field.value;
      }
      lines.push_back(line);
    };
    const std::size_t known = peers.size();
    store = open_history(loop, options, {}, Random::seeded(5), sink).value();
    wait([&] { return peers.size() > known; });
  }
  template <class Predicate>
  void wait(Predicate holds) {
    ASSERT_TRUE(turn_until(loop, holds));
  }
  Peer& peer() { return *peers.back(); }
  void answer(const std::string& text) { peer().answer(text); }
  void make_available() {
    answer(info() + scripts + published + ":0\r\n");
    wait([&] { return store->available(); });
  }
  void wait_next_connection() {
    const std::size_t known = peers.size();
    wait([&] { return peers.size() > known; });
  }
  /// Waits until the newest connection has received `count` calls of a script.
  void wait_calls(std::size_t count) {
    wait([&] {
      std::size_t calls = 0;
      for (std::size_t at = 0; (at = peer().received.find("EVALSHA", at)) != std::string::npos;
           ++at) {
        ++calls;
      }
      return calls >= count;
    });
  }
  void begin_append(const std::string& token = {}) {
    store->append({"p", Bytes(std::string("{}")), token},
                  [this](Result<history::Appended, history::StoreError> outcome) {
                    outcomes.push_back(outcome);
                  });
  }
  void begin_read() {
    store->read({{"p", 0, 0}}, [this](Result<history::ReadReply, history::StoreError> reply) {
      reads.push_back(reply);
    });
  }
  /// The result of an append in the newest batch received, as the script gives it.
  std::string result(const std::string& numbers) {
    const std::string& received = peer().received;
    const std::string key = "socket:events:batch:";
    return "epoch--1 " + numbers + " " + received.substr(received.rfind(key) + key.size(), 20);
  }
  std::string appended(const std::string& numbers) { return bulk(result(numbers)); }

  net::Loop loop;
  Options options{.connection = {.retry_min = std::chrono::milliseconds(2),
                                 .retry_max = std::chrono::milliseconds(10)},
                  .append_deadline = std::chrono::milliseconds(300)};
  std::unique_ptr<net::Listener> listener;
  std::vector<std::unique_ptr<Peer>> peers;
  std::unique_ptr<history::HistoryStore> store;
  std::vector<std::string> lines;
  std::vector<Result<history::Appended, history::StoreError>> outcomes;
  std::vector<Result<history::ReadReply, history::StoreError>> reads;
};

}  // namespace crier::redis

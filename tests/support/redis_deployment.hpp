#pragma once

// For tests: real servers that watch over each other.

#include "tests/support/redis_server.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace crier::redis {

/// Whether the replica holds all that the master does. (WAIT asks for the connection's own writes.)
bool has_caught_up(TestServer& replica, TestServer& master);

/// A Sentinel that alone decides about one master, `events`, and decides soon.
class TestSentinel {
 public:
  /// `more` are further lines of its configuration. Throws if it does not start.
  explicit TestSentinel(std::uint16_t master_port, const std::string& more = {});
  ~TestSentinel();
  TestSentinel(const TestSentinel&) = delete;
  TestSentinel& operator=(const TestSentinel&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Whether it has seen a replica that it could promote.
  [[nodiscard]] bool knows_a_replica() const;

 private:
  std::string folder_;
  std::uint16_t port_;
  std::unique_ptr<TestProcess> process_;
};

/// Three primaries, which share the slots evenly, and one replica of the one that has the slot of
/// Crier's keys.
class TestCluster {
 public:
  TestCluster();  ///< Returns when all agree. Throws if that takes too long.

  [[nodiscard]] std::size_t owner() const { return owner_; }
  [[nodiscard]] TestServer& node(std::size_t i) { return *nodes_.at(i); }
  [[nodiscard]] TestServer& replica() { return *nodes_.back(); }

  /// Moves the slot of Crier's keys, with what is in it, to another primary.
  void move_slot(std::size_t to);

 private:
  std::string id(std::size_t i) { return node(i).text({"CLUSTER", "MYID"}); }
  bool agrees();

  std::vector<std::unique_ptr<TestServer>> nodes_;
  std::size_t owner_ = 0;
};

}  // namespace crier::redis

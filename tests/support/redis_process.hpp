#pragma once

// For tests: a program that runs as long as the object.

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace crier::redis {

class TestProcess {
 public:
  explicit TestProcess(std::vector<std::string> arguments);
  ~TestProcess();  ///< SIGKILL, and waits for the end.
  TestProcess(const TestProcess&) = delete;
  TestProcess& operator=(const TestProcess&) = delete;

  /// Reads what it prints until `word` is there; false: it has ended, or 20 s have passed without
  /// a word.
  [[nodiscard]] bool wait_for(std::string_view word) const;

  /// What it prints until it ends, or has been silent for 20 s.
  [[nodiscard]] std::string output() const;

  void signal(int number) const;

 private:
  [[nodiscard]] bool read_more(std::string& printed) const;

  pid_t pid_ = -1;
  int output_ = -1;
};

/// A port of 127.0.0.1 that nobody listens on now.
std::uint16_t free_port();

}  // namespace crier::redis

#pragma once

// Publishes over HTTP, pipelined on one connection.

#include "loop.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace storm {

class Publisher final : public Ready {
 public:
  Publisher(Loop& loop, std::uint16_t port, std::string key);
  ~Publisher() override;
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  /// One event: its number, `bytes` of text and, if asked for, the time in it.
  void publish(std::string_view program, std::uint64_t number, std::size_t bytes, bool timed);
  /// Sends what publish() has written since the last one.
  void flush();

  void ready(std::uint32_t events) override;

  std::uint64_t accepted = 0;  ///< Answered with 202; any other answer ends the program.

 private:
  void hang_up();

  Loop& loop_;
  std::uint16_t port_;
  std::string key_;
  std::uint64_t sent_ = 0;
  std::string unsent_;
  std::string rest_;
  int descriptor_ = -1;
  bool waiting_ = false;  ///< For the kernel to take more.
};

}  // namespace storm

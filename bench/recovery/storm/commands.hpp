#pragma once

// What storm.mjs asks for, a line each, answered by a line of JSON.

#include "client.hpp"
#include "loop.hpp"
#include "publisher.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace storm {

class Commands {
 public:
  /// `clients`: a file with a line "PROGRAMS TOKEN" for each.
  Commands(Loop& loop, std::uint16_t port, int server, const std::string& key,
           const std::string& clients);

  /// The answer to one line; empty when it is no command.
  std::string execute(const std::string& line);

 private:
  struct Spent;
  std::string fill(std::uint64_t count, std::uint32_t programs, std::size_t bytes,
                   std::uint32_t first);
  std::string connect(std::uint32_t rounds, std::size_t under_way);
  std::string loop(double seconds, std::uint32_t rounds, std::size_t under_way);
  std::string rate(double per_second, std::uint64_t count, std::size_t bytes);
  std::string cut();
  /// One event with the next number.
  void publish(std::string_view program, std::size_t bytes, bool timed);
  void flush();
  [[nodiscard]] std::uint64_t accepted() const;
  std::string report(std::size_t index);

  Loop& loop_;
  int server_;
  Client::Shared shared_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
  std::uint64_t published_ = 0;
};

}  // namespace storm

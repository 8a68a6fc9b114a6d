#pragma once

// The command line.

#include "target.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace load {

enum class Command : std::uint8_t { idle, fanout, echo, connect, publish, recover };
enum class Transport : std::uint8_t { websocket, polling };

struct Options {
  Command command = Command::idle;
  std::string command_name;
  std::string url_text;
  Url url;
  std::size_t clients = 1;
  std::vector<std::string> auths;  ///< JSON for the CONNECT: none, one for all, or one a client.
  std::string path = "/socket.io/";
  std::string name_space = "/";
  Transport transport = Transport::websocket;
  std::size_t connecting = 128;
  double warm_up = 0.5;
  std::optional<double> duration;
  std::vector<std::string> publish_urls;
  std::vector<std::string> publish_headers;
  std::string publish_body = R"({"now":"{now}"})";
  std::size_t publishers = 1;
  std::size_t window = 1;
  std::optional<double> rate;
  std::uint64_t count = 0;  ///< Number of publishes; 0: until the window ends.
  std::uint32_t missed = 3;
  std::string event = "echo";
  std::size_t bytes = 200;
  double slow = 0;
  std::vector<int> servers;
  std::optional<int> core;
  bool spin = false;
  bool progress = false;
  bool insecure = false;
  std::string json;
  std::string html;

  [[nodiscard]] double seconds() const { return duration.value_or(3); }
  [[nodiscard]] const std::string& auth_of(std::size_t client) const;
};

struct Parsed {
  enum class Verdict : std::uint8_t { run, help, refused } verdict = Verdict::run;
  Options options;
  std::string text;  ///< The help, or one sentence that says what is wrong.
};

/// Of a program's arguments without its name; reads the file of `--tokens`.
[[nodiscard]] Parsed parse_options(std::vector<std::string> arguments);

}  // namespace load

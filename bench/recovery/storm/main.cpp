// The load of storm.mjs: many Socket.IO clients that come back, in one thread.
//
//   recovery_storm PORT SERVER_PROCESS API_KEY CLIENTS_FILE

#include "commands.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/epoll.h>
#include <unistd.h>

namespace {

/// Lines of standard input, read while the clients answer their heartbeats.
class Input final : public storm::Ready {
 public:
  void ready(std::uint32_t /*events*/) override {
    std::array<char, 1024> bytes{};
    const long count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (count <= 0) std::exit(0);
    text.append(bytes.data(), static_cast<std::size_t>(count));
  }
  std::string text;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) {
    std::fputs("usage: recovery_storm PORT SERVER_PROCESS API_KEY CLIENTS_FILE\n", stderr);
    return 2;
  }
  storm::Loop loop;
  storm::Commands commands(loop, static_cast<std::uint16_t>(std::atoi(arguments[1])),
                           std::atoi(arguments[2]), arguments[3], arguments[4]);
  Input input;
  loop.add(STDIN_FILENO, EPOLLIN, input);
  for (;;) {
    loop.run([&] { return input.text.find('\n') != std::string::npos; }, 1e9);
    const std::size_t end = input.text.find('\n');
    const std::string line = input.text.substr(0, end);
    input.text.erase(0, end + 1);
    const std::string answer = commands.execute(line);
    std::printf("%s\n", answer.empty() ? R"({"error":"no such command"})" : answer.c_str());
    std::fflush(stdout);
  }
}

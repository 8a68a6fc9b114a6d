#include "tests/support/redis_process.hpp"

#include "base/assert.hpp"

#include <arpa/inet.h>
#include <csignal>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace crier::redis {
namespace {

[[noreturn]] void run_child(std::vector<std::string>& arguments, int output) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(output, STDOUT_FILENO);
  std::vector<char*> raw;
  for (std::string& argument : arguments) raw.push_back(argument.data());
  raw.push_back(nullptr);
  ::execvp(raw[0], raw.data());
  ::_exit(127);
}

}  // namespace

std::uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  CRIER_ASSERT(::bind(socket, generic, length) == 0);
  CRIER_ASSERT(::getsockname(socket, generic, &length) == 0);
  ::close(socket);
  return ntohs(address.sin_port);
}

TestProcess::TestProcess(std::vector<std::string> arguments) {
  int ends[2];
  CRIER_ASSERT(::pipe2(ends, O_CLOEXEC) == 0);
  pid_ = ::fork();
  CRIER_ASSERT(pid_ >= 0);
  if (pid_ == 0) run_child(arguments, ends[1]);
  ::close(ends[1]);
  output_ = ends[0];
}

TestProcess::~TestProcess() {
  signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  ::close(output_);
}

bool TestProcess::wait_for(std::string_view word) const {
  std::string printed;
  while (printed.find(word) == std::string::npos) {
    if (!read_more(printed)) return false;
  }
  return true;
}

std::string TestProcess::output() const {
  std::string printed;
  while (read_more(printed)) {
  }
  return printed;
}

bool TestProcess::read_more(std::string& printed) const {
  pollfd waiting{output_, POLLIN, 0};
  if (::poll(&waiting, 1, 20'000) <= 0) return false;
  char piece[512];
  const ssize_t count = ::read(output_, piece, sizeof piece);
  if (count <= 0) return false;
  printed.append(piece, static_cast<std::size_t>(count));
  return true;
}

void TestProcess::signal(int number) const { ::kill(pid_, number); }

}  // namespace crier::redis

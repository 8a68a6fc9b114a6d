#include "backends/redis/test_server.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <string_view>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace crier::redis {
namespace {

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

[[noreturn]] void run_child(std::vector<std::string>& arguments, int output) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(output, STDOUT_FILENO);
  std::vector<char*> raw;
  for (std::string& argument : arguments) raw.push_back(argument.data());
  raw.push_back(nullptr);
  ::execvp(raw[0], raw.data());
  ::_exit(127);
}

/// Reads what the server prints until it is ready, has ended, or 20 s have passed without a word.
bool wait_ready(int output) {
  std::string printed;
  char piece[512];
  while (printed.find("Ready to accept connections") == std::string::npos) {
    pollfd waiting{output, POLLIN, 0};
    if (::poll(&waiting, 1, 20'000) <= 0) return false;
    const ssize_t count = ::read(output, piece, sizeof piece);
    if (count <= 0) return false;
    printed.append(piece, static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

bool TestServer::installed() {
  const char* const path = std::getenv("PATH");
  std::string_view folders = path == nullptr ? "" : path;
  while (!folders.empty()) {
    const std::string folder(folders.substr(0, folders.find(':')));
    if (::access((folder + "/redis-server").c_str(), X_OK) == 0) return true;
    folders.remove_prefix(std::min(folder.size() + 1, folders.size()));
  }
  return false;
}

TestServer::TestServer(std::vector<std::string> options) : options_(std::move(options)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "crier-redis-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = pattern;
  for (int i = 0; i < 5; ++i) {
    port_ = free_port();
    if (start()) return;
    kill();
  }
  throw std::runtime_error("redis-server does not start");
}

TestServer::~TestServer() {
  kill();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

bool TestServer::start() {
  std::vector<std::string> arguments = {
      "redis-server", "--port", std::to_string(port_), "--bind", "127.0.0.1",
      "--save",       "",       "--appendonly",        "no",     "--dir",
      folder_};
  arguments.insert(arguments.end(), options_.begin(), options_.end());
  int ends[2];
  CRIER_ASSERT(::pipe2(ends, O_CLOEXEC) == 0);
  pid_ = ::fork();
  CRIER_ASSERT(pid_ >= 0);
  if (pid_ == 0) run_child(arguments, ends[1]);
  ::close(ends[1]);
  output_ = ends[0];
  return wait_ready(output_);
}

void TestServer::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  ::close(output_);
  pid_ = -1;
}

void TestServer::restart() {
  kill();
  if (!start()) throw std::runtime_error("redis-server does not come back");
}

void TestServer::pause() { ::kill(pid_, SIGSTOP); }
void TestServer::resume() { ::kill(pid_, SIGCONT); }

std::string TestServer::url(const std::string& credentials) const {
  return "redis://" + credentials + "127.0.0.1:" + std::to_string(port_);
}

TestServer::Reply TestServer::command(const std::vector<std::string>& arguments) {
  const std::unique_ptr<redisContext, decltype(&redisFree)> context(
      redisConnectWithTimeout("127.0.0.1", port_, {20, 0}), &redisFree);
  if (context == nullptr || context->err != 0) throw std::runtime_error("redis-server is away");
  std::vector<const char*> data;
  std::vector<std::size_t> sizes;
  for (const std::string& argument : arguments) {
    data.push_back(argument.data());
    sizes.push_back(argument.size());
  }
  return Reply(static_cast<redisReply*>(
      redisCommandArgv(context.get(), static_cast<int>(data.size()), data.data(), sizes.data())));
}

std::string TestServer::text(const std::vector<std::string>& arguments) {
  const Reply reply = command(arguments);
  if (reply == nullptr) return "no answer";
  if (reply->type == REDIS_REPLY_INTEGER) return std::to_string(reply->integer);
  if (reply->str == nullptr) return {};
  return {reply->str, static_cast<std::size_t>(reply->len)};
}

}  // namespace crier::redis

#include "tests/support/redis_server.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <unistd.h>

namespace crier::redis {

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
  process_ = std::make_unique<TestProcess>(std::move(arguments));
  return process_->wait_for("Ready to accept connections");
}

void TestServer::kill() { process_.reset(); }

void TestServer::restart() {
  kill();
  if (!start()) throw std::runtime_error("redis-server does not come back");
}

void TestServer::pause() { process_->signal(SIGSTOP); }
void TestServer::resume() { process_->signal(SIGCONT); }

std::string TestServer::url(const std::string& credentials) const {
  return "redis://" + credentials + "127.0.0.1:" + std::to_string(port_);
}

TestServer::Reply TestServer::command(const std::vector<std::string>& arguments) {
  return command_at(port_, arguments);
}

TestServer::Reply TestServer::command_at(std::uint16_t port,
                                         const std::vector<std::string>& arguments) {
  const std::unique_ptr<redisContext, decltype(&redisFree)> context(
      redisConnectWithTimeout("127.0.0.1", port, {20, 0}), &redisFree);
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

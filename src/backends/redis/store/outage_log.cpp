// Logs when an outage of Redis begins and ends.

#include "backends/redis/store/outage_log.hpp"

#include <utility>

namespace crier::redis {
namespace {

bool is_news(std::set<std::string>& known, const std::string& reason) {
  return known.size() < OutageLog::reasons_max && known.insert(reason).second;
}

}  // namespace

OutageLog::OutageLog(LogSink log, std::string server)
    : log_(std::move(log)), server_(std::move(server)) {}

void OutageLog::outage(const std::string& why) {
  if (!is_news(reasons_, why) || !log_) return;
  log_(LogLevel::warning, "Redis is unavailable", {{"server", server_}, {"why", why}});
}

void OutageLog::end() {
  if (reasons_.empty()) return;
  reasons_.clear();
  if (log_) log_(LogLevel::info, "Redis is available again", {{"server", server_}});
}

void OutageLog::failure(const std::string& error) {
  if (!is_news(failures_, error) || !log_) return;
  log_(LogLevel::error, "Redis failed a call", {{"server", server_}, {"error", error}});
}

}  // namespace crier::redis

// Formats log lines in logfmt and writes them to stderr.

#include "daemon/serve/logging.hpp"

#include <memory>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace crier::daemon {

namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

void append_value(std::string& line, std::string_view value) {
  const bool plain =
      !value.empty() && value.find_first_of(" \"=\\\n\r\t") == std::string_view::npos;
  if (plain) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') line += '\\';
    line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  line += '"';
}

}  // namespace

std::string logfmt(std::string_view message, std::initializer_list<LogField> fields) {
  std::string line = "msg=";
  append_value(line, message);
  for (const auto& field : fields) {
    line.append(" ").append(field.key).append("=");
    append_value(line, field.value);
  }
  return line;
}

LogSink stderr_log(const std::string& level) {
  auto logger =
      std::make_shared<spdlog::logger>("crier", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("time=%Y-%m-%dT%H:%M:%S.%eZ level=%l %v", spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::from_str(level));
  return [logger](LogLevel at, std::string_view message, std::initializer_list<LogField> fields) {
    const auto spdlog_level = to_spdlog(at);
    if (logger->should_log(spdlog_level)) {
      logger->log(spdlog_level, "{}", logfmt(message, fields));
    }
  };
}

}  // namespace crier::daemon

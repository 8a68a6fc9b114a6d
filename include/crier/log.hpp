#pragma once

// The interface for Crier's log.

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

namespace crier {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

struct LogField {
  std::string_view key;
  std::string value;
};

/// Receives each line of the log: a short constant message and its values. Called from any of
/// Crier's threads, also concurrently; must not throw and should not block. An empty function
/// discards the log. Tokens, keys and payloads are never passed to it.
using LogSink =
    std::function<void(LogLevel, std::string_view message, std::initializer_list<LogField> fields)>;

}  // namespace crier

#pragma once

// The daemon's log.

#include "crier/log.hpp"

#include <string>

namespace crier::daemon {

/// Lines in logfmt on stderr: `time=… level=info msg="…" key=value`. `level` is the least that is
/// written.
LogSink stderr_log(const std::string& level);

/// One line without time and level, for tests.
std::string logfmt(std::string_view message, std::initializer_list<LogField> fields);

}  // namespace crier::daemon

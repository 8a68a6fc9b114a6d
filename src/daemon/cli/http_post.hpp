#pragma once

// A blocking HTTP POST for the commands of `crier`.

#include "crier/result.hpp"
#include "daemon/cli/arguments.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace crier::daemon {

struct HttpAnswer {
  int status = 0;
  std::string body;
};

/// Sends one HTTP/1.1 POST with a JSON body and waits for the whole answer, which may have at most
/// 1 MiB and must not be chunked. `path` is appended to the URL's. Blocks; at the latest it returns
/// after `timeout` (a name that must be resolved may take longer). The error is a sentence.
Result<HttpAnswer, std::string> http_post(
    const HttpUrl& url, const std::string& path,
    const std::vector<std::pair<std::string, std::string>>& headers, const std::string& body,
    std::chrono::milliseconds timeout);

}  // namespace crier::daemon

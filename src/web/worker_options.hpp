#pragma once

// What HttpOptions, which both servers share, say of a worker.

#include "crier/options.hpp"
#include "web/worker.hpp"

#include <chrono>

namespace crier::web {

inline WorkerOptions worker_options(const HttpOptions& http,
                                    std::chrono::milliseconds slow_reader_timeout) {
  WorkerOptions worker;
  worker.address = {http.address, http.port};
  worker.cors.origins = http.origins;
  worker.http.header_bytes_max = http.header_bytes_max;
  worker.http.headers_max = http.headers_max;
  worker.request_timeout = http.request_timeout;
  worker.keep_alive_timeout = http.keep_alive_timeout;
  worker.connections_max = http.connections_max;
  worker.slow_reader_timeout = slow_reader_timeout;
  return worker;
}

}  // namespace crier::web

#pragma once

// What EngineOptions and ServerEngineOptions, which have these names in common, say of sessions.

#include "engineio/session.hpp"
#include "sockets/sessions.hpp"

namespace crier::sockets {

template <class Engine>
engineio::SessionOptions session_options(const Engine& engine) {
  engineio::SessionOptions session;
  session.ping_interval = engine.ping_interval;
  session.ping_timeout = engine.ping_timeout;
  session.upgrade_timeout = engine.upgrade_timeout;
  session.payload_bytes_max = engine.payload_bytes_max;
  session.slow_reader_timeout = engine.slow_reader_timeout;
  return session;
}

template <class Options>
Sessions::Limits session_limits(const Options& options) {
  const auto& engine = options.engine;
  Sessions::Limits limits;
  limits.backlog_bytes_max = engine.backlog_bytes_max;
  if constexpr (requires { engine.fragments_max; }) limits.fragments_max = engine.fragments_max;
  if (options.websocket.deflate) limits.deflate_bytes_min = options.websocket.deflate_bytes_min;
  return limits;
}

}  // namespace crier::sockets

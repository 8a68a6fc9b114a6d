#pragma once

// What GatewayOptions and ServerOptions, which have these names in common, say of sessions.

#include "engineio/session.hpp"
#include "sockets/sessions.hpp"

namespace crier::sockets {

template <class Options>
engineio::SessionOptions session_options(const Options& options) {
  engineio::SessionOptions session;
  session.ping_interval = options.ping_interval;
  session.ping_timeout = options.ping_timeout;
  session.upgrade_timeout = options.upgrade_timeout;
  session.payload_bytes_max = options.payload_bytes_max;
  session.slow_reader_timeout = options.slow_reader_timeout;
  return session;
}

template <class Options>
Sessions::Limits session_limits(const Options& options) {
  Sessions::Limits limits;
  limits.backlog_bytes_max = options.backlog_bytes_max;
  if constexpr (requires { options.fragments_max; }) limits.fragments_max = options.fragments_max;
  return limits;
}

}  // namespace crier::sockets

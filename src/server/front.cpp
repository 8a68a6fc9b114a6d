#include "server/front.hpp"

#include "server/options.hpp"
#include "server/session_options.hpp"

#include <utility>

namespace crier::server {

Front::Front(const GatewayOptions& options, const gateway::FeedOptions& feed, Parts parts)
    : random_(std::move(parts.random)),
      client_options_(client_options(options)),
      sockets_(parts.worker, client_options_, random_),
      engine_(parts.worker, session_options(options), engine_limits(options), sockets_, random_),
      memberships_(std::move(parts.memberships)),
      delivery_({parts.worker, engine_, sockets_, parts.history}, feed,
                options.history_replay_bytes_max / parts.worker.workers().size()),
      programs_({parts.worker, engine_, sockets_, *memberships_, parts.history, delivery_,
                 parts.verifier, parts.seal, parts.owed, std::move(parts.wall_clock)},
                admission_options(options)) {
  sockets_.attach(engine_, programs_);
  delivery_.gather_for(options.flush_window);
  if (options.websocket_deflate) engine_.enable_deflate(options.websocket_deflate_bytes_min);
  parts.worker.route(options.path, engine_);
}

}  // namespace crier::server

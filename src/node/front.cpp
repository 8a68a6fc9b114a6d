// Joins sessions, sockets, admission and delivery on one worker.

#include "node/front.hpp"

#include "node/options.hpp"
#include "sockets/session_options.hpp"

#include <utility>

namespace crier::node {

Front::Front(const GatewayOptions& options, const gateway::FeedOptions& feed, Parts parts)
    : random_(std::move(parts.random)),
      client_options_(client_options(options)),
      sockets_(parts.worker, client_options_, random_),
      sessions_(parts.worker, sockets::session_options(options.engine),
                sockets::session_limits(options.engine), sockets_, random_),
      memberships_(std::move(parts.memberships)),
      delivery_({parts.worker, sessions_, sockets_, parts.history}, feed,
                options.history.replay_bytes_max / parts.worker.workers().size()),
      admissions_({parts.worker, sessions_, sockets_, *memberships_, parts.history, delivery_,
                   parts.verifier, parts.seal, parts.owed, std::move(parts.wall_clock)},
                  admission_options(options)) {
  sockets_.attach(sessions_, admissions_);
  delivery_.gather_for(options.engine.flush_window);
  if (options.websocket.deflate) sessions_.enable_deflate(options.websocket.deflate_bytes_min);
  parts.worker.route(options.engine.path, sessions_);
}

}  // namespace crier::node

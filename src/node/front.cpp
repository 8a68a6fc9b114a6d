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
                sockets::session_limits(options), sockets_, random_),
      memberships_(std::move(parts.memberships)),
      delivery_({parts.worker, sessions_, sockets_, parts.history, std::move(parts.mark_gap)},
                {feed, options.engine.flush_window,
                 options.history.replay_bytes_max / parts.worker.workers().size()}),
      admissions_({parts.worker, sessions_, sockets_, *memberships_, parts.history, delivery_,
                   parts.verifier, parts.seal, parts.owed, std::move(parts.wall_clock)},
                  admission_options(options)) {
  sockets_.attach(sessions_, admissions_);
  parts.worker.route(options.engine.path, sessions_);
}

}  // namespace crier::node

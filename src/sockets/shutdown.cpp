// Shuts a worker down in steps.

#include "sockets/shutdown.hpp"

#include <utility>

namespace crier::sockets {

Shutdown::Shutdown(web::Worker& worker, std::vector<Sessions*> sessions, std::function<bool()> idle,
                   const Steps& steps, std::function<bool()> settled)
    : worker_(worker),
      sessions_(std::move(sessions)),
      idle_(std::move(idle)),
      steps_(steps),
      settled_(std::move(settled)) {
  worker.add_turn_user(*this);
}

void Shutdown::begin() {
  if (begun()) return;
  worker_.log(LogLevel::info, "shutting down",
              {{"connections", std::to_string(worker_.connection_count())}});
  for (Sessions* sessions : sessions_) sessions->refuse_handshakes();
  next_ = worker_.now();
  give_up_at_ = worker_.now() + steps_.timeout;
}

void Shutdown::tick(TimePoint now) {
  next_ = now + steps_.interval;
  const bool late = now >= give_up_at_;
  if (!idle_() && !late) return;
  for (Sessions* sessions : sessions_) {
    for (const Key session : sessions->open_sessions(steps_.sessions)) {
      sessions->close(session, engineio::CloseReason::forced_close, false);
    }
  }
  // Any worker may get the request for what another one's session is owed, or need another one to
  // answer: they end together.
  const web::Totals& all = worker_.totals();
  if (all.sessions == 0) {
    worker_.stop_listening();
    worker_.close_idle_connections();
  }
  const bool used = all.sessions > 0 || all.listeners > 0 || all.connections > 0;
  const bool settled = !settled_ || settled_();
  if ((used || !settled) && !late) return;
  worker_.log(LogLevel::info, "stopped",
              {{"connections", std::to_string(worker_.connection_count())}});
  next_ = never;
  stopped_ = true;
  worker_.stop();
}

}  // namespace crier::sockets

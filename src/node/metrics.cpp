// Writes the metrics of a process in the text format of Prometheus.

#include "node/metrics.hpp"

#include <string_view>

namespace crier::node {

namespace {

void head(std::string& out, std::string_view name, std::string_view type, std::string_view text) {
  out.append("# HELP ").append(name).append(" ").append(text).append("\n");
  out.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

void one(std::string& out, std::string_view name, std::string_view type, std::string_view text,
         std::uint64_t value) {
  head(out, name, type, text);
  out.append(name).append(" ").append(std::to_string(value)).append("\n");
}

/// In seconds.
void time(std::string& out, std::string_view name, std::string_view text,
          std::chrono::microseconds value) {
  head(out, name, "gauge", text);
  out.append(name).append(" ");
  out.append(std::to_string(std::chrono::duration<double>(value).count())).append("\n");
}

void labelled(std::string& out, std::string_view name, std::string_view label,
              std::string_view text, const LabelCounts& counts) {
  head(out, name, "counter", text);
  for (const auto& [value, count] : counts) {
    out.append(name).append("{").append(label).append("=\"").append(value).append("\"} ");
    out.append(std::to_string(count)).append("\n");
  }
}

/// What there is now.
void gauges(std::string& out, const Gauges& g) {
  one(out, "crier_connections", "gauge", "Open TCP connections.", g.connections);
  one(out, "crier_sessions", "gauge", "Open Engine.IO sessions.", g.sessions);
  one(out, "crier_sockets", "gauge", "Sockets admitted and connected.", g.sockets);
  one(out, "crier_rooms", "gauge", "Programs with at least one connected member.", g.rooms);
  one(out, "crier_replays", "gauge", "Sockets that are still sent what they missed.", g.replays);
  one(out, "crier_replay_bytes", "gauge", "Unsent bytes of these.", g.replay_bytes);
  one(out, "crier_unknown_outcomes", "gauge",
      "Publishes with a key whose outcome is open or unknown.", g.unknown_outcomes);
  one(out, "crier_programs_owed", "gauge",
      "Programs that are owed a gap marker: the history does not say yet what some have missed.",
      g.programs_owed);
}

/// What has happened so far.
void totals(std::string& out, const Metrics& metrics) {
  const auto& [connections, sessions, gateway] = metrics;
  one(out, "crier_connections_accepted_total", "counter", "TCP connections accepted.",
      connections.accepted);
  one(out, "crier_connections_refused_total", "counter",
      "TCP connections closed at once: too many are open.", connections.refused);
  one(out, "crier_accept_failures_total", "counter",
      "Times that no connection could be accepted: files or memory ran out.",
      connections.accept_failures);
  one(out, "crier_publishes_total", "counter", "Events accepted for delivery.", gateway.publishes);
  one(out, "crier_publishes_unrecoverable_total", "counter",
      "Events delivered without a place in the history.", gateway.publishes_unrecoverable);
  one(out, "crier_deliveries_total", "counter", "Live events handed to sockets.",
      gateway.deliveries);
  one(out, "crier_deflated_total", "counter", "Messages compressed; an event once a worker.",
      sessions.deflated);
  one(out, "crier_replayed_total", "counter", "Events sent again for catch-up.", gateway.replayed);
  one(out, "crier_client_events_dropped_total", "counter", "Events from clients, dropped.",
      gateway.client_events_dropped);
  one(out, "crier_history_reads_total", "counter", "Reads of a program's events in the history.",
      gateway.history_reads);
  one(out, "crier_membership_reads_total", "counter", "Look-ups of a user's memberships.",
      gateway.membership_reads);
  one(out, "crier_handshakes_deferred_total", "counter",
      "Handshakes answered 503: more came than handshakes_per_second.",
      sessions.handshakes_deferred);
  one(out, "crier_deaf_total", "counter", "Times that events of other nodes may have been missed.",
      gateway.deaf);
  labelled(out, "crier_verdicts_total", "verdict", "Programs told to clients that catch up.",
           gateway.verdicts);
  labelled(out, "crier_refusals_total", "code", "CONNECTs refused.", gateway.refusals);
  labelled(out, "crier_closes_total", "reason", "Sessions closed.", sessions.closes);
  labelled(out, "crier_publish_errors_total", "code", "Publishes refused.", gateway.publish_errors);
}

void stores(std::string& out, const Gauges& g) {
  one(out, "crier_store_up", "gauge", "Whether the membership store answers.",
      g.store_up ? 1U : 0U);
  one(out, "crier_history_up", "gauge", "Whether the history answers.", g.history_up ? 1U : 0U);
  time(out, "crier_history_clock_offset_seconds",
       "How far the history's clock is ahead of this one.", g.history_clock_offset);
}

}  // namespace

std::string exposition(const Metrics& metrics, const Gauges& g) {
  std::string out;
  gauges(out, g);
  totals(out, metrics);
  stores(out, g);
  return out;
}

}  // namespace crier::node

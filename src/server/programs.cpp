#include "server/programs.hpp"

#include "base/json_text.hpp"
#include "base/names.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace crier::server {

namespace {

constexpr std::string_view main_namespace = "/";
constexpr std::size_t reads_in_flight_max = 16;

/// What an event's body grows by at most when it is encoded: its name, time and id, and the frame.
constexpr std::size_t encoding_bytes_max = 256;

std::string room_of(std::string_view program) { return "program:" + std::string(program); }

Error shutting_down() {
  return {503, "shutting_down", "The gateway is shutting down; publish to another one.", ""};
}

}  // namespace

struct Programs::Pending {
  Pending(Ticket t, std::uint64_t s, const gateway::AdmissionOptions& options,
          const access::Verifier& verifier)
      : ticket(std::move(t)), serial(s), machine(options, verifier) {}
  Ticket ticket;
  std::uint64_t serial;  ///< Tells a late answer to an earlier CONNECT of the same session.
  gateway::Admission machine;
  std::vector<history::ReadRequest> reads;  ///< Until they are asked for.
};

Programs::Programs(const Parts& parts, const gateway::AdmissionOptions& options,
                   std::size_t event_bytes_max)
    : parts_(parts), options_(options), event_bytes_max_(event_bytes_max) {
  parts.worker.add_turn_user(*this);
}

Programs::~Programs() = default;

// Admission.

void Programs::connect_requested(const Ticket& ticket, std::string auth) {
  if (ticket.nsp != main_namespace) {
    Metrics::count(parts_.worker.metrics().refusals, "invalid_namespace");
    parts_.sockets.refuse(ticket, "Invalid namespace", {});
    return;
  }
  auto pending = std::make_unique<Pending>(ticket, ++serial_, options_, parts_.verifier);
  Pending& entry = *pending;
  pending_[ticket.session] = std::move(pending);
  perform(ticket.session,
          entry.machine.start(auth, parts_.wall_clock() / 1'000'000, parts_.worker.now()));
}

void Programs::withdrawn(const Ticket& ticket) {
  const bool whole_session = ticket.nsp.empty();
  if (!whole_session && ticket.nsp != main_namespace) return;
  if (pending_.erase(ticket.session) == 0 || whole_session) return;
  // What it made us ask is still under way: one that asks and leaves, again and again, must come
  // on a new connection each time.
  parts_.engine.close(ticket.session, engineio::CloseReason::forced_close, true);
}

Programs::Pending* Programs::find(Key session, std::uint64_t serial) const {
  const auto found = pending_.find(session);
  if (found == pending_.end() || found->second->serial != serial) return nullptr;
  return found->second.get();
}

void Programs::perform(Key session, gateway::Command command) {
  const auto found = pending_.find(session);
  if (found == pending_.end()) return;
  Pending& pending = *found->second;
  if (const auto* look = std::get_if<gateway::LookUp>(&command)) {
    look_up(session, look->user);
  } else if (auto* read = std::get_if<gateway::ReadHistory>(&command)) {
    pending.reads = std::move(read->reads);
    readers_.push_back({session, pending.serial});
    read_waiting();
  } else if (const auto* wait = std::get_if<gateway::Wait>(&command)) {
    waits_.emplace(wait->at, Waiting{session, pending.serial});
  } else if (const auto* refused = std::get_if<gateway::Refuse>(&command)) {
    refuse(pending, *refused);
  } else if (const auto* gave_up = std::get_if<gateway::GiveUp>(&command)) {
    parts_.worker.log(LogLevel::warning, "admission gave up",
                      {{"reason", std::string(gave_up->reason)}});
    pending_.erase(found);
    parts_.engine.close(session, engineio::CloseReason::forced_close, false);
  } else if (auto* admitted = std::get_if<gateway::Admit>(&command)) {
    admit(pending, *admitted);
  }
}

void Programs::look_up(Key session, const std::string& user) {
  const std::uint64_t serial = pending_.find(session)->second->serial;
  parts_.memberships.look_up(
      user,
      [this, session, serial](Result<std::optional<access::User>, access::SourceError> answer) {
        Pending* pending = find(session, serial);
        if (pending == nullptr) return;
        perform(session, pending->machine.looked_up(std::move(answer), parts_.worker.now()));
      });
}

void Programs::read_history(Pending& pending) {
  ++reads_in_flight_;
  parts_.history.read(
      std::move(pending.reads), [this, session = pending.ticket.session, serial = pending.serial](
                                    const Result<history::ReadReply, history::StoreError>& answer) {
        --reads_in_flight_;
        parts_.worker.update_now();
        if (Pending* asked = find(session, serial)) {
          perform(session, asked->machine.history_read(answer, parts_.worker.now()));
        }
        read_waiting();
      });
}

// A storm of clients must not put thousands of reads before the next publish; and who has gone
// when its turn comes costs none.
void Programs::read_waiting() {
  if (std::exchange(reading_waiting_, true)) return;
  while (reads_in_flight_ < reads_in_flight_max && !readers_.empty()) {
    const Waiting next = readers_.front();
    readers_.pop_front();
    if (Pending* pending = find(next.session, next.serial)) read_history(*pending);
  }
  reading_waiting_ = false;
}

void Programs::refuse(Pending& pending, const gateway::Refuse& refused) {
  Metrics::count(parts_.worker.metrics().refusals, refused.code);
  const std::string data =
      "{\"code\":" + json::quote(refused.code) + ",\"detail\":" + json::quote(refused.detail) + "}";
  const Ticket ticket = pending.ticket;
  const std::string message(refused.message);
  pending_.erase(ticket.session);
  parts_.sockets.refuse(ticket, message, data);
}

// The history's answers come in the order of its appends: what was appended before the read is in
// the replay or already with the members, what comes after it is delivered to this socket too.
void Programs::admit(Pending& pending, gateway::Admit& admitted) {
  const Ticket ticket = pending.ticket;
  deliver();
  // That has written, and may so have found that this very client has gone.
  if (!parts_.sockets.is_open(ticket)) return;
  pending_.erase(ticket.session);
  // One that leaves and comes again without reading must not make replays add up.
  if (parts_.engine.lags(ticket.session)) {
    parts_.engine.close(ticket.session, engineio::CloseReason::slow_reader, true);
    return;
  }
  const Key socket = parts_.sockets.accept(ticket);
  if (parts_.sockets.session_of(socket) == 0) return;
  if (admitted.floor > 0) {
    floors_[socket] = admitted.floor;
    floor_max_ = std::max(floor_max_, admitted.floor);
  }
  for (const auto& event : admitted.events) {
    const auto id = history::event_id(admitted.epoch, event.gid);
    const auto arguments =
        catalog::event_arguments(event.body.view(), history::milliseconds(event.gid), id);
    if (arguments.empty()) {  // the store holds what no gateway has written
      parts_.worker.log(LogLevel::warning, "a stored event cannot be read", {{"id", id}});
      continue;
    }
    parts_.sockets.send(socket, make_packet(main_namespace, arguments), true);
  }
  parts_.worker.metrics().replayed += admitted.events.size();
  for (const auto& program : admitted.user.programs) {
    parts_.sockets.join(socket, room_of(program));
  }
  parts_.worker.log(LogLevel::debug, "socket admitted",
                    {{"user", admitted.user.id},
                     {"programs", std::to_string(admitted.user.programs.size())},
                     {"replayed", std::to_string(admitted.events.size())}});
}

void Programs::tick(TimePoint now) {
  while (!waits_.empty() && waits_.begin()->first <= now) {
    const Waiting waiting = waits_.begin()->second;
    waits_.erase(waits_.begin());
    Pending* pending = find(waiting.session, waiting.serial);
    if (pending != nullptr) perform(waiting.session, pending->machine.tick(now));
  }
}

TimePoint Programs::deadline() const { return waits_.empty() ? never : waits_.begin()->first; }

// Sockets.

void Programs::event(Key socket, socketio::EventReceived& event) {
  ++parts_.worker.metrics().client_events_dropped;
  if (!event.id) return;
  parts_.sockets.send(socket,
                      socketio::encode_messages(socketio::PacketType::ack, main_namespace, event.id,
                                                R"([{"error":{"code":"not_allowed"}}])", {}));
}

void Programs::ack(Key /*socket*/, socketio::AckReceived& /*ack*/) {}

void Programs::left(Key socket, std::string_view /*reason*/) { floors_.erase(socket); }

// Publishing.

void Programs::publish(std::string_view program, std::string_view body, Done done) {
  auto fail = [&](Error error) {
    Metrics::count(parts_.worker.metrics().publish_errors, error.code);
    done(Unexpected{std::move(error)});
  };
  if (refusing_) return fail(shutting_down());
  if (!is_name(program)) {
    return fail({422, "bad_program",
                 "A programId is 1 to 128 bytes of UTF-8 without control characters.", ""});
  }
  auto checked = parts_.catalog.check(program, body);
  if (!checked) return fail(std::move(checked.error()));
  if (checked->body.size() + encoding_bytes_max > event_bytes_max_) {
    return fail({413, "too_large", "The event is larger than a socket's backlog may be.", ""});
  }
  ++in_flight_;
  history::AppendRequest append{std::string(program), checked->body, {}};
  parts_.history.append(
      std::move(append),
      [this, program = std::string(program), stored = checked->body,
       done = std::move(done)](const Result<history::Appended, history::StoreError>& result) {
        appended(program, stored, result, done);
      });
}

void Programs::appended(const std::string& program, const Bytes& body,
                        const Result<history::Appended, history::StoreError>& result,
                        const Done& done) {
  --in_flight_;
  Metrics& metrics = parts_.worker.metrics();
  ++metrics.publishes;
  Position position;
  history::Gid gid = 0;
  std::int64_t timestamp_ms = 0;
  if (result) {
    gid = result->position.gid;
    timestamp_ms = history::milliseconds(gid);
    position.id = history::event_id(result->position.epoch, gid);
    position.seq = result->position.seq;
  } else {
    ++metrics.publishes_unrecoverable;
    timestamp_ms = parts_.wall_clock() / 1000;
    position.recoverable = false;
  }
  position.timestamp = iso8601(timestamp_ms);
  const auto arguments = catalog::event_arguments(body.view(), timestamp_ms, position.id);
  live_.push_back({program, gid, make_packet(main_namespace, arguments)});
  done(std::move(position));
}

void Programs::deliver() {
  const std::vector<Live> live = std::exchange(live_, {});
  std::vector<Packet> packets;
  for (std::size_t first = 0; first < live.size();) {
    if (live[first].gid != 0 && live[first].gid <= floor_max_) {
      deliver_late(live[first++]);
      continue;
    }
    // Neighbours of one program leave in one call a socket; the order over programs stays.
    std::size_t end = first;
    packets.clear();
    while (end < live.size() && live[end].program == live[first].program &&
           (live[end].gid == 0 || live[end].gid > floor_max_)) {
      packets.push_back(live[end++].packet);
    }
    const auto members =
        parts_.sockets.broadcast(main_namespace, room_of(live[first].program), packets);
    parts_.worker.metrics().deliveries += members * packets.size();
    first = end;
  }
}

// An append that was repeated after a lost connection may be older than what some sockets were
// caught up to: those have it already.
void Programs::deliver_late(const Live& live) {
  for (const Key socket : parts_.sockets.members(main_namespace, room_of(live.program))) {
    const auto floor = floors_.find(socket);
    if (floor != floors_.end() && live.gid <= floor->second) continue;
    parts_.sockets.send(socket, live.packet);
    ++parts_.worker.metrics().deliveries;
  }
}

}  // namespace crier::server

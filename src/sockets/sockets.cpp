// Runs Socket.IO sockets on the sessions of one worker.

#include "sockets/sockets.hpp"

#include "base/assert.hpp"
#include "base/cases.hpp"
#include "base/json_text.hpp"

#include <utility>

namespace crier::sockets {

struct Sockets::Client {
  Client(Key s, const socketio::ClientOptions& options, TimePoint now)
      : session(s), protocol(options, now) {}
  Key session;
  socketio::Client protocol;
  std::vector<Key> sockets;
};

struct Sockets::Socket {
  Key session = 0;
  std::string id;
  std::string nsp;
};

Sockets::Sockets(web::Worker& worker, const socketio::ClientOptions& options, Random& random)
    : worker_(worker), options_(options), random_(random) {}

Sockets::~Sockets() = default;

void Sockets::attach(Sessions& sessions, Application& application) {
  sessions_ = &sessions;
  application_ = &application;
}

// Sessions.

Sockets::Client* Sockets::find_client(Key session) const {
  const std::uint32_t slot = slot_of(session);
  if (slot >= clients_.size() || !clients_[slot]) return nullptr;
  return clients_[slot]->session == session ? clients_[slot].get() : nullptr;
}

Key Sockets::find_socket(Key session, std::string_view nsp) const {
  const Client* client = find_client(session);
  if (client == nullptr) return 0;
  for (const Key key : client->sockets) {
    if (sockets_.find(key)->nsp == nsp) return key;
  }
  return 0;
}

void Sockets::opened(Key session) {
  static_assert(sizeof(Client) <= 88 && sizeof(Socket) <= 72);  // an idle client's share
  gone_.clear();
  const std::uint32_t slot = slot_of(session);
  if (slot >= clients_.size()) clients_.resize(slot + 1);
  clients_[slot] = std::make_unique<Client>(session, options_, worker_.now());
}

void Sockets::received(Key session, bool binary, std::string_view data) {
  gone_.clear();
  Client* client = find_client(session);
  if (client == nullptr) return;
  Spares<socketio::ClientOutput>::List outputs(spares_);
  if (binary) {
    client->protocol.receive_binary(data, outputs.items);
  } else {
    client->protocol.receive_text(data, outputs.items);
  }
  run(session, outputs.items);
}

void Sockets::closed(Key session, std::string_view reason) {
  Client* client = find_client(session);
  if (client == nullptr) return;
  // Kept until the next call from outside: one of its own methods may be running.
  gone_.push_back(std::move(clients_[slot_of(session)]));
  for (const Key socket : std::exchange(client->sockets, {})) remove(socket, reason);
  application_->withdrawn({session, {}});
}

void Sockets::drained(Key session) {
  const Client* client = find_client(session);
  if (client == nullptr) return;
  for (std::size_t i = 0; i < client->sockets.size(); ++i) {
    application_->drained(client->sockets[i]);
  }
}

void Sockets::pinged(Key session) {
  const Client* client = find_client(session);
  if (client == nullptr) return;
  for (std::size_t i = 0; i < client->sockets.size(); ++i) application_->pinged(client->sockets[i]);
}

void Sockets::ponged(Key session) {
  const Client* client = find_client(session);
  if (client == nullptr) return;
  for (std::size_t i = 0; i < client->sockets.size(); ++i) application_->ponged(client->sockets[i]);
}

TimePoint Sockets::deadline(Key session) const {
  const Client* client = find_client(session);
  return client == nullptr ? never : client->protocol.deadline();
}

void Sockets::tick(Key session) {
  const Client* client = find_client(session);
  if (client == nullptr || !client->protocol.tick(worker_.now())) return;
  sessions_->close(session, engineio::CloseReason::forced_close, true);
}

void Sockets::route_changed(Key session, int descriptor) {
  const Client* client = find_client(session);
  if (client == nullptr) return;
  for (const Key key : client->sockets) {
    set_route(key, session, rooms_.find(sockets_.find(key)->nsp)->second, descriptor);
  }
}

void Sockets::set_route(Key socket, Key session, socketio::Rooms& rooms, int descriptor) {
  if (descriptor < 0 || is_replaying(socket)) {
    rooms.clear_route(slot_of(socket));
  } else {
    rooms.set_route(route_of(socket, session, descriptor));
  }
}

void Sockets::set_replaying(Key socket, bool replaying) {
  const Socket* found = sockets_.find(socket);
  if (found == nullptr) return;
  if (replaying_.size() < sockets_.slots()) replaying_.resize(sockets_.slots());
  replaying_[slot_of(socket)] = replaying;
  set_route(socket, found->session, rooms_.find(found->nsp)->second,
            sessions_->direct_descriptor(found->session));
}

socketio::Route Sockets::route_of(Key socket, Key session, int descriptor) const {
  CRIER_ASSERT(slot_of(socket) >> 31U == 0);  // the bits of Route::slot
  return {
      .slot = slot_of(socket), .deflates = sessions_->deflates(session), .descriptor = descriptor};
}

void Sockets::run(Key session, socketio::ClientOutputs& outputs) {
  for (auto& output : outputs) {
    if (find_client(session) == nullptr) return;
    run_one(session, output);
  }
}

void Sockets::run_one(Key session, socketio::ClientOutput& output) {
  std::visit(Cases{[&](socketio::ConnectRequested& request) {
                     application_->connect_requested({session, std::move(request.nsp)},
                                                     std::move(request.auth));
                   },
                   [&](socketio::EventReceived& event) {
                     const Key socket = find_socket(session, event.nsp);
                     if (socket != 0) application_->event(socket, event);
                   },
                   [&](socketio::AckReceived& ack) {
                     const Key socket = find_socket(session, ack.nsp);
                     if (socket != 0) application_->ack(socket, ack);
                   },
                   [&](const socketio::Left& from) { left(session, from.nsp); },
                   [&](socketio::Withdrawn& withdrawn) {
                     application_->withdrawn({session, std::move(withdrawn.nsp)});
                   },
                   [&](const socketio::Violation& violation) {
                     worker_.log(LogLevel::debug, "protocol violation",
                                 {{"detail", std::string(violation.detail)}});
                     sessions_->close(session, engineio::CloseReason::forced_close, true);
                   },
                   [&](socketio::Send& message) {
                     sessions_->send(session, {message.binary, std::move(message.data), {}, false});
                   }},
             output);
}

void Sockets::left(Key session, std::string_view nsp) {
  const Key socket = find_socket(session, nsp);
  if (socket == 0) return;
  std::erase(find_client(session)->sockets, socket);
  remove(socket, "client namespace disconnect");
}

// Answers.

bool Sockets::is_open(const Ticket& ticket) const {
  const Client* client = find_client(ticket.session);
  return client != nullptr && client->protocol.is_pending(ticket.nsp);
}

Key Sockets::accept(const Ticket& ticket, std::string id, std::string_view pid) {
  Client* client = find_client(ticket.session);
  CRIER_ASSERT(client != nullptr);
  const Key key = sockets_.reserve();
  auto socket = std::make_unique<Socket>(Socket{ticket.session, std::move(id), ticket.nsp});
  std::string reply = "{\"sid\":" + json::quote(socket->id);
  if (!pid.empty()) reply.append(",\"pid\":").append(json::quote(pid));
  reply += '}';
  sockets_.emplace(key, std::move(socket));
  client->sockets.push_back(key);
  socketio::Rooms& rooms = rooms_[ticket.nsp];
  const int descriptor = sessions_->direct_descriptor(ticket.session);
  if (descriptor >= 0) {
    rooms.set_route(route_of(key, ticket.session, descriptor));
  }
  socketio::ClientOutputs outputs;
  client->protocol.accept(ticket.nsp, reply, outputs);
  run(ticket.session, outputs);
  sessions_->update_deadline(ticket.session);
  return key;
}

void Sockets::refuse(const Ticket& ticket, std::string_view message, std::string_view data) {
  Client* client = find_client(ticket.session);
  CRIER_ASSERT(client != nullptr);
  std::string error = "{\"message\":" + json::quote(message);
  if (!data.empty()) error.append(",\"data\":").append(data);
  error.append("}");
  socketio::ClientOutputs outputs;
  client->protocol.refuse(ticket.nsp, error, outputs);
  run(ticket.session, outputs);
}

// Sockets.

std::string_view Sockets::id(Key socket) const {
  const Socket* found = sockets_.find(socket);
  return found == nullptr ? std::string_view() : std::string_view(found->id);
}

Key Sockets::session_of(Key socket) const {
  const Socket* found = sockets_.find(socket);
  return found == nullptr ? 0 : found->session;
}

void Sockets::send(Key socket, const EncodedEvent& event) {
  const Socket* found = sockets_.find(socket);
  if (found == nullptr) return;
  const bool deflates = sessions_->deflates(found->session);
  const Bytes& frame = deflates ? deflated_frame(event, *sessions_->deflater()) : event.frame;
  sessions_->send(found->session, {false, event.message, frame, false});
}

void Sockets::send(Key socket, const std::vector<socketio::Send>& messages) {
  const Key session = session_of(socket);
  for (const auto& message : messages) {
    sessions_->send(session, {message.binary, message.data, {}, false});
  }
}

void Sockets::join(Key socket, std::string_view room) {
  const Socket* found = sockets_.find(socket);
  if (found != nullptr) rooms_[found->nsp].join(slot_of(socket), room);
}

void Sockets::leave(Key socket, std::string_view room) {
  const Socket* found = sockets_.find(socket);
  if (found != nullptr) rooms_[found->nsp].leave(slot_of(socket), room);
}

void Sockets::disconnect(Key socket) {
  const Socket* found = sockets_.find(socket);
  if (found == nullptr) return;
  const Key session = found->session;
  Client* client = find_client(session);
  if (client == nullptr) return;
  socketio::ClientOutputs outputs;
  client->protocol.disconnect(found->nsp, outputs);
  std::erase(client->sockets, socket);
  remove(socket, "server namespace disconnect");
  run(session, outputs);
}

void Sockets::remove(Key socket, std::string_view reason) {
  const Socket* found = sockets_.find(socket);
  if (found == nullptr) return;
  socketio::Rooms& rooms = rooms_.find(found->nsp)->second;
  rooms.leave_all(slot_of(socket));
  rooms.clear_route(slot_of(socket));
  if (is_replaying(socket)) replaying_[slot_of(socket)] = false;
  const auto gone = sockets_.erase(socket);
  application_->left(socket, gone->id, reason);
}

std::vector<Key> Sockets::members(std::string_view nsp, std::string_view room) const {
  std::vector<Key> keys;
  const auto rooms = rooms_.find(nsp);
  const auto* members = rooms == rooms_.end() ? nullptr : rooms->second.find(room);
  if (members == nullptr) return keys;
  for (const auto& route : members->direct) keys.push_back(sockets_.key_at(route.slot));
  for (const auto slot : members->others) keys.push_back(sockets_.key_at(slot));
  return keys;
}

std::size_t Sockets::member_count(std::string_view nsp, std::string_view room) const {
  const auto rooms = rooms_.find(nsp);
  const auto* members = rooms == rooms_.end() ? nullptr : rooms->second.find(room);
  return members == nullptr ? 0 : members->size();
}

std::vector<Key> Sockets::all(std::string_view nsp) const {
  std::vector<Key> keys;
  for (std::uint32_t slot = 0; slot < sockets_.slots(); ++slot) {
    const Socket* socket = sockets_.at_slot(slot);
    if (socket != nullptr && socket->nsp == nsp) keys.push_back(sockets_.key_at(slot));
  }
  return keys;
}

std::size_t Sockets::room_count(std::string_view nsp) const {
  const auto rooms = rooms_.find(nsp);
  return rooms == rooms_.end() ? 0 : rooms->second.room_count();
}

// Delivery. Frames that are queued already go first, so that a direct write never overtakes one.

std::size_t Sockets::broadcast(std::string_view nsp, std::string_view room,
                               std::span<const EncodedEvent> events) {
  worker_.flush();
  const auto rooms = rooms_.find(nsp);
  const auto* members = rooms == rooms_.end() ? nullptr : rooms->second.find(room);
  if (members == nullptr || events.empty()) return 0;
  std::vector<Key> others;
  others.reserve(members->others.size());
  for (const auto slot : members->others) {
    if (!replays_at(slot)) others.push_back(sockets_.key_at(slot));
  }
  const std::size_t size = members->direct.size() + others.size();
  finish(fan_out(*members, events, sessions_->deflater()));
  for (const Key socket : others) {
    for (const auto& event : events) send(socket, event);
  }
  return size;
}

std::size_t Sockets::broadcast(std::string_view nsp, std::span<const Batch> batches) {
  if (batches.size() == 1) {
    const auto& [room, events] = batches.front();
    return events.size() * broadcast(nsp, room, events);
  }
  worker_.flush();
  const auto rooms = rooms_.find(nsp);
  if (rooms == rooms_.end()) return 0;
  std::size_t count = 0;
  std::vector<Share> shares;
  std::vector<std::pair<Key, const Batch*>> others;
  for (const Batch& batch : batches) {
    const socketio::Members* members = rooms->second.find(batch.room);
    shares.push_back({members, batch.events});
    if (members == nullptr) continue;
    std::size_t size = members->direct.size();
    for (const auto slot : members->others) {
      if (replays_at(slot)) continue;
      others.emplace_back(sockets_.key_at(slot), &batch);
      ++size;
    }
    count += size * batch.events.size();
  }
  places_.resize(sockets_.slots(), no_place);
  finish(fan_out(shares, places_, sessions_->deflater()));
  for (const auto& [socket, batch] : others) {
    for (const auto& event : batch->events) send(socket, event);
  }
  return count;
}

// Only now, for a socket whose frame did not fit leaves the direct members of its rooms.
void Sockets::finish(std::vector<ShortWrite> writes) {
  for (auto& [slot, frames, sent] : writes) {
    const Socket* socket = sockets_.at_slot(slot);
    CRIER_ASSERT(socket != nullptr);  // nothing between the fan-out and this runs a handler
    sessions_->finish_frame(socket->session, std::move(frames), sent);
  }
}

}  // namespace crier::sockets

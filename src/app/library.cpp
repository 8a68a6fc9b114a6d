// Implements the general library on sockets: event handlers, acks, and messages to rooms.

#include "app/library.hpp"

#include "base/json_text.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace crier {

namespace {

std::vector<Bytes> shared(const std::vector<std::string>& attachments) {
  std::vector<Bytes> bytes;
  bytes.reserve(attachments.size());
  for (const auto& attachment : attachments) bytes.emplace_back(attachment);
  return bytes;
}

std::vector<std::string> owned(const std::vector<Bytes>& attachments) {
  std::vector<std::string> strings;
  strings.reserve(attachments.size());
  for (const auto& attachment : attachments) strings.emplace_back(attachment.view());
  return strings;
}

/// `["name",…]` from a name and the array of its arguments.
std::string with_name(std::string_view name, std::string_view array) {
  std::vector<std::string_view> elements =
      json::elements(array).value_or(std::vector<std::string_view>());
  return socketio::event_array(name, elements);
}

struct Named {
  std::string name;
  std::string arguments;  ///< What follows it, an array.
};

/// Name in an event's array; nothing if it does not begin with a name.
std::optional<Named> split(std::string_view array) {
  constexpr std::string_view whitespace = " \t\r\n";
  array.remove_prefix(1);
  const std::size_t size = json::scan_value(array).value_or(0);
  std::string_view first = array.substr(0, size);
  first.remove_prefix(std::min(first.find_first_not_of(whitespace), first.size()));
  auto name = json::unquote(first);
  if (!name) return std::nullopt;
  std::string_view rest = array.substr(size);
  rest.remove_prefix(std::min(rest.find_first_not_of(whitespace), rest.size()));
  if (rest.starts_with(',')) rest.remove_prefix(1);
  std::string arguments;
  arguments.reserve(rest.size() + 1);
  arguments.append("[").append(rest);
  return Named{*std::move(name), std::move(arguments)};
}

std::vector<socketio::Send> event_messages(std::string_view nsp, std::optional<socketio::AckId> id,
                                           std::string_view event, const Arguments& arguments) {
  const auto type = arguments.attachments.empty() ? socketio::PacketType::event
                                                  : socketio::PacketType::binary_event;
  return socketio::encode_messages(type, nsp, id, with_name(event, arguments.json),
                                   shared(arguments.attachments));
}

}  // namespace

// Owner.

Socket::Owner::State* Socket::Owner::find(Key socket) {
  const auto found = states_.find(socket);
  return found == states_.end() ? nullptr : found->second.get();
}

template <class Call>
void Socket::Owner::guarded(Key socket, const Call& call) {
  try {
    call();
  } catch (...) {
    worker_.log(LogLevel::error, "a handler threw; its socket is closed");
    sockets_.disconnect(socket);
  }
}

void Socket::Owner::connect_requested(const sockets::Ticket& ticket, std::string auth) {
  const auto found = on_connect_.find(ticket.nsp);
  if (found == on_connect_.end()) {
    sockets_.refuse(ticket, "Invalid namespace", {});
    return;
  }
  const auto handler = found->second;  // it may replace itself
  const Key socket = sockets_.accept(ticket);
  if (sockets_.session_of(socket) == 0) return;
  auto state = std::make_unique<State>();
  state->nsp = ticket.nsp;
  state->auth = std::move(auth);
  states_[socket] = std::move(state);
  if (handler) guarded(socket, [&] { handler(Socket(*this, socket)); });
}

Ack Socket::Owner::make_ack(Key socket, const socketio::EventReceived& event) {
  if (!event.id) return {};
  auto once = std::make_shared<bool>(false);
  return [this, socket, id = *event.id, nsp = event.nsp, once](const Arguments& arguments) {
    if (std::exchange(*once, true)) return;
    const auto type = arguments.attachments.empty() ? socketio::PacketType::ack
                                                    : socketio::PacketType::binary_ack;
    sockets_.send(socket, socketio::encode_messages(type, nsp, id, arguments.json,
                                                    shared(arguments.attachments)));
  };
}

void Socket::Owner::event(Key socket, socketio::EventReceived& event) {
  State* state = find(socket);
  if (state == nullptr) return;
  auto named = split(event.arguments);
  if (!named) return;
  const auto found = state->on_event.find(named->name);
  if (found == state->on_event.end()) return;
  const auto handler = found->second;
  const Arguments arguments{std::move(named->arguments), owned(event.attachments)};
  guarded(socket, [&] { (*handler)(arguments, make_ack(socket, event)); });
}

void Socket::Owner::ack(Key socket, socketio::AckReceived& ack) {
  State* state = find(socket);
  if (state == nullptr) return;
  const auto found = state->acks.find(ack.id);
  if (found == state->acks.end()) return;
  const auto handler = std::move(found->second);
  state->acks.erase(found);
  guarded(socket, [&] { handler({ack.arguments, owned(ack.attachments)}); });
}

void Socket::Owner::left(Key socket, std::string_view /*id*/, std::string_view reason) {
  const auto found = states_.find(socket);
  if (found == states_.end()) return;
  const auto state = std::move(found->second);
  states_.erase(found);
  if (state->on_disconnect) guarded(socket, [&] { state->on_disconnect(reason); });
}

void Socket::Owner::emit(Key socket, std::string_view event, const Arguments& arguments,
                         std::function<void(const Arguments&)> on_ack) {
  State* state = find(socket);
  if (state == nullptr) return;
  std::optional<socketio::AckId> id;
  if (on_ack) {
    id = state->next_ack++;
    state->acks[*id] = std::move(on_ack);
  }
  sockets_.send(socket, event_messages(state->nsp, id, event, arguments));
}

// Socket.

std::string Socket::id() const { return std::string(owner_->sockets().id(key_)); }

std::string Socket::auth() const {
  const auto* state = owner_->find(key_);
  return state == nullptr ? "{}" : state->auth;
}

void Socket::on(std::string_view event, std::function<void(const Arguments&, const Ack&)> handler) {
  auto* state = owner_->find(key_);
  if (state == nullptr) return;
  state->on_event[std::string(event)] =
      std::make_shared<const Owner::EventHandler>(std::move(handler));
}

void Socket::on_disconnect(std::function<void(std::string_view reason)> handler) {
  if (auto* state = owner_->find(key_)) state->on_disconnect = std::move(handler);
}

void Socket::emit(std::string_view event, const Arguments& arguments) {
  owner_->emit(key_, event, arguments, {});
}

void Socket::emit(std::string_view event, const Arguments& arguments,
                  std::function<void(const Arguments&)> on_ack) {
  owner_->emit(key_, event, arguments, std::move(on_ack));
}

void Socket::join(std::string_view room) { owner_->sockets().join(key_, room); }
void Socket::leave(std::string_view room) { owner_->sockets().leave(key_, room); }
void Socket::disconnect() { owner_->sockets().disconnect(key_); }

// Namespace.

void Namespace::on_connect(std::function<void(Socket)> handler) {
  state_->owner_.on_connect(state_->path_) = std::move(handler);
}

void Namespace::emit(std::string_view event, const Arguments& arguments) {
  sockets::Sockets& sockets = state_->owner_.sockets();
  if (arguments.attachments.empty()) {
    const auto encoded = sockets::encode_event(state_->path_, with_name(event, arguments.json));
    for (const Key socket : sockets.all(state_->path_)) sockets.send(socket, encoded);
    return;
  }
  for (const Key socket : sockets.all(state_->path_)) {
    state_->owner_.emit(socket, event, arguments, {});
  }
}

void Namespace::emit_to(std::string_view room, std::string_view event, const Arguments& arguments) {
  sockets::Sockets& sockets = state_->owner_.sockets();
  if (arguments.attachments.empty()) {
    const auto encoded = sockets::encode_event(state_->path_, with_name(event, arguments.json));
    sockets.broadcast(state_->path_, room, std::span(&encoded, 1));
    return;
  }
  for (const Key socket : sockets.members(state_->path_, room)) {
    state_->owner_.emit(socket, event, arguments, {});
  }
}

}  // namespace crier

// Implements the protocol of one Socket.IO client.

#include "socketio/client.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <utility>

namespace crier::socketio {
namespace {

Send text_message(PacketType type, std::string_view nsp, std::optional<AckId> id,
                  std::string_view data, std::uint32_t attachments = 0) {
  std::string text = encode(type, nsp, id, data, attachments);
  text.insert(text.begin(), '4');  // Engine.IO: message
  return {.binary = false, .data = Bytes(std::move(text))};
}

}  // namespace

Client::Client(const ClientOptions& options, TimePoint now)
    : options_(&options), deadline_(now + options.connect_timeout) {}

void Client::receive_text(std::string_view message, ClientOutputs& out) {
  if (over_) return;
  if (reassembly_) return violate(to_string(DecodeError::unexpected_text), out);
  const auto packet = decode(message, options_->packet);
  if (!packet) return violate(to_string(packet.error()), out);
  switch (packet->type) {
    case PacketType::connect:
      return receive_connect(*packet, out);
    case PacketType::disconnect:
      return receive_disconnect(packet->nsp, out);
    case PacketType::connect_error:
      return violate("CONNECT_ERROR from a client", out);
    case PacketType::event:
    case PacketType::ack:
    case PacketType::binary_event:
    case PacketType::binary_ack:
      return receive_message(*packet, message.size(), out);
  }
}

void Client::receive_connect(const Packet& packet, ClientOutputs& out) {
  if (state_of(packet.nsp) != State::absent) return violate("CONNECT sent twice", out);
  const std::size_t count = others_.size() + (root_ == State::absent ? 0 : 1);
  if (count >= options_->namespaces_max) return violate("too many namespaces", out);
  set_state(packet.nsp, State::pending);
  out.emplace_back(
      ConnectRequested{.nsp = std::string(packet.nsp),
                       .auth = packet.data.empty() ? std::string("{}") : std::string(packet.data)});
}

void Client::receive_disconnect(std::string_view nsp, ClientOutputs& out) {
  const State state = state_of(nsp);
  if (state == State::absent) return violate("DISCONNECT for a namespace that is not joined", out);
  std::string name(nsp);
  set_state(name, State::absent);
  if (state == State::joined) {
    out.emplace_back(Left{std::move(name)});
  } else {
    out.emplace_back(Withdrawn{std::move(name)});
  }
}

void Client::deliver(Message message, ClientOutputs& out) {
  if (message.is_event) {
    if (message.arguments.empty()) return;  // `42` alone is legal and says nothing
    out.emplace_back(EventReceived{.nsp = std::move(message.nsp),
                                   .arguments = std::move(message.arguments),
                                   .id = message.id,
                                   .attachments = std::move(message.attachments)});
  } else if (message.id) {
    if (message.arguments.empty()) message.arguments = "[]";
    out.emplace_back(AckReceived{.nsp = std::move(message.nsp),
                                 .id = *message.id,
                                 .arguments = std::move(message.arguments),
                                 .attachments = std::move(message.attachments)});
  }
}

void Client::receive_message(const Packet& packet, std::size_t bytes, ClientOutputs& out) {
  // Checked before anything is stored: a client that is not admitted must not make the server hold
  // bytes.
  if (!is_joined(packet.nsp)) return violate("packet for a namespace that is not joined", out);
  Message message{
      .is_event = packet.type == PacketType::event || packet.type == PacketType::binary_event,
      .nsp = std::string(packet.nsp),
      .id = packet.id,
      .arguments = std::string(packet.data),
      .attachments = {}};
  if (packet.attachments == 0) return deliver(std::move(message), out);
  if (bytes > options_->reassembly_bytes_max) return violate("packet too large", out);
  reassembly_ = std::make_unique<Reassembly>(
      Reassembly{.message = std::move(message), .awaited = packet.attachments, .bytes = bytes});
}

void Client::receive_binary(std::string_view message, ClientOutputs& out) {
  if (over_) return;
  if (!reassembly_) return violate(to_string(DecodeError::unexpected_binary), out);
  Reassembly& open = *reassembly_;
  if (message.size() > options_->reassembly_bytes_max - open.bytes) {
    return violate("packet too large", out);
  }
  open.bytes += message.size();
  open.message.attachments.emplace_back(std::string(message));
  if (--open.awaited > 0) return;
  const auto complete = std::exchange(reassembly_, nullptr);
  // The server may have disconnected the socket meanwhile; the attachments were still read, to keep
  // the order of messages.
  if (is_joined(complete->message.nsp)) deliver(std::move(complete->message), out);
}

void Client::accept(std::string_view nsp, std::string_view reply, ClientOutputs& out) {
  CRIER_ASSERT(is_pending(nsp));
  set_state(nsp, State::joined);
  deadline_ = never;
  if (!over_) out.emplace_back(text_message(PacketType::connect, nsp, std::nullopt, reply));
}

void Client::refuse(std::string_view nsp, std::string_view error, ClientOutputs& out) {
  CRIER_ASSERT(is_pending(nsp));
  const std::string name(nsp);
  set_state(name, State::absent);
  if (!over_) out.emplace_back(text_message(PacketType::connect_error, name, std::nullopt, error));
}

void Client::disconnect(std::string_view nsp, ClientOutputs& out) {
  if (!is_joined(nsp)) return;
  const std::string name(nsp);
  set_state(name, State::absent);
  if (!over_) out.emplace_back(text_message(PacketType::disconnect, name, std::nullopt, ""));
}

void Client::close(ClientOutputs& out) {
  over_ = true;
  reassembly_.reset();
  if (std::exchange(root_, State::absent) == State::pending) out.emplace_back(Withdrawn{"/"});
  for (Other& other : std::exchange(others_, {})) {
    if (other.state == State::pending) out.emplace_back(Withdrawn{std::move(other.nsp)});
  }
}

bool Client::is_pending(std::string_view nsp) const { return state_of(nsp) == State::pending; }

bool Client::is_joined(std::string_view nsp) const { return state_of(nsp) == State::joined; }

std::vector<std::string> Client::joined() const {
  std::vector<std::string> names;
  if (root_ == State::joined) names.emplace_back("/");
  for (const Other& other : others_) {
    if (other.state == State::joined) names.push_back(other.nsp);
  }
  return names;
}

void Client::violate(std::string_view detail, ClientOutputs& out) {
  over_ = true;
  reassembly_.reset();
  out.emplace_back(Violation{detail});
}

Client::State Client::state_of(std::string_view nsp) const {
  if (nsp == "/") return root_;
  const auto found = std::ranges::find(others_, nsp, &Other::nsp);
  return found == others_.end() ? State::absent : found->state;
}

void Client::set_state(std::string_view nsp, State state) {
  if (nsp == "/") {
    root_ = state;
    return;
  }
  const auto found = std::ranges::find(others_, nsp, &Other::nsp);
  if (state == State::absent) {
    if (found != others_.end()) others_.erase(found);
    if (others_.empty()) others_.shrink_to_fit();
  } else if (found == others_.end()) {
    others_.push_back({.nsp = std::string(nsp), .state = state});
  } else {
    found->state = state;
  }
}

std::vector<Send> encode_messages(PacketType type, std::string_view nsp, std::optional<AckId> id,
                                  std::string_view arguments,
                                  const std::vector<Bytes>& attachments) {
  const bool is_ack = type == PacketType::ack || type == PacketType::binary_ack;
  CRIER_ASSERT(is_ack || type == PacketType::event || type == PacketType::binary_event);
  if (attachments.empty()) {
    type = is_ack ? PacketType::ack : PacketType::event;
  } else {
    type = is_ack ? PacketType::binary_ack : PacketType::binary_event;
  }
  std::vector<Send> messages;
  messages.reserve(1 + attachments.size());
  messages.push_back(
      text_message(type, nsp, id, arguments, static_cast<std::uint32_t>(attachments.size())));
  for (const Bytes& attachment : attachments) {
    messages.push_back({.binary = true, .data = attachment});
  }
  return messages;
}

}  // namespace crier::socketio

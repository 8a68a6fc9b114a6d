#include "client.hpp"

#include "clock.hpp"

#include <charconv>

namespace load {

std::string_view string_after(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + name.size();
  return text.substr(begin, text.find('"', begin) - begin);
}

void Shared::set_name_space(std::string_view name) {
  name_space = name == "/" || name.empty() ? "" : std::string(name) + ',';
  connect_prefix = "40" + name_space;
  disconnect_prefix = "41" + name_space;
  event_prefix = "42" + name_space;
  ack_prefix = "43" + name_space;
  error_prefix = "44" + name_space;
}

Client::Client(Shared& shared, std::size_t index, std::string auth)
    : shared_(shared), index_(index), auth_(std::move(auth)) {}

void Client::start() {
  state_ = State::opening;
  paused_ = recovered_ = has_delivery_ = over = false;
  events = 0;
  started_ = nanoseconds();
  connect();
}

void Client::cut() {
  if (!open()) return;
  state_ = State::away;
  disconnect();
}

void Client::resume() {
  paused_ = false;
  if (open()) ready(0);
}

Route Client::route() const {
  Route route;
  route.to = shared_.to;
  route.tls = shared_.tls;
  if (!shared_.sources.empty()) route.from = &shared_.sources[index_ / shared_.clients_per_source];
  // What waits for it is to wait at the server, not in this host's kernel.
  if (slow) route.receive_buffer = 16 * 1024;
  return route;
}

void Client::lose(std::string_view kind, std::string_view sample) {
  if (!open()) return;
  if (!slow) shared_.errors.add(kind, sample);
  const bool had_joined = joined();
  cut();
  shared_.lost(*this, had_joined);
}

void Client::emit(std::uint64_t id, std::string_view text) {
  std::string packet;
  packet.reserve(shared_.event_prefix.size() + 20 + text.size());
  packet += shared_.event_prefix;
  packet += std::to_string(id);
  packet += text;
  transmit(packet);
}

void Client::other_packet(std::string_view text, std::int64_t now) {
  if (text.starts_with(shared_.ack_prefix)) {
    std::uint64_t id = 0;
    std::from_chars(text.data() + shared_.ack_prefix.size(), text.data() + text.size(), id);
    shared_.acked(*this, id, now);
  } else if (text == "2") {
    transmit("3");
  } else if (text.starts_with("0{")) {
    opened(text.substr(1));
    send_connect();
  } else if (text.starts_with(shared_.connect_prefix)) {
    join(text, now);
  } else if (text.starts_with(shared_.error_prefix)) {
    lose("connect_error", text.substr(shared_.error_prefix.size()));
  } else if (text.starts_with(shared_.disconnect_prefix)) {
    lose("disconnected by the server", text);
  } else if (text.starts_with("45")) {
    event(text, now);  // Its attachments follow in frames of their own.
  } else if (text == "1") {
    lose("closed by the server", "an Engine.IO close packet");
  }
}

void Client::send_connect() {
  std::string packet = shared_.connect_prefix + auth_;
  if (shared_.keep_cursors && !pid_.empty() && !offset_.empty()) {
    if (auth_.empty()) packet += "{}";
    packet.pop_back();
    if (!packet.ends_with('{')) packet += ',';
    packet += R"("pid":")" + pid_ + R"(","offset":")" + offset_ + "\"}";
  }
  transmit(packet);
}

void Client::join(std::string_view text, std::int64_t now) {
  if (shared_.keep_cursors) {
    const std::string_view pid = string_after(text, R"("pid":")");
    recovered_ = !pid.empty() && pid == pid_;
    if (!recovered_) pid_ = pid;
  }
  state_ = State::joined;
  shared_.joined(*this, now);
}

void Client::note_cursor(std::string_view text, std::int64_t now) {
  // The last argument, if it is a string, is the offset, also that of `catchup`.
  if (shared_.move_cursors && text.ends_with("\"]")) {
    const std::size_t begin = text.rfind('"', text.size() - 3) + 1;
    offset_ = text.substr(begin, text.size() - 2 - begin);
  }
  if (is_catchup(text)) return;
  ++events;
  shared_.recovered_event(*this, now);
}

}  // namespace load

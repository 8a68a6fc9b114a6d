// Runs Engine.IO sessions on the connections of one worker.

#include "sockets/sessions.hpp"

#include "base/cases.hpp"
#include "base/encoding.hpp"
#include "http/error_response.hpp"
#include "websocket/extensions.hpp"
#include "websocket/handshake.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace crier::sockets {

namespace {

constexpr std::string_view html = "text/html";
constexpr std::chrono::seconds coarse_from{5};  // heartbeats of which a step is a hundredth

std::string_view as_view(const std::optional<std::string_view>& text) {
  return text ? *text : std::string_view();
}

}  // namespace

TimePoint end_of_step(TimePoint deadline) {
  constexpr Duration step = std::chrono::milliseconds(50);
  if (deadline > never - step) return never;
  const Duration since = deadline.time_since_epoch();
  return TimePoint((since + step - Duration(1)) / step * step);
}

struct Sessions::Entry {
  Entry(Key k, const engineio::SessionOptions& options, std::string sid)
      : key(k), session(options, std::move(sid)) {}
  Key key;
  engineio::Session session;
  int descriptor = -1;     ///< What the layer was told last.
  std::uint32_t turn = 0;  ///< In which it was last looked at before something was sent.
  bool closing = false;
  bool gone = false;
};

Sessions::Counters& Sessions::Counters::operator+=(const Counters& other) {
  handshakes_deferred += other.handshakes_deferred;
  deflated += other.deflated;
  closes += other.closes;
  return *this;
}

Sessions::Sessions(web::Worker& worker, engineio::SessionOptions options, const Limits& limits,
                   MessageLayer& layer, Random& random)
    : worker_(worker),
      options_(options),
      reader_limits_{options.payload_bytes_max, limits.fragments_max},
      backlog_bytes_max_(limits.backlog_bytes_max),
      coarse_(std::min(options.ping_interval, options.ping_timeout) >= coarse_from),
      layer_(layer),
      random_(random),
      wheel_(worker.now()) {
  if (limits.deflate_bytes_min) deflater_.emplace(*limits.deflate_bytes_min);
  worker.add_turn_user(*this);
}

Sessions::~Sessions() = default;

// Sessions.

// A sid is 20 characters of base64url: 3 bytes name the slot, 1 the worker, 11 are random.
std::string Sessions::make_sid(Key session) {
  std::array<std::byte, 15> bytes;
  random_.fill(bytes);
  const std::uint32_t slot = slot_of(session);
  bytes[0] = static_cast<std::byte>(slot >> 16U);
  bytes[1] = static_cast<std::byte>(slot >> 8U);
  bytes[2] = static_cast<std::byte>(slot);
  bytes[3] = static_cast<std::byte>(worker_.index());
  return base64url_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Sessions::Entry* Sessions::find_sid(std::string_view sid) const {
  if (sid.size() != 20) return nullptr;
  const auto head = base64url_decode(sid.substr(0, 4));
  if (!head || head->size() != 3) return nullptr;
  std::uint32_t slot = 0;
  for (const char byte : *head) slot = (slot << 8U) | static_cast<unsigned char>(byte);
  Entry* entry = sessions_.at_slot(slot);
  return entry != nullptr && equal_in_constant_time(entry->session.sid(), sid) ? entry : nullptr;
}

web::Worker* Sessions::other_owner(const http::Request& request) const {
  const auto workers = worker_.workers();
  if (workers.size() == 1 || request.method == http::Method::options) return nullptr;
  const http::Query query(request.query());
  const auto sid = as_view(query.get("sid"));
  if (sid.size() != 20) return nullptr;
  const auto head = base64url_decode(sid.substr(0, 8));
  if (!head || head->size() != 6) return nullptr;
  const auto index = static_cast<unsigned char>((*head)[3]);
  return index == worker_.index() || index >= workers.size() ? nullptr : workers[index];
}

Sessions::Entry& Sessions::create(Key& key) {
  static_assert(sizeof(Entry) <= 104);  // an idle session's share
  key = sessions_.reserve();
  ++worker_.totals().sessions;
  return sessions_.emplace(key, std::make_unique<Entry>(key, options_, make_sid(key)));
}

void Sessions::finished(Entry& entry) {
  entry.gone = true;
  wheel_.cancel(slot_of(entry.key));
  if (auto gone = sessions_.erase(entry.key)) {
    forgotten_.push_back(std::move(gone));
    --worker_.totals().sessions;
  }
}

std::vector<Key> Sessions::open_sessions(std::size_t count) const {
  std::vector<Key> keys;
  for (std::uint32_t slot = 0; slot < sessions_.slots() && keys.size() < count; ++slot) {
    const Entry* entry = sessions_.at_slot(slot);
    if (entry != nullptr && !entry->closing) keys.push_back(entry->key);
  }
  return keys;
}

// Requests.

namespace {

engineio::Attempt attempt_of(const http::Request& request, const http::Query& query) {
  engineio::Attempt attempt;
  attempt.get = request.method == http::Method::get;
  attempt.upgrade = request.wants_websocket();
  attempt.transport = query.get("transport");
  attempt.sid = query.get("sid");
  attempt.eio = query.get("EIO");
  attempt.origin = request.header("origin");
  return attempt;
}

}  // namespace

std::size_t Sessions::head(web::Connection& connection, const http::Request& request) {
  if (web::Worker* owner = other_owner(request)) {
    connection.move_to(*owner);
    return 0;
  }
  if (request.method != http::Method::post) return options_.payload_bytes_max;
  const http::Query query(request.query());
  Entry* entry = find_sid(as_view(query.get("sid")));
  if (entry == nullptr || request.wants_websocket()) return options_.payload_bytes_max;
  const auto admitted = engineio::admit(attempt_of(request, query), [entry](std::string_view) {
    return std::optional(entry->session.transport());
  });
  if (admitted && *admitted == engineio::Entry::polling_request) {
    connection.owner = entry->key;
    engineio::Outputs outputs;
    entry->session.post_started(connection.key(), worker_.now(), outputs);
    run(*entry, outputs);
  }
  return options_.payload_bytes_max;
}

void Sessions::request(web::Connection& connection, http::Request& request) {
  if (request.method == http::Method::options && !worker_.options().cors.origins.empty()) {
    connection.answer(http::preflight(worker_.options().cors, request));
    return;
  }
  if (connection.owner != 0) {  // a POST that head() has announced
    if (Entry* entry = sessions_.find(connection.owner)) {
      polling_request(connection, *entry, request);
      return;
    }
  }
  const http::Query query(request.query());
  Entry* entry = nullptr;
  const auto admitted =
      engineio::admit(attempt_of(request, query),
                      [&](std::string_view sid) -> std::optional<engineio::TransportKind> {
                        entry = find_sid(sid);
                        if (entry == nullptr) return std::nullopt;
                        return entry->session.transport();
                      });
  if (!admitted) {
    refuse(connection, request, admitted.error());
    return;
  }
  switch (*admitted) {
    case engineio::Entry::open_polling:
      handshake(connection, false, request);
      return;
    case engineio::Entry::open_websocket:
      handshake(connection, true, request);
      return;
    case engineio::Entry::polling_request:
      polling_request(connection, *entry, request);
      return;
    case engineio::Entry::upgrade:
      upgrade(connection, *entry, request);
      return;
  }
}

void Sessions::add_cors(http::Response& response, const web::Connection& connection) const {
  for (auto& header : http::cors_headers(worker_.options().cors, connection.origin())) {
    response.headers.push_back(std::move(header));
  }
}

void Sessions::refuse(web::Connection& connection, const http::Request& request,
                      engineio::ErrorCode code) {
  if (request.wants_websocket()) {
    connection.close_after_answer();
    connection.answer(
        {400, {{"Content-Type", std::string(html)}}, std::string(engineio::message(code))});
    return;
  }
  http::Response response = http::json(engineio::status(code), engineio::body(code));
  add_cors(response, connection);
  connection.answer(response);
}

/// Why no new session may begin now.
std::optional<Error> Sessions::handshake_problem() {
  if (refusing_) return Error{503, "shutting_down", "The server is shutting down.", ""};
  // A session over polling needs no connection of its own, but counts as one.
  if (worker_.totals().sessions >= worker_.options().connections_max) {
    return Error{503, "full", "No more sessions may be open.", ""};
  }
  if (!worker_.totals().take_handshake(worker_.now())) {
    ++counters_.handshakes_deferred;
    return Error{503, "too_many_handshakes", "Too many clients connect at once; come back.", ""};
  }
  return std::nullopt;
}

void Sessions::defer(web::Connection& connection, const Error& error) {
  http::Response response = http::error_response(error);
  // Not all in the same second: those that are deferred together would come together again.
  response.headers.emplace_back("Retry-After", std::to_string(1 + random_.number() % 3));
  add_cors(response, connection);
  connection.answer(response);
}

void Sessions::handshake(web::Connection& connection, bool websocket,
                         const http::Request& request) {
  if (const auto problem = handshake_problem()) {
    defer(connection, *problem);
    return;
  }
  if (websocket && !open_websocket(connection, request)) return;
  Key key = 0;
  Entry& entry = create(key);
  connection.owner = key;
  engineio::Outputs outputs;
  if (websocket) {
    entry.session.open_websocket(connection.key(), worker_.now(), outputs);
  } else {
    entry.session.open_polling(connection.key(), worker_.now(), outputs);
  }
  run(entry, outputs);  // OPEN comes before whatever the layer sends
  layer_.opened(key);
  update_deadline(key);
}

bool Sessions::open_websocket(web::Connection& connection, const http::Request& request) {
  const websocket::HandshakeHeaders headers{request.header("sec-websocket-version"),
                                            request.header("sec-websocket-key"),
                                            request.header("sec-websocket-protocol")};
  if (const auto error = websocket::check(headers)) {
    const bool version = *error == websocket::HandshakeError::bad_version;
    http::Response response =
        http::text(400, version ? "Missing or invalid Sec-WebSocket-Version header"
                                : "Missing or invalid Sec-WebSocket-Key header");
    if (version) response.headers.emplace_back("Sec-WebSocket-Version", "13, 8");
    connection.answer(response);
    return false;
  }
  std::string extra;
  for (const auto& [name, value] :
       http::cors_headers(worker_.options().cors, connection.origin())) {
    extra.append(name).append(": ").append(value).append("\r\n");
  }
  std::optional<std::string_view> deflate;
  if (deflater_) deflate = websocket::accept_deflate(request.joined("sec-websocket-extensions"));
  if (deflate) extra.append("Sec-WebSocket-Extensions: ").append(*deflate).append("\r\n");
  connection.open_websocket(websocket::accept_response(headers, extra), reader_limits_,
                            deflate ? &inflater_ : nullptr);
  return true;
}

void Sessions::polling_request(web::Connection& connection, Entry& entry, http::Request& request) {
  connection.owner = entry.key;
  engineio::Outputs outputs;
  const TimePoint now = worker_.now();
  switch (request.method) {
    case http::Method::get: {
      const http::Query query(request.query());
      entry.session.poll(connection.key(), as_view(query.get("t")), now, outputs);
      break;
    }
    case http::Method::post:
      entry.session.post(connection.key(), request.header("content-type"), request.body, now,
                         outputs);
      break;
    default:
      entry.session.other_method(connection.key(), outputs);
  }
  run(entry, outputs);
  if (request.method == http::Method::get && !entry.gone) layer_.drained(entry.key);
}

void Sessions::upgrade(web::Connection& connection, Entry& entry, const http::Request& request) {
  if (!open_websocket(connection, request)) return;
  connection.owner = entry.key;
  engineio::Outputs outputs;
  entry.session.probe(connection.key(), worker_.now(), outputs);
  run(entry, outputs);
}

void Sessions::body_failed(web::Connection& connection, int status) {
  Entry* entry = sessions_.find(connection.owner);
  if (entry == nullptr) {
    connection.answer({status, {}, {}});
    return;
  }
  engineio::Outputs outputs;
  if (status == 413) {
    entry->session.post_too_large(connection.key(), outputs);
  } else {
    entry->session.request_lost(connection.key(), worker_.now(), outputs);
  }
  run(*entry, outputs);
  if (connection.awaits_answer()) connection.answer({status, {}, {}});
}

void Sessions::lost(web::Connection& connection, bool answered) {
  Entry* entry = sessions_.find(connection.owner);
  if (entry == nullptr) return;
  engineio::Outputs outputs;
  if (answered) {
    entry->session.answered_connection_lost(connection.key(), worker_.now(), outputs);
  } else {
    entry->session.request_lost(connection.key(), worker_.now(), outputs);
  }
  run(*entry, outputs);
}

// WebSockets.

void Sessions::message(web::Connection& connection, const websocket::Message& message) {
  Entry* entry = sessions_.find(connection.owner);
  if (entry == nullptr) return close_websocket(connection, false);
  Spares<engineio::Output>::List outputs(spares_);
  if (message.opcode == websocket::Opcode::text) {
    entry->session.text(connection.key(), message.data, worker_.now(), outputs.items);
  } else {
    entry->session.binary(connection.key(), message.data, worker_.now(), outputs.items);
  }
  run(*entry, outputs.items);
}

void Sessions::close_websocket(web::Connection& connection, bool after_next) {
  connection.disown();
  if (after_next) return;
  connection.queue(Bytes(websocket::close_frame(websocket::CloseCode::none)));
  connection.close_after_flush();
}

void Sessions::websocket_lost(web::Connection& connection, bool error) {
  Entry* entry = sessions_.find(connection.owner);
  if (entry == nullptr) return;
  engineio::Outputs outputs;
  entry->session.wire_lost(connection.key(), error, worker_.now(), outputs);
  run(*entry, outputs);
}

void Sessions::writable_changed(web::Connection& connection, bool writable) {
  Entry* entry = sessions_.find(connection.owner);
  if (entry == nullptr) return;
  update_route(*entry);
  if (writable) layer_.drained(entry->key);
}

// The layer's calls.

void Sessions::send(Key session, const engineio::Outgoing& message) {
  Entry* entry = sessions_.find(session);
  if (entry == nullptr || entry->closing) return;
  Spares<engineio::Output>::List outputs(spares_);
  if (std::exchange(entry->turn, worker_.turn()) != worker_.turn() && closed_as_slow(*entry)) {
    return;
  }
  entry->session.send(message, worker_.now(), outputs.items);
  run(*entry, outputs.items);
}

void Sessions::close(Key session, engineio::CloseReason reason, bool discard) {
  Entry* entry = sessions_.find(session);
  if (entry == nullptr) return;
  entry->closing = true;
  engineio::Outputs outputs;
  entry->session.close(discard, reason, worker_.now(), outputs);
  run(*entry, outputs);
}

std::size_t Sessions::unsent(Key session) const {
  const Entry* entry = sessions_.find(session);
  return entry == nullptr ? 0 : unsent(*entry);
}

std::size_t Sessions::flush(Key session) {
  const Entry* entry = sessions_.find(session);
  web::Connection* connection = entry == nullptr ? nullptr : carrier(*entry);
  if (connection != nullptr) connection->flush();
  return unsent(session);
}

bool Sessions::is_websocket(Key session) const {
  const Entry* entry = sessions_.find(session);
  return entry != nullptr && entry->session.transport() == engineio::TransportKind::websocket;
}

int Sessions::direct_descriptor(Key session) const {
  const Entry* entry = sessions_.find(session);
  return entry == nullptr ? -1 : entry->descriptor;
}

bool Sessions::deflates(Key session) const {
  if (!deflater_) return false;
  const Entry* entry = sessions_.find(session);
  const web::Connection* connection =
      entry == nullptr ? nullptr : worker_.find(entry->session.wire());
  return connection != nullptr && connection->deflates();
}

Sessions::Counters Sessions::counters() const {
  Counters counters = counters_;
  if (deflater_) counters.deflated = deflater_->frames();
  return counters;
}

void Sessions::finish_frame(Key session, Bytes frame, std::size_t sent) {
  Entry* entry = sessions_.find(session);
  if (entry == nullptr) return;
  web::Connection* connection = worker_.find(entry->session.wire());
  if (connection == nullptr) return;
  // Written at the next flush: one that fails now would run handlers while others are half-sent.
  connection->queue_rest(std::move(frame), sent);
}

void Sessions::update_deadline(Key session) {
  const Entry* entry = sessions_.find(session);
  if (entry == nullptr || entry->gone) return;
  const TimePoint deadline = std::min(entry->session.deadline(), layer_.deadline(session));
  wheel_.set(slot_of(session), coarse_ ? end_of_step(deadline) : deadline);
}

void Sessions::update_route(Entry& entry) {
  int descriptor = -1;
  if (!entry.gone && !entry.closing && entry.session.direct()) {
    const web::Connection* connection = worker_.find(entry.session.wire());
    if (connection != nullptr && connection->writable()) descriptor = connection->descriptor();
  }
  if (descriptor == entry.descriptor) return;
  entry.descriptor = descriptor;
  layer_.route_changed(entry.key, descriptor);
}

// Outputs.

void Sessions::run(Entry& entry, engineio::Outputs& outputs) {
  for (auto& output : outputs) run_one(entry, output);
  if (entry.gone) return;
  update_route(entry);
  update_deadline(entry.key);
}

void Sessions::run_one(Entry& entry, engineio::Output& output) {
  std::visit(Cases{[&](const engineio::Reply& reply) { answer(reply); },
                   [&](const engineio::Abort& abort) {
                     if (web::Connection* connection = worker_.find(abort.request))
                       connection->abort();
                   },
                   [&](const engineio::SendMessage& message) { write_message(message); },
                   [&](const engineio::CloseWire& close) {
                     web::Connection* connection = worker_.find(close.wire);
                     if (connection != nullptr) close_websocket(*connection, close.after_next);
                   },
                   [&](const engineio::Received& received) {
                     if (entry.gone || entry.closing) return;
                     layer_.received(entry.key, received.binary, received.data());
                   },
                   [&](const engineio::Upgraded&) { layer_.drained(entry.key); },
                   [&](const engineio::Pinged&) { layer_.pinged(entry.key); },
                   [&](const engineio::Ponged&) { layer_.ponged(entry.key); },
                   [&](const engineio::Closed& closed) {
                     if (!entry.gone) ended(entry, closed.reason);
                   }},
             output);
}

void Sessions::ended(Entry& entry, engineio::CloseReason reason) {
  const auto text = engineio::to_string(reason);
  counters_.closes.add(text);
  finished(entry);
  layer_.closed(entry.key, text);
}

void Sessions::answer(const engineio::Reply& reply) {
  web::Connection* connection = worker_.find(reply.request);
  if (connection == nullptr || !connection->awaits_answer()) return;
  http::Response response{reply.status, {}, {}, reply.body};
  if (!reply.content_type.empty()) {
    response.headers.emplace_back("Content-Type", reply.content_type);
    if (reply.content_type != html) response.headers.emplace_back("Cache-Control", "no-store");
  }
  add_cors(response, *connection);
  // Only the answer to a poll is asked about when its connection dies.
  if (reply.content_type.empty() || reply.content_type == html) connection->owner = 0;
  connection->answer(response);
}

void Sessions::write_message(const engineio::SendMessage& message) {
  web::Connection* connection = worker_.find(message.wire);
  if (connection == nullptr) return;
  if (!message.frame.empty()) {
    connection->queue(message.frame);
  } else {
    const auto opcode = message.binary ? websocket::Opcode::binary : websocket::Opcode::text;
    const std::string_view data = message.data.view();
    std::optional<std::string> deflated;
    if (connection->deflates()) deflated = deflater_->frame(opcode, data);
    connection->queue(Bytes(deflated ? *std::move(deflated) : websocket::frame(opcode, data)));
  }
}

/// What carries the session's bytes: its WebSocket, or what the last poll was answered on.
web::Connection* Sessions::carrier(const Entry& entry) const {
  const engineio::WireId wire = entry.session.wire();
  return worker_.find(wire != 0 ? wire : entry.session.answered());
}

std::size_t Sessions::unsent(const Entry& entry) const {
  const web::Connection* connection = carrier(entry);
  const std::size_t bytes = connection == nullptr ? 0 : connection->backlog_bytes();
  return bytes + entry.session.backlog_bytes();
}

/// What earlier turns have queued is more than may be: the peer does not take what it is offered.
bool Sessions::closed_as_slow(Entry& entry) {
  if (unsent(entry) <= backlog_bytes_max_) return false;
  web::Connection* connection = carrier(entry);
  if (connection != nullptr) connection->flush();
  if (entry.gone || entry.closing) return true;
  if (unsent(entry) <= backlog_bytes_max_) return false;
  close(entry.key, engineio::CloseReason::slow_reader, true);
  if (connection != nullptr && connection->backlog_bytes() > 0) connection->abort();
  return true;
}

void Sessions::stalled(web::Connection& connection) {
  const Entry* entry = sessions_.find(connection.owner);
  if (entry == nullptr) return;
  if (connection.is_websocket() && entry->session.wire() != connection.key()) return;
  close(entry->key, engineio::CloseReason::slow_reader, true);
}

// Time.

void Sessions::turn_end() { forgotten_.clear(); }

void Sessions::tick(TimePoint now) {
  due_.clear();
  wheel_.advance(now, due_);
  for (const auto slot : due_) {
    Entry* entry = sessions_.at_slot(slot);
    if (entry == nullptr) continue;
    const Key key = entry->key;
    engineio::Outputs outputs;
    if (entry->session.deadline() <= now) {
      const web::Connection* connection = carrier(*entry);
      if (connection != nullptr && connection->backlog_bytes() > 0) entry->session.still_reads(now);
      entry->session.tick(now, outputs);
    }
    run(*entry, outputs);
    if (sessions_.find(key) != nullptr && layer_.deadline(key) <= now) layer_.tick(key);
    update_deadline(key);
  }
}

}  // namespace crier::sockets

// Implements the session: polling, WebSocket, upgrade, heartbeat and close.

#include "engineio/session.hpp"

#include "base/assert.hpp"
#include "base/encoding.hpp"
#include "engineio/past_polls.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace crier::engineio {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t t_bytes_max = 64;

/// During a probe, an idle poll is answered with a noop at most this often: a client that cannot
/// see the probe's answer would otherwise poll as fast as it can.
constexpr milliseconds noop_pace{100};

/// Delay up to which a tick counts as on time. If the loop stalled for longer, the client must not
/// lose that time.
constexpr milliseconds lateness_max{10};

/// The packets without data, encoded once.
const Bytes& bare(PacketType type) {
  static const std::array<Bytes, 7> packets{Bytes("0"), Bytes("1"), Bytes("2"), Bytes("3"),
                                            Bytes("4"), Bytes("5"), Bytes("6")};
  return packets.at(static_cast<std::size_t>(type));
}

Reply reply_poll(RequestId request, ByteChain payload) {
  return {request, 200, "text/plain; charset=UTF-8", std::move(payload)};
}

Reply reply_empty(RequestId request, int status) { return {request, status, {}, {}}; }

Reply refusal(RequestId request, ErrorCode code) {
  return {request, status(code), "application/json", ByteChain(Bytes(body(code)))};
}

Reply reply_ok(RequestId request) {
  static const Bytes ok("ok");
  return {request, 200, "text/html", ByteChain(ok)};
}

/// The media type alone counts, in any case (RFC 9110 section 8.3.1).
bool is_octet_stream(std::string_view content_type) {
  constexpr std::string_view name = "application/octet-stream";
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  return std::equal(type.begin(), type.end(), name.begin(), name.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

/// Messages up to this size are copied: the entries for a piece and its separator, in the queue and
/// in the payload, take as much memory.
constexpr std::size_t copied_bytes_max = 4 * sizeof(Bytes);

bool is_piece(const Outgoing& packet) {
  return packet.binary || packet.data.size() > copied_bytes_max;
}

Bytes separator_or(std::string& text) {
  static const std::string alone(1, separator);
  if (text == alone) {
    text.clear();
    return Bytes::forever(alone);
  }
  return Bytes(std::exchange(text, {}));
}

/// The payload of the packets. Long packets are shared, not copied, except for the base64 of binary
/// ones.
ByteChain encode_payload(const std::vector<Outgoing>& packets) {
  if (packets.size() == 1 && !packets.front().binary) return ByteChain(packets.front().data);
  std::vector<Bytes> pieces;
  pieces.reserve(2 * static_cast<std::size_t>(std::ranges::count_if(packets, is_piece)) + 1);
  std::string text;
  for (const Outgoing& packet : packets) {
    if (&packet != &packets.front()) text += separator;
    if (!is_piece(packet)) {
      text += packet.data.view();
      continue;
    }
    if (packet.binary) text += 'b';
    if (!text.empty()) pieces.push_back(separator_or(text));
    pieces.push_back(packet.binary ? Bytes(base64_encode(packet.data.view())) : packet.data);
  }
  if (!text.empty()) pieces.push_back(Bytes(std::move(text)));
  return ByteChain(std::move(pieces));
}

bool is_message(const Outgoing& packet) {
  return packet.binary || packet.data.view().starts_with('4');
}

}  // namespace

struct Session::Polling {
  struct Poll {
    RequestId request;
    std::string t;
  };
  /// The last answer; kept until a GET shows that the client has received it.
  struct Answer {
    Poll poll;
    ByteChain payload;
    bool has_messages;
    bool lost = false;
  };
  struct Upgrade {
    WireId wire;
    TimePoint until;
    bool probed = false;
    TimePoint noop_from = TimePoint::min();
  };

  std::optional<Poll> poll;
  std::optional<RequestId> post;
  std::vector<Outgoing> queue;
  std::size_t queued_bytes = 0;
  std::optional<Answer> answer;
  PastPolls past;
  std::optional<Upgrade> upgrade;
  TimePoint close_at = never;
  TimePoint slow_at = never;  ///< While messages wait: the deadline for the next poll.
  CloseReason close_reason = CloseReason::forced_close;

  [[nodiscard]] std::size_t backlog() const {
    return queue.empty() ? 0 : queued_bytes + (queue.size() - 1) * sizeof(Outgoing);
  }
  [[nodiscard]] bool noop_is_next() const { return poll && upgrade && upgrade->probed; }
  /// Whether a GET with this `t` repeats the one that was answered last.
  [[nodiscard]] bool is_answered(std::string_view t) const {
    return answer && !t.empty() && answer->poll.t == t;
  }
};

static_assert(sizeof(Session) <= 72, "held by every connection");

std::string_view to_string(CloseReason reason) {
  switch (reason) {
    case CloseReason::ping_timeout:
      return "ping timeout";
    case CloseReason::parse_error:
      return "parse error";
    case CloseReason::transport_error:
      return "transport error";
    case CloseReason::transport_close:
      return "transport close";
    case CloseReason::forced_close:
      return "forced close";
    case CloseReason::slow_reader:
      return "slow reader";
  }
  return {};
}

Session::Session(const SessionOptions& options, std::string sid)
    : options_(&options), sid_(std::move(sid)) {
  CRIER_ASSERT(options.ping_interval.count() > 0 && options.ping_timeout.count() > 0);
}

Session::~Session() = default;
Session::Session(Session&& other) noexcept = default;
Session& Session::operator=(Session&& other) noexcept = default;

// The handshake.

void Session::open(TransportKind transport, TimePoint now) {
  CRIER_ASSERT(state_ == State::opening);
  state_ = State::open;
  transport_ = transport;
  heartbeat_ = now + options_->ping_interval;
}

void Session::open_polling(RequestId request, TimePoint now, Outputs& out) {
  open(TransportKind::polling, now);
  polling_ = std::make_unique<Polling>();
  out.push_back(reply_poll(
      request, ByteChain(Bytes(
                   encode_open({sid_, options_->allow_upgrades, options_->ping_interval.count(),
                                options_->ping_timeout.count(), options_->payload_bytes_max})))));
}

void Session::open_websocket(WireId wire, TimePoint now, Outputs& out) {
  CRIER_ASSERT(wire != 0);
  open(TransportKind::websocket, now);
  wire_ = wire;
  out.push_back(
      SendMessage{wire, false,
                  Bytes(encode_open({sid_, false, options_->ping_interval.count(),
                                     options_->ping_timeout.count(), options_->payload_bytes_max})),
                  Bytes()});
}

// Polling.

void Session::refuse(RequestId request, Outputs& out) const {
  out.push_back(refusal(request, closed() ? ErrorCode::unknown_sid : ErrorCode::bad_request));
}

void Session::poll(RequestId request, std::string_view t, TimePoint now, Outputs& out) {
  if (!polling_) return refuse(request, out);
  if (state_ == State::open && pulse_ != Pulse::resting && now >= heartbeat_) {
    // The ping timeout has passed; the tick for it comes later in this turn of the loop.
    out.push_back(refusal(request, ErrorCode::unknown_sid));
    return finish({CloseReason::ping_timeout, ""}, out);
  }
  if (t.size() > t_bytes_max) t = {};
  Polling& polling = *polling_;
  if (polling.past.has(t)) {
    out.push_back(Abort{request});
  } else if (polling.poll) {
    repeat_poll(request, t, out);
  } else if (polling.is_answered(t)) {
    polling.answer->poll.request = request;
    polling.answer->lost = false;
    out.push_back(reply_poll(request, polling.answer->payload));
  } else {
    next_poll(request, t, now, out);
  }
}

/// Handles a GET while another is pending. With the same `t`, it replaces the pending one.
void Session::repeat_poll(RequestId request, std::string_view t, Outputs& out) {
  Polling::Poll& poll = *polling_->poll;
  if (t.empty() || poll.t != t) return overlap(request, "overlap from client", out);
  out.push_back(Abort{poll.request});
  poll.request = request;
}

void Session::next_poll(RequestId request, std::string_view t, TimePoint now, Outputs& out) {
  Polling& polling = *polling_;
  // Another `t` shows that the last answer arrived; without `t` this GET may be its repeat.
  if (!t.empty() && polling.answer) {
    polling.past.add(polling.answer->poll.t);
    polling.answer.reset();
  }
  polling.poll = Polling::Poll{request, std::string(t)};
  flush(now, out);
}

/// Answers the pending poll, if any, with the queue, the close or a noop.
void Session::flush(TimePoint now, Outputs& out) {
  Polling& polling = *polling_;
  if (!polling.poll) return;
  if (!polling.queue.empty()) {
    const bool messages = std::any_of(polling.queue.begin(), polling.queue.end(), is_message);
    ByteChain payload = encode_payload(polling.queue);
    polling.queue = {};
    polling.queued_bytes = 0;
    polling.slow_at = never;
    answer(std::move(payload), messages, out);
    if (state_ == State::closing) polling.close_at = now + options_->quiet_close_timeout;
  } else if (state_ == State::closing) {
    finish({polling.close_reason, ""}, out);
  } else if (polling.noop_is_next() && now >= polling.upgrade->noop_from) {
    polling.upgrade->noop_from = now + noop_pace;
    answer(ByteChain(bare(PacketType::noop)), false, out);
  }
}

void Session::answer(ByteChain payload, bool has_messages, Outputs& out) {
  Polling& polling = *polling_;
  out.push_back(reply_poll(polling.poll->request, payload));
  polling.answer = Polling::Answer{*std::move(polling.poll), std::move(payload), has_messages};
  polling.poll.reset();
}

void Session::overlap(RequestId request, std::string_view detail, Outputs& out) {
  out.push_back(reply_empty(request, 400));
  finish({CloseReason::transport_error, detail}, out);
}

void Session::post_started(RequestId request, TimePoint /*now*/, Outputs& out) {
  if (!polling_) return refuse(request, out);
  if (polling_->post) return overlap(request, "data request overlap from client", out);
  polling_->post = request;
}

void Session::post(RequestId request, std::string_view content_type, std::string_view body,
                   TimePoint now, Outputs& out) {
  if (!polling_ || polling_->post != request) return;
  polling_->post.reset();
  if (is_octet_stream(content_type)) {
    out.push_back(reply_empty(request, 400));
    return finish({CloseReason::transport_error, "invalid content"}, out);
  }
  const auto closed = take_payload(body, now, out);
  out.push_back(reply_ok(request));
  if (!closed) return;
  // A client that closes waits for its poll to end: it is answered with a noop, not with a close.
  if (closed->reason == CloseReason::transport_close && polling_->poll) {
    answer(ByteChain(bare(PacketType::noop)), false, out);
  }
  finish(*closed, out);
}

std::optional<Closed> Session::take_payload(std::string_view body, TimePoint now, Outputs& out) {
  // Text that is not UTF-8 could be passed on to a WebSocket, whose client would fail on it.
  if (!is_utf8(body)) return Closed{CloseReason::parse_error, "not UTF-8"};
  PollingPayload payload = decode_payload(body);
  for (Packet& packet : payload.packets) {
    if (state_ == State::closing && packet.type != PacketType::close) continue;
    if (auto closed = take(std::move(packet), now, out)) return closed;
  }
  if (payload.malformed && state_ == State::open) {
    return Closed{CloseReason::parse_error, "malformed payload"};
  }
  return std::nullopt;
}

void Session::other_method(RequestId request, Outputs& out) {
  if (!polling_) return refuse(request, out);
  out.push_back(reply_empty(request, 500));
}

void Session::post_too_large(RequestId request, Outputs& out) {
  if (!polling_ || polling_->post != request) return;
  polling_->post.reset();
  out.push_back(reply_empty(request, 413));
}

void Session::request_lost(RequestId request, TimePoint now, Outputs& out) {
  if (!polling_) return;
  if (polling_->poll && polling_->poll->request == request) {
    polling_->poll.reset();
    finish({CloseReason::transport_error, "poll connection closed prematurely"}, out);
  } else if (polling_->post == request) {
    polling_->post.reset();
    finish({CloseReason::transport_error, "data request connection closed prematurely"}, out);
  } else {
    answered_connection_lost(request, now, out);
  }
}

void Session::answered_connection_lost(RequestId request, TimePoint /*now*/, Outputs& out) {
  if (!polling_ || !polling_->answer || polling_->answer->poll.request != request) return;
  if (!polling_->answer->has_messages) return;
  if (polling_->answer->poll.t.empty()) {
    return finish({CloseReason::transport_error, "the last poll's answer may be lost"}, out);
  }
  polling_->answer->lost = true;
}

// Incoming packets.

/// Handles one packet. If it returns a value, the caller ends the session with it.
std::optional<Closed> Session::take(Packet packet, TimePoint now, Outputs& out) {
  heard(packet.type, now, out);
  switch (packet.type) {
    case PacketType::close:
      return Closed{CloseReason::transport_close, ""};
    case PacketType::ping:
      return Closed{CloseReason::transport_error, "invalid heartbeat direction"};
    case PacketType::message:
      out.push_back(Received{packet.binary, packet.view, std::move(packet.decoded), packet.binary});
      break;
    case PacketType::open:
    case PacketType::pong:
    case PacketType::upgrade:
    case PacketType::noop:
      break;
  }
  return std::nullopt;
}

void Session::heard(PacketType type, TimePoint now, Outputs& out) {
  if (type == PacketType::pong) {
    if (pulse_ != Pulse::resting) out.push_back(Ponged{});  // an unsolicited pong is ignored
    pulse_ = Pulse::resting;
    heartbeat_ = now + options_->ping_interval;
  } else if (pulse_ == Pulse::awaiting) {
    pulse_ = Pulse::graced;
    heartbeat_ = now + options_->ping_timeout;
  }
}

// WebSocket and upgrade.

void Session::probe(WireId wire, TimePoint now, Outputs& out) {
  if (!polling_ || polling_->upgrade || state_ != State::open) {
    out.push_back(CloseWire{wire});
    return;
  }
  CRIER_ASSERT(wire != 0);
  polling_->upgrade = Polling::Upgrade{wire, now + options_->upgrade_timeout};
}

void Session::text(WireId wire, std::string_view data, TimePoint now, Outputs& out) {
  if (closed()) return;
  if (polling_) {
    if (polling_->upgrade && polling_->upgrade->wire == wire) probe_packet(data, now, out);
    return;
  }
  if (wire != wire_) return;
  auto packet = decode_packet(data);
  if (!packet) return finish({CloseReason::parse_error, "malformed packet"}, out);
  // Node ignores `1` here and waits for the client to close the WebSocket.
  if (auto closed = take(*std::move(packet), now, out)) finish(*closed, out);
}

void Session::binary(WireId wire, std::string_view data, TimePoint now, Outputs& out) {
  if (closed()) return;
  if (polling_) {
    if (polling_->upgrade && polling_->upgrade->wire == wire) abandon_probe(out);
    return;
  }
  if (wire != wire_) return;
  heard(PacketType::message, now, out);
  out.push_back(Received{true, data, {}, false});
}

void Session::wire_lost(WireId wire, bool error, TimePoint /*now*/, Outputs& out) {
  if (closed()) return;
  if (polling_) {
    if (polling_->upgrade && polling_->upgrade->wire == wire) polling_->upgrade.reset();
    return;
  }
  if (wire != wire_) return;
  wire_ = 0;
  finish({error ? CloseReason::transport_error : CloseReason::transport_close, ""}, out);
}

/// Handles a packet on the probing WebSocket. `5` without a probe is accepted, as in Node.
void Session::probe_packet(std::string_view data, TimePoint now, Outputs& out) {
  static const Bytes probe_answer("3probe");
  Polling::Upgrade& attempt = *polling_->upgrade;
  if (data == "2probe") {
    attempt.probed = true;
    out.push_back(SendMessage{attempt.wire, false, probe_answer, Bytes()});
    // The client pauses polling before it upgrades; for that its poll must end.
    flush(now, out);
  } else if (data.starts_with('5')) {
    upgrade(now, out);
  } else {
    abandon_probe(out);
  }
}

void Session::abandon_probe(Outputs& out) {
  out.push_back(CloseWire{polling_->upgrade->wire});
  polling_->upgrade.reset();
}

void Session::upgrade(TimePoint now, Outputs& out) {
  Polling& polling = *polling_;
  polling.upgrade->probed = false;  // the probe is over
  // The official client has finished its last poll when it sends `5`. But if the connection broke
  // under that poll's answer, this may be a client that never saw it.
  if (polling.answer && polling.answer->lost) {
    return finish({CloseReason::transport_error, "the last poll's answer may be lost"}, out);
  }
  // Node answers a poll that is still pending with `1`. The official client has none and its test
  // suite looks at none; to any other client `1` would say that the session is over.
  if (polling.poll) answer(ByteChain(bare(PacketType::noop)), false, out);
  if (polling.post) out.push_back(Abort{*std::exchange(polling.post, std::nullopt)});
  const WireId wire = polling.upgrade->wire;
  const auto queue = std::move(polling.queue);
  if (state_ == State::open) {
    polling_.reset();
    wire_ = wire;
    transport_ = TransportKind::websocket;
    if (pulse_ != Pulse::resting) heartbeat_ = now + options_->ping_timeout;
    out.push_back(Upgraded{wire});
  }
  for (const Outgoing& message : queue) {
    out.push_back(SendMessage{wire, message.binary, message.data, message.frame});
  }
  if (state_ == State::closing) finish({polling.close_reason, ""}, out);
}

// From the application.

void Session::send(const Outgoing& message, TimePoint now, Outputs& out) {
  CRIER_ASSERT(message.binary || message.data.view().starts_with('4'));
  if (state_ != State::open) return;
  if (message.is_volatile && polling_ && !polling_->poll) return;
  enqueue(message, now, out);
}

void Session::enqueue(Outgoing message, TimePoint now, Outputs& out) {
  if (!polling_) {
    out.push_back(
        SendMessage{wire_, message.binary, std::move(message.data), std::move(message.frame)});
    return;
  }
  polling_->queued_bytes += message.data.size();
  if (polling_->slow_at == never && is_message(message)) await_poll(now);
  polling_->queue.push_back(std::move(message));
  flush(now, out);
}

void Session::await_poll(TimePoint now) { polling_->slow_at = now + options_->slow_reader_timeout; }

void Session::still_reads(TimePoint now) {
  if (polling_ && polling_->slow_at != never) await_poll(now);
}

void Session::close(bool discard, CloseReason reason, TimePoint now, Outputs& out) {
  if (closed() || (state_ == State::closing && !discard)) return;
  if (discard || !polling_ || polling_->poll) return finish({reason, ""}, out);
  state_ = State::closing;
  polling_->close_reason = reason;
  const bool owed = std::any_of(polling_->queue.begin(), polling_->queue.end(), is_message);
  polling_->close_at = now + (owed ? options_->close_timeout : options_->quiet_close_timeout);
}

void Session::finish(Closed closed, Outputs& out) {
  if (polling_) {
    if (polling_->poll) {
      out.push_back(reply_poll(polling_->poll->request, ByteChain(bare(PacketType::close))));
    }
    if (polling_->post) out.push_back(Abort{*polling_->post});
    if (const auto& upgrade = polling_->upgrade) {
      const bool expects_it = closed.reason == CloseReason::transport_close || polling_->poll;
      out.push_back(CloseWire{upgrade->wire, upgrade->probed && !expects_it});
    }
    polling_.reset();
  } else if (wire_ != 0) {
    out.push_back(CloseWire{wire_});
  }
  state_ = State::closed;
  wire_ = 0;
  out.push_back(closed);
}

// Time.

void Session::tick(TimePoint now, Outputs& out) {
  if (polling_) {
    if (now >= polling_->close_at) return finish({polling_->close_reason, "no poll came"}, out);
    if (state_ == State::open && now >= polling_->slow_at) {
      return finish({CloseReason::slow_reader, "no poll came for what waits"}, out);
    }
    if (polling_->upgrade && now >= polling_->upgrade->until) abandon_probe(out);
    flush(now, out);
  }
  if (state_ == State::open && now >= heartbeat_) beat(now, out);
}

void Session::beat(TimePoint now, Outputs& out) {
  if (pulse_ != Pulse::resting) return finish({CloseReason::ping_timeout, ""}, out);
  pulse_ = Pulse::awaiting;
  // Counted from when the ping was due, so that delays do not accumulate.
  const TimePoint due = heartbeat_ + options_->ping_timeout;
  const bool on_time = now - heartbeat_ <= lateness_max && due > now;
  heartbeat_ = on_time ? due : now + options_->ping_timeout;
  enqueue({false, bare(PacketType::ping), Bytes(), false}, now, out);
  out.push_back(Pinged{});
}

TimePoint Session::deadline() const {
  if (state_ == State::opening || closed()) return never;
  TimePoint next = state_ == State::open ? heartbeat_ : never;
  if (polling_) {
    next = std::min(next, polling_->close_at);
    if (state_ == State::open) next = std::min(next, polling_->slow_at);
    if (polling_->upgrade) next = std::min(next, polling_->upgrade->until);
    if (polling_->noop_is_next()) next = std::min(next, polling_->upgrade->noop_from);
  }
  return next;
}

TransportKind Session::transport() const { return transport_; }
bool Session::closed() const { return state_ == State::closed; }
bool Session::direct() const {
  return state_ == State::open && transport_ == TransportKind::websocket;
}
std::size_t Session::backlog_bytes() const { return polling_ ? polling_->backlog() : 0; }
RequestId Session::answered() const {
  return polling_ && polling_->answer ? polling_->answer->poll.request : 0;
}
WireId Session::wire() const { return wire_; }

}  // namespace crier::engineio

#pragma once

// One Engine.IO session, revision 4: polling, WebSocket, the upgrade between them, heartbeat,
// overlap rules and closing. It does no I/O and reads no clock: requests, messages and the time go
// in, answers and frames come out. The caller sends them and calls tick() at deadline().

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "engineio/handshake.hpp"
#include "engineio/packet.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace crier::engineio {

struct SessionOptions {
  std::chrono::milliseconds ping_interval{25'000};
  std::chrono::milliseconds ping_timeout{20'000};
  std::chrono::milliseconds upgrade_timeout{10'000};
  std::chrono::milliseconds close_timeout{30'000};  ///< How long a close waits for the next poll.
  /// How long a close waits when no message is buffered. A client that is present polls again at
  /// once; one that has disconnected must not delay a shutdown.
  std::chrono::milliseconds quiet_close_timeout{3'000};
  std::size_t payload_bytes_max = 1'000'000;  ///< Announced as maxPayload; in bytes.
  bool allow_upgrades = true;
  /// How long messages wait for a poll. The session of a client that does not fetch them is closed.
  std::chrono::milliseconds slow_reader_timeout{20'000};
};

enum class CloseReason : std::uint8_t {
  ping_timeout,
  parse_error,
  transport_error,
  transport_close,
  forced_close,
  slow_reader,  ///< Specific to Crier: the client does not read what is sent to it.
};
std::string_view to_string(CloseReason reason);  ///< `ping timeout`, … as Node names them.

/// Identifies an HTTP request that awaits its answer, or a WebSocket. Chosen by the caller; not 0,
/// and not reused while the session may still refer to it.
using RequestId = std::uint64_t;
using WireId = std::uint64_t;

/// Answers a request. `text/plain; charset=UTF-8` for a poll, `text/html` for a POST, none when
/// the body is empty.
struct Reply {
  RequestId request;
  int status = 200;
  std::string_view content_type;
  ByteChain body;  ///< Shares long messages of a poll's answer with other sessions.
};
/// Drops the connection of a request without an answer.
struct Abort {
  RequestId request;
};
/// Sends one WebSocket message.
struct SendMessage {
  WireId wire;
  bool binary = false;
  Bytes data;   ///< The message's payload, Engine.IO type digit included.
  Bytes frame;  ///< The same as a whole WebSocket frame, if the sender had it; else empty.
};
/// Closes a WebSocket with a close frame without a code.
struct CloseWire {
  WireId wire;
  /// Close only after the next message from it, or after request_timeout. The official client that
  /// has the answer to its probe pauses polling and sends `5`; if the WebSocket closed meanwhile,
  /// it would neither poll nor reconnect until its ping timeout.
  bool after_next = false;
};
/// A message for the layer above. data() is valid as long as the input of the call and this value.
struct Received {
  bool binary = false;
  std::string_view view;
  std::string decoded;
  bool owns = false;
  [[nodiscard]] std::string_view data() const { return owns ? std::string_view(decoded) : view; }
};
/// The session now runs over this WebSocket.
struct Upgraded {
  WireId wire;
};
/// A ping has been sent after all earlier outputs. A Ponged follows unless the session ends.
struct Pinged {};
/// The client has answered that ping, so it has received everything before it.
struct Ponged {};
/// The session has ended. Every held request has been answered or aborted before, and every
/// WebSocket that is not lost has got its CloseWire. The caller forgets the session.
struct Closed {
  CloseReason reason;
  std::string_view detail;  ///< A literal, for the log.
};

using Output =
    std::variant<Reply, Abort, SendMessage, CloseWire, Received, Upgraded, Pinged, Ponged, Closed>;
using Outputs = std::vector<Output>;

/// A message to send: text starts with the type digit `4` and holds no separator (JSON cannot);
/// binary is the raw bytes.
struct Outgoing {
  bool binary = false;
  Bytes data;
  Bytes frame;               ///< Optional whole WebSocket frame.
  bool is_volatile = false;  ///< Dropped if it would wait for a poll.
};

/// A session from its handshake to its close. Single-threaded. Every call appends its outputs to
/// `out`, in order. After Closed only new requests are answered (400, unknown sid) and new
/// WebSockets closed; a session over WebSocket answers requests with 400, bad request.
///
/// Calls about finished requests and wires are ignored: they may have crossed the session's answer.
class Session {
 public:
  /// `options` outlives the session; the heartbeat's times are positive.
  Session(const SessionOptions& options, std::string sid);
  ~Session();
  Session(Session&& other) noexcept;
  Session& operator=(Session&& other) noexcept;

  // The handshake: exactly one of these is called first. The reply (message) is the open packet.
  void open_polling(RequestId request, TimePoint now, Outputs& out);
  void open_websocket(WireId wire, TimePoint now, Outputs& out);

  // Polling.
  /// A GET has arrived; `t` is its cache-busting parameter, empty if absent (one over 64 bytes
  /// counts as absent). The same `t` again is a browser's repeat after a broken connection: it
  /// replaces the pending GET, which is aborted, or gets the last answer's bytes again. A GET with
  /// the `t` of an earlier answered poll (of the last 256) is a late duplicate: it is aborted.
  void poll(RequestId request, std::string_view t, TimePoint now, Outputs& out);
  /// The head of a POST has arrived. post(), post_too_large() or request_lost() follows.
  void post_started(RequestId request, TimePoint now, Outputs& out);
  void post(RequestId request, std::string_view content_type, std::string_view body, TimePoint now,
            Outputs& out);
  /// A request has a method other than GET and POST: 500 without a body; the session continues.
  void other_method(RequestId request, Outputs& out);
  /// The body is larger than maxPayload: 413; the session continues.
  void post_too_large(RequestId request, Outputs& out);
  /// The connection of an unanswered request is lost: closes the session (transport error). If the
  /// answer is being sent, this does what answered_connection_lost() does.
  void request_lost(RequestId request, TimePoint now, Outputs& out);
  /// The connection that carried an answer to a poll failed before the next request on it: reset,
  /// timed out, or closed while some of the answer was unsent or unacknowledged. (The orderly end
  /// of a connection that has delivered everything is no loss: many clients open one a request.)
  /// If the answer held messages, they may be lost: without `t` the session is closed; with `t` it
  /// is closed when it upgrades before another GET shows what the client has.
  void answered_connection_lost(RequestId request, TimePoint now, Outputs& out);

  // WebSocket: the session's own, or one that probes for an upgrade.
  /// Another WebSocket for this sid has opened: starts the upgrade, or closes the WebSocket at once
  /// if there is one already or the session is closing. Until the upgrade is done the session
  /// continues over polling, and a failure of this WebSocket does not affect it.
  void probe(WireId wire, TimePoint now, Outputs& out);
  void text(WireId wire, std::string_view data, TimePoint now, Outputs& out);
  void binary(WireId wire, std::string_view data, TimePoint now, Outputs& out);
  /// The WebSocket is lost; no more outputs refer to it. `error`: because of a protocol violation
  /// or reset, not of a close.
  void wire_lost(WireId wire, bool error, TimePoint now, Outputs& out);

  // From the application.
  void send(const Outgoing& message, TimePoint now, Outputs& out);
  /// Sends what is buffered, then closes, which over polling may need two more polls: one within
  /// `close_timeout` for the messages, one within `quiet_close_timeout` for the close. Messages
  /// that arrive meanwhile are dropped. `discard` drops what is buffered and closes at once.
  void close(bool discard, CloseReason reason, TimePoint now, Outputs& out);

  // Time.
  /// Does what is due. Before deadline() it does nothing.
  void tick(TimePoint now, Outputs& out);
  /// The time for the next tick(). Any other call may change it.
  [[nodiscard]] TimePoint deadline() const;

  [[nodiscard]] const std::string& sid() const { return sid_; }
  [[nodiscard]] TransportKind transport() const;
  [[nodiscard]] bool closed() const;
  /// Whether frames may be written to its WebSocket directly: it runs over WebSocket, is open, and
  /// has nothing buffered.
  [[nodiscard]] bool direct() const;
  /// Bytes that wait for a poll. Each message after the first also counts with its queue entry. 0
  /// over WebSocket.
  [[nodiscard]] std::size_t backlog_bytes() const;
  /// The request whose answer is kept for a repeat of the poll; 0: none is kept.
  [[nodiscard]] RequestId answered() const;
  /// The client is still reading that answer: extends the time for its next poll.
  void still_reads(TimePoint now);
  [[nodiscard]] WireId wire() const;  ///< The current WebSocket; 0 while polling.

 private:
  enum class State : std::uint8_t { opening, open, closing, closed };
  /// `graced`: another packet came while the pong was awaited. This has restarted the timeout,
  /// once, so that a slow upload does not time out.
  enum class Pulse : std::uint8_t { resting, awaiting, graced };
  struct Polling;

  void open(TransportKind transport, TimePoint now);
  void enqueue(Outgoing message, TimePoint now, Outputs& out);
  void repeat_poll(RequestId request, std::string_view t, Outputs& out);
  void next_poll(RequestId request, std::string_view t, TimePoint now, Outputs& out);
  void flush(TimePoint now, Outputs& out);
  void answer(ByteChain payload, bool has_messages, Outputs& out);
  void overlap(RequestId request, std::string_view detail, Outputs& out);
  void refuse(RequestId request, Outputs& out) const;
  std::optional<Closed> take_payload(std::string_view payload, TimePoint now, Outputs& out);
  std::optional<Closed> take(Packet packet, TimePoint now, Outputs& out);
  void heard(PacketType type, TimePoint now, Outputs& out);
  void probe_packet(std::string_view data, TimePoint now, Outputs& out);
  void abandon_probe(Outputs& out);
  void upgrade(TimePoint now, Outputs& out);
  void beat(TimePoint now, Outputs& out);
  void await_poll(TimePoint now);
  void finish(Closed closed, Outputs& out);

  const SessionOptions* options_;
  std::string sid_;
  TimePoint heartbeat_ = never;  ///< The next ping, or the end of waiting for the pong.
  WireId wire_ = 0;
  std::unique_ptr<Polling> polling_;  ///< While the session runs over polling.
  State state_ = State::opening;
  Pulse pulse_ = Pulse::resting;
  TransportKind transport_ = TransportKind::polling;
};

static_assert(sizeof(Session) <= 72);  // an idle session, except for its sid

}  // namespace crier::engineio

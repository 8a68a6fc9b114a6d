#pragma once

// One Engine.IO session, revision 4: polling, WebSocket, the upgrade between them, heartbeat,
// overlap rules and closing. No I/O and no clock: requests, messages and the time go in, answers
// and frames come out. The caller carries them and calls tick() at deadline().

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
  /// The same when no message is buffered for it. A client that is there polls again in no time;
  /// one that has gone should not hold up a shutdown.
  std::chrono::milliseconds quiet_close_timeout{3'000};
  std::size_t payload_bytes_max = 1'000'000;  ///< Announced as maxPayload; in bytes.
  bool allow_upgrades = true;
  /// How long messages wait for a poll: a client that does not fetch them is closed.
  std::chrono::milliseconds slow_reader_timeout{20'000};
};

enum class CloseReason : std::uint8_t {
  ping_timeout,
  parse_error,
  transport_error,
  transport_close,
  forced_close,
  slow_reader,  ///< Crier's own: what is sent to it is not taken.
};
std::string_view to_string(CloseReason reason);  ///< `ping timeout`, … as Node names them.

/// Chosen by the caller: names an HTTP request that awaits its answer, or a WebSocket (not 0). Not
/// used again while the session may still speak of it.
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
  /// Not before something comes over it, or request_timeout passes. The official client that has
  /// the answer to its probe pauses polling and sends `5`; if the WebSocket closed meanwhile it
  /// would neither poll nor come back until its ping timeout.
  bool after_next = false;
};
/// A message for the layer above. `data` is good while the input of the call is, and this value.
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
/// A ping is behind everything that was put out before, and will be answered by a Ponged unless
/// the session ends.
struct Pinged {};
/// The client has answered that ping, and so has had what was before it.
struct Ponged {};
/// The session is over: every held request has been answered or aborted before, every WebSocket
/// that is not lost has got its CloseWire, and the caller forgets the session.
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

/// A session from its handshake to its close. Single-threaded. Every call appends what follows
/// from it to `out`, in order. After Closed only new requests are answered (400, unknown sid) and
/// new WebSockets closed; a session over WebSocket answers requests with 400, bad request.
///
/// Calls about requests and wires that the session has done with are ignored: they may have
/// crossed its answer on their way.
class Session {
 public:
  /// `options` outlives the session; the heartbeat's times are positive.
  Session(const SessionOptions& options, std::string sid);
  ~Session();
  Session(Session&& other) noexcept;
  Session& operator=(Session&& other) noexcept;

  // The handshake: exactly one of these comes first. The reply (message) is the open packet.
  void open_polling(RequestId request, TimePoint now, Outputs& out);
  void open_websocket(WireId wire, TimePoint now, Outputs& out);

  // Polling.
  /// A GET; `t` is its cache-busting parameter, empty if absent (one over 64 bytes counts as
  /// absent). The same `t` again is a browser's repeat after a broken connection: it takes the
  /// place of the pending GET, which is aborted, or gets the last answer's bytes once more. A GET
  /// whose `t` is that of an earlier answered poll (the last 256 count) is a late duplicate: it is
  /// aborted.
  void poll(RequestId request, std::string_view t, TimePoint now, Outputs& out);
  /// A POST whose head has arrived; its body comes with post(), post_too_large() or never
  /// (request_lost()).
  void post_started(RequestId request, TimePoint now, Outputs& out);
  void post(RequestId request, std::string_view content_type, std::string_view body, TimePoint now,
            Outputs& out);
  /// Another method than GET and POST: 500 without a body, the session lives.
  void other_method(RequestId request, Outputs& out);
  /// The body is larger than maxPayload: 413, the session lives.
  void post_too_large(RequestId request, Outputs& out);
  /// The connection of an unanswered request is gone. (Closes the session: transport error.) If
  /// the answer is under way, the same as answered_connection_lost().
  void request_lost(RequestId request, TimePoint now, Outputs& out);
  /// The connection that carried an answer to a poll failed before the next request on it: reset,
  /// timed out, or closed while some of the answer was unsent or unacknowledged. (The orderly end
  /// of a connection that has delivered everything is no loss: many clients open one a request.)
  /// If the answer held messages, they may be lost: without `t` the session is closed; with `t` it
  /// is closed when it upgrades before another GET shows what the client has.
  void answered_connection_lost(RequestId request, TimePoint now, Outputs& out);

  // WebSocket: the session's own, or one that probes for an upgrade.
  /// Another WebSocket for this sid: starts the upgrade, or is closed at once if there is already
  /// one or the session is closing. Until the upgrade is done the session goes on over polling,
  /// and whatever becomes of this WebSocket does not touch it.
  void probe(WireId wire, TimePoint now, Outputs& out);
  void text(WireId wire, std::string_view data, TimePoint now, Outputs& out);
  void binary(WireId wire, std::string_view data, TimePoint now, Outputs& out);
  /// The WebSocket is gone; nothing more is put out for it. `error`: by a protocol violation or
  /// reset, not by a close.
  void wire_lost(WireId wire, bool error, TimePoint now, Outputs& out);

  // From the application.
  void send(const Outgoing& message, TimePoint now, Outputs& out);
  /// Sends what is buffered, then closes, which over polling may need two more polls: one within
  /// `close_timeout` for the messages, one within `quiet_close_timeout` for the close. What comes
  /// in meanwhile is dropped. `discard` drops what is buffered
  /// and closes now.
  void close(bool discard, CloseReason reason, TimePoint now, Outputs& out);

  // Time.
  /// Does what is due; earlier than deadline() that is nothing.
  void tick(TimePoint now, Outputs& out);
  /// When tick() is to be called next. Any other call may move it.
  [[nodiscard]] TimePoint deadline() const;

  [[nodiscard]] const std::string& sid() const { return sid_; }
  [[nodiscard]] TransportKind transport() const;
  [[nodiscard]] bool closed() const;
  /// Whether frames may be written to its WebSocket directly: it runs over WebSocket, is open, and
  /// has nothing buffered.
  [[nodiscard]] bool direct() const;
  /// What waits for a poll, each message after the first charged with its place in the queue as
  /// well; 0 over WebSocket.
  [[nodiscard]] std::size_t backlog_bytes() const;
  /// The request that the last answer to a poll went to, which is kept for a repeat; 0: none is.
  [[nodiscard]] RequestId answered() const;
  /// The client is still taking that answer: what waits for the next poll has time.
  void still_reads(TimePoint now);
  [[nodiscard]] WireId wire() const;  ///< Of the current WebSocket; 0 while polling.

 private:
  enum class State : std::uint8_t { opening, open, closing, closed };
  /// `graced`: a packet other than the pong came while that is awaited, and the time-out began
  /// anew, once, so that a slow upload is no silence.
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

static_assert(sizeof(Session) <= 72);  // an idle session's share, but for its sid

}  // namespace crier::engineio

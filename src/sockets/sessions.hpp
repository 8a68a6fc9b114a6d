#pragma once

// Engine.IO sessions on the connections of one worker.

#include "base/label_counts.hpp"
#include "base/random.hpp"
#include "base/slot_table.hpp"
#include "base/spare.hpp"
#include "base/timer_wheel.hpp"
#include "crier/result.hpp"
#include "engineio/session.hpp"
#include "web/endpoint.hpp"
#include "web/worker.hpp"
#include "websocket/deflate.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::sockets {

/// What speaks above Engine.IO. Called on the loop's thread; may call back into Sessions.
class MessageLayer {
 public:
  virtual ~MessageLayer() = default;
  /// Its OPEN packet is out: what is sent now follows it.
  virtual void opened(Key session) = 0;
  /// `data` is good until the call returns. Text is without the packet type.
  virtual void received(Key session, bool binary, std::string_view data) = 0;
  /// The session's frames may now be written to `descriptor` directly, or (-1) may not.
  virtual void route_changed(Key session, int descriptor) = 0;
  virtual void closed(Key session, std::string_view reason) = 0;
  /// What was unsent has been taken, or some of it, or goes over another transport now.
  virtual void drained(Key /*session*/) {}
  /// A ping was sent after everything that was sent so far, and when it is answered the client has
  /// all of that: ponged() comes before the next of these.
  virtual void pinged(Key /*session*/) {}
  virtual void ponged(Key /*session*/) {}
  /// A deadline of the layer's own for this session, and what happens then.
  [[nodiscard]] virtual TimePoint deadline(Key /*session*/) const { return never; }
  virtual void tick(Key /*session*/) {}
};

/// The end of the step of 50 ms that `deadline` falls in; `never` stays. Heartbeats that are far
/// apart are due in such steps, so that the loop wakes once for many of them.
TimePoint end_of_step(TimePoint deadline);

/// The Engine.IO sessions of one path: requests and WebSockets go in, messages come out to the
/// layer. Handshakes beyond the rate of the worker's Totals are deferred (503, come back soon);
/// requests of sessions that exist never are.
class Sessions final : public web::Endpoint, public web::TurnUser {
 public:
  struct Limits {
    std::size_t fragments_max = 4'096;  ///< Frames of one WebSocket message.
    /// Unsent bytes of a session that earlier turns of the loop have queued; what one turn queues
    /// comes on top, for nobody could have taken it yet.
    std::size_t backlog_bytes_max = 16 * 1024 * 1024;
    /// Negotiates permessage-deflate and compresses messages of at least so many bytes. Empty: does
    /// neither.
    std::optional<std::size_t> deflate_bytes_min = std::nullopt;
  };
  /// What has happened to sessions so far.
  struct Counters {
    std::uint64_t handshakes_deferred = 0;
    std::uint64_t deflated = 0;  ///< Messages.
    LabelCounts closes;          ///< By reason.

    Counters& operator+=(const Counters& other);
  };
  /// All outlive it.
  Sessions(web::Worker& worker, engineio::SessionOptions options, const Limits& limits,
           MessageLayer& layer, Random& random);
  ~Sessions() override;

  // Endpoint.
  std::size_t head(web::Connection& connection, const http::Request& request) override;
  void request(web::Connection& connection, http::Request& request) override;
  void body_failed(web::Connection& connection, int status) override;
  void lost(web::Connection& connection, bool answered) override;
  void message(web::Connection& connection, const websocket::Message& message) override;
  void websocket_lost(web::Connection& connection, bool error) override;
  void writable_changed(web::Connection& connection, bool writable) override;
  void stalled(web::Connection& connection) override;

  // For the layer.
  /// Sends an Engine.IO message; text begins with `4`. A session that has gone drops it.
  void send(Key session, const engineio::Outgoing& message);
  void close(Key session, engineio::CloseReason reason, bool discard);
  /// The descriptor that frames may be written to now, or -1.
  [[nodiscard]] int direct_descriptor(Key session) const;
  /// The rest of a frame that was written directly and did not fit.
  void finish_frame(Key session, Bytes frame, std::size_t sent);
  /// The layer's deadline for this session has changed.
  void update_deadline(Key session);
  /// Bytes that the peer has not taken, or been offered, yet. 0 of a session that has gone.
  [[nodiscard]] std::size_t unsent(Key session) const;
  /// Offers them; returns what is left.
  std::size_t flush(Key session);
  [[nodiscard]] bool is_websocket(Key session) const;
  [[nodiscard]] std::size_t backlog_bytes_max() const { return backlog_bytes_max_; }
  [[nodiscard]] std::size_t session_count() const { return sessions_.size(); }
  [[nodiscard]] Counters counters() const;
  /// Refuses handshakes from now on, as a server that is going away.
  void refuse_handshakes() { refusing_ = true; }
  /// Whether the session runs over a WebSocket that has negotiated it.
  [[nodiscard]] bool deflates(Key session) const;
  /// Makes frames for such sessions; null without Limits::deflate_bytes_min.
  [[nodiscard]] websocket::Deflater* deflater() { return deflater_ ? &*deflater_ : nullptr; }
  /// Up to `count` sessions that are not closing yet, for a paced shutdown.
  [[nodiscard]] std::vector<Key> open_sessions(std::size_t count) const;

  // TurnUser.
  void turn_end() override;
  void tick(TimePoint now) override;
  [[nodiscard]] TimePoint deadline() const override { return wheel_.next(); }

 private:
  struct Entry;

  void add_cors(http::Response& response, const web::Connection& connection) const;
  void refuse(web::Connection& connection, const http::Request& request, engineio::ErrorCode code);
  [[nodiscard]] Entry* find_sid(std::string_view sid) const;
  /// Whose session the request is about, if not this one's; null: this worker's, or nobody's.
  [[nodiscard]] web::Worker* other_owner(const http::Request& request) const;
  std::string make_sid(Key session);
  Entry& create(Key& key);
  void handshake(web::Connection& connection, bool upgrade, const http::Request& request);
  [[nodiscard]] std::optional<Error> handshake_problem();
  void defer(web::Connection& connection, const Error& error);
  void polling_request(web::Connection& connection, Entry& entry, http::Request& request);
  void upgrade(web::Connection& connection, Entry& entry, const http::Request& request);
  bool open_websocket(web::Connection& connection, const http::Request& request);
  void answer(const engineio::Reply& reply);
  void close_websocket(web::Connection& connection, bool after_next);
  void run(Entry& entry, engineio::Outputs& outputs);
  void run_one(Entry& entry, engineio::Output& output);
  void write_message(const engineio::SendMessage& message);
  void ended(Entry& entry, engineio::CloseReason reason);
  void finished(Entry& entry);
  void update_route(Entry& entry);
  [[nodiscard]] web::Connection* carrier(const Entry& entry) const;
  [[nodiscard]] std::size_t unsent(const Entry& entry) const;
  [[nodiscard]] bool closed_as_slow(Entry& entry);

  web::Worker& worker_;
  engineio::SessionOptions options_;
  websocket::ReaderLimits reader_limits_;
  std::size_t backlog_bytes_max_;
  bool coarse_;  ///< Deadlines are the ends of steps.
  MessageLayer& layer_;
  Random& random_;
  SlotTable<Entry> sessions_;
  std::vector<std::unique_ptr<Entry>> forgotten_;
  Spares<engineio::Output> spares_;
  TimerWheel wheel_;
  std::vector<TimerWheel::Slot> due_;
  bool refusing_ = false;
  Counters counters_;
  std::optional<websocket::Deflater> deflater_;
  websocket::Inflater inflater_;
};

}  // namespace crier::sockets

#pragma once

// One HTTP or WebSocket connection of a worker.

#include "base/bytes.hpp"
#include "base/slot_table.hpp"
#include "base/time.hpp"
#include "http/parser.hpp"
#include "http/response.hpp"
#include "net/stream.hpp"
#include "web/endpoint.hpp"
#include "web/outbox.hpp"
#include "websocket/frame.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace crier::web {

class Worker;

/// One TCP connection: a sequence of HTTP requests, or after an upgrade one WebSocket. Writes are
/// collected and leave in one call at the end of the loop's turn. Owned by the worker's table; on
/// the loop's thread only.
class Connection final : public net::StreamUser {
 public:
  Connection(Worker& worker, Key key, net::Stream stream);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void on_readable() override;
  void on_writable() override;

  [[nodiscard]] Key key() const { return key_; }
  /// For direct writes; -1 where there are none, as with TLS.
  [[nodiscard]] int descriptor() const { return stream_.descriptor(); }
  [[nodiscard]] std::string peer_address() const { return stream_.peer_address(); }

  // HTTP.
  /// Answers the request in hand. Asserts that there is one.
  void answer(const http::Response& response);
  [[nodiscard]] bool awaits_answer() const;
  /// The request in hand is the connection's last.
  void close_after_answer();
  /// Closes without an answer, by a reset.
  void abort();
  /// For Endpoint::head(): the request, and with it the connection, belongs to another worker's
  /// endpoint. It goes there with all that has come and is unsent, after this handler.
  void move_to(Worker& other);
  /// The Origin header of the request in hand.
  [[nodiscard]] std::string_view origin() const;
  /// What the endpoint wants to remember about the connection, 0 at first.
  Key owner = 0;

  // WebSocket.
  /// Answers the upgrade in hand; from now on messages go to the endpoint. With an inflater,
  /// permessage-deflate is negotiated. It and `limits` outlive the connection.
  void open_websocket(std::string_view response, const websocket::ReaderLimits& limits,
                      websocket::Inflater* inflater);
  void open_websocket(std::string_view, const websocket::ReaderLimits&&,
                      websocket::Inflater*) = delete;
  [[nodiscard]] bool is_websocket() const { return reader_ != nullptr; }
  [[nodiscard]] bool deflates() const { return reader_ != nullptr && reader_->deflates(); }

  // Sending, in both.
  void queue(Bytes bytes);
  /// The rest of a frame whose first `sent` bytes have already been written directly.
  void queue_rest(Bytes frame, std::size_t sent);
  /// Writes what is queued, as far as the kernel takes it.
  void flush();
  /// Whether a frame may be written to the descriptor directly: nothing is queued or half-sent.
  [[nodiscard]] bool writable() const {
    return ending_ == Ending::no && (outbox_ == nullptr || outbox_->due() != Outbox::Due::writable);
  }
  [[nodiscard]] std::size_t backlog_bytes() const;
  /// No more is read; what is queued is sent, then the connection closes.
  void close_after_flush();
  /// A WebSocket that nobody owns any more: closes by itself after the request timeout.
  void disown();
  /// Closes at once.
  void close();

  /// A deadline that the worker set for this connection has passed.
  void expired();

  /// A connection between two workers.
  struct Parcel;
  /// One that comes from another worker, at the head of a request.
  Connection(Worker& worker, Key key, net::Stream stream, Parcel& parcel);
  /// Goes on with that request.
  void arrived();

 private:
  enum class Phase : std::uint8_t { idle, head, body, in_hand };
  enum class Ending : std::uint8_t {
    no,
    flushing,  ///< What is queued is sent, then it closes.
    draining,  ///< All is sent; waits for the peer's end so that no reset hits it.
    closed,
  };
  struct Http {
    explicit Http(const http::Limits& limits) : parser(limits) {}
    http::Parser parser;
    std::string held;            ///< Input that is not parsed yet …
    std::size_t held_begin = 0;  ///< … from here on.
    bool paused = false;         ///< Nothing is read until less is held.
    std::string origin;
    Phase phase = Phase::idle;
    bool parsing = false;
    bool head_only = false;
    bool keep_alive = true;
    bool answered = false;  ///< Since the last request, and nothing has come after it.
  };

  [[nodiscard]] bool closed() const { return ending_ == Ending::closed; }
  /// Nothing more is read or queued.
  [[nodiscard]] bool ending() const { return ending_ != Ending::no; }
  void leave();
  void read_input(std::span<char> bytes);
  /// Parses and serves as many requests as can be now; returns what is left.
  std::span<char> parse(std::span<char> bytes);
  [[nodiscard]] bool holds_much() const;
  bool parse_step(std::string_view& input);
  void head_seen();
  void complete_empty_body();
  void request_complete();
  void request_failed();
  void resume();
  void resume_later();
  void read_websocket(std::span<char> input);
  void websocket_message(const websocket::Message& message);
  void peer_gone(bool error);
  [[nodiscard]] bool owes_half_closed() const;
  void tell_lost(bool error);
  void report_lost_answer(bool error);
  void log_no_request() const;
  void set_deadline();
  [[nodiscard]] bool is_sending() const;
  [[nodiscard]] TimePoint stalls_at() const;
  void check_progress();
  Outbox& outbox();
  /// Writes as much as the kernel takes; true when that was all, or the connection has been closed.
  bool write_outbox();
  void finish_sending();

  Worker& worker_;
  Key key_;
  net::Stream stream_;
  Endpoint* endpoint_ = nullptr;
  std::unique_ptr<Http> http_;
  std::unique_ptr<websocket::Reader> reader_;
  std::unique_ptr<Outbox> outbox_;
  Worker* moving_to_ = nullptr;
  TimePoint request_deadline_ = never;
  bool disowned_ = false;
  bool half_closed_ = false;  ///< The peer has ended its sending half.
  Ending ending_ = Ending::no;
};

static_assert(sizeof(Connection) <= 112);  // an idle connection's share

struct Connection::Parcel {
  net::Detached stream;
  std::unique_ptr<Http> http;
  std::unique_ptr<Outbox> outbox;
};

}  // namespace crier::web

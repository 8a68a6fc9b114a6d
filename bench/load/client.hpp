#pragma once

// A Socket.IO 5 client over Engine.IO 4, in as few instructions as it takes.

#include "deliveries.hpp"
#include "errors.hpp"
#include "stream.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace load {

class Client;

/// What all clients share.
struct Shared {
  Shared(const Loop& loop, Deliveries& deliveries, Errors& errors)
      : loop(loop), deliveries(deliveries), errors(errors) {}

  const Loop& loop;
  Deliveries& deliveries;
  Errors& errors;
  Url url;
  Address to;
  const Tls* tls = nullptr;
  std::string path;              ///< Path of Engine.IO, up to the query.
  std::string name_space;        ///< "" for `/`, else `/name,`.
  std::vector<Address> sources;  ///< Empty: the kernel's choice.
  std::size_t clients_per_source = 1;
  std::vector<char> buffer = std::vector<char>(256 * 1024);

  /// It has its CONNECT reply, at `now`.
  std::function<void(Client&, std::int64_t now)> joined;
  /// It was refused (`had_joined` false), or its connection ended other than by cut().
  std::function<void(Client&, bool had_joined)> lost;
  /// An acknowledgement of what emit() sent.
  std::function<void(Client&, std::uint64_t id, std::int64_t now)> acked;
  /// An event, when cursors are kept.
  std::function<void(Client&, std::int64_t now)> recovered_event;

  bool keep_cursors = false;  ///< Each notes pid and offset, and comes back with them.
  bool move_cursors = true;   ///< … and the offset follows the events.
  std::uint64_t reads = 0;    ///< Reads that had a delivery in them.
  std::uint64_t slow_deliveries = 0;

  /// The text before what an Engine.IO message of this Socket.IO type holds in the namespace.
  std::string connect_prefix, event_prefix, ack_prefix, error_prefix, disconnect_prefix;
  void set_name_space(std::string_view name);
};

class Client : public Ready {
 public:
  Client(Shared& shared, std::size_t index, std::string auth);

  /// Connects, with its cursor if it has one; Shared::joined or Shared::lost follow, the latter
  /// perhaps at once.
  void start();
  /// Ends the connection with a reset, and tells nobody.
  void cut();
  /// Stops to read, as one whose network has stopped.
  void pause() { paused_ = true; }
  /// Reads `most` bytes, though it is paused.
  virtual void sip(std::size_t most) = 0;
  /// Reads on.
  void resume();

  /// Sends an event with an acknowledgement; `text` is `["name",…]`.
  void emit(std::uint64_t id, std::string_view text);

  [[nodiscard]] bool open() const { return state_ != State::away; }
  [[nodiscard]] bool joined() const { return state_ == State::joined; }
  [[nodiscard]] std::size_t index() const { return index_; }
  [[nodiscard]] std::int64_t started() const { return started_; }
  /// The last CONNECT reply repeated its pid.
  [[nodiscard]] bool recovered() const { return recovered_; }

  bool slow = false;
  std::uint32_t events = 0;  ///< Of this connection, when cursors are kept.
  std::uint32_t owed = 0;    ///< For who counts what it has missed.
  bool over = false;         ///< For who waits for it; false when it starts.

 protected:
  virtual void connect() = 0;
  virtual void disconnect() = 0;
  /// Sends one Engine.IO packet.
  virtual void transmit(std::string_view packet) = 0;
  /// The open packet, `{"sid":…}`, before the CONNECT is sent.
  virtual void opened(std::string_view handshake) { (void)handshake; }

  /// One Engine.IO packet has arrived.
  void packet(std::string_view text, std::int64_t now) {
    if (text.starts_with(shared_.event_prefix)) {
      event(text, now);
    } else {
      other_packet(text, now);
    }
  }
  [[nodiscard]] Route route() const;
  void lose(std::string_view kind, std::string_view sample);

  [[nodiscard]] bool paused() const { return paused_; }
  [[nodiscard]] Shared& shared() const { return shared_; }
  [[nodiscard]] bool has_delivery() { return std::exchange(has_delivery_, false); }

 private:
  enum class State : std::uint8_t { away, opening, joined };

  void event(std::string_view text, std::int64_t now) {
    if (slow) {
      ++shared_.slow_deliveries;
      return;
    }
    has_delivery_ = true;
    shared_.deliveries.event(text, now);
    if (shared_.keep_cursors) note_cursor(text, now);
  }
  void other_packet(std::string_view text, std::int64_t now);
  void note_cursor(std::string_view text, std::int64_t now);
  void join(std::string_view text, std::int64_t now);
  void send_connect();

  Shared& shared_;
  std::size_t index_;
  std::int64_t started_ = 0;
  State state_ = State::away;
  bool paused_ = false;
  bool recovered_ = false;
  bool has_delivery_ = false;
  std::string auth_;
  std::string pid_;
  std::string offset_;
};

/// The string after `name`, up to the next quote; empty when it is not there.
[[nodiscard]] std::string_view string_after(std::string_view text, std::string_view name);

}  // namespace load

#pragma once

// The Socket.IO half of one Engine.IO session: decodes packets, reassembles attachments, knows
// which namespaces are joined, and enforces the protocol's order. No I/O: messages go in, requests
// and messages come out; the caller decides about each CONNECT and answers later.

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "socketio/packet.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace crier::socketio {

struct ClientOptions {
  std::chrono::milliseconds connect_timeout{45'000};  ///< Time to join a first namespace.
  PacketLimits packet;
  std::uint32_t namespaces_max = 16;             ///< Limit on the namespaces that a client has
                                                 ///< joined or requested.
  std::size_t reassembly_bytes_max = 1'000'000;  ///< Limit on the text and attachments of one
                                                 ///< packet, in bytes.
};

/// The client asks to join `nsp`. Answer with accept() or refuse(), now or later.
struct ConnectRequested {
  std::string nsp;
  std::string auth;  ///< JSON object; `{}` if the client sent none.
};
/// An event. `arguments` is the JSON array's text, name included. With attachments, every
/// placeholder in it names one of them; without, what looks like a placeholder is ordinary data.
struct EventReceived {
  std::string nsp;
  std::string arguments;
  std::optional<AckId> id;  ///< The client awaits an ack with it.
  std::vector<Bytes> attachments;
};
/// The client's ack for the event `id`. The caller ignores an unknown id.
struct AckReceived {
  std::string nsp;
  AckId id = 0;
  std::string arguments;
  std::vector<Bytes> attachments;
};
/// The client has left `nsp`, which it had joined (packet 41).
struct Left {
  std::string nsp;
};
/// The client requested `nsp` and left or disconnected before the answer: drop the request, so that
/// a late answer is not taken for that to a newer request for the same namespace.
struct Withdrawn {
  std::string nsp;
};
/// The client violated the protocol: close the session (`forced close`). No further outputs follow.
struct Violation {
  std::string_view detail;  ///< A literal, for the log.
};
/// Send this Engine.IO message: text with the leading `4`, or binary.
struct Send {
  bool binary = false;
  Bytes data;
};

using ClientOutput =
    std::variant<ConnectRequested, EventReceived, AckReceived, Left, Withdrawn, Violation, Send>;
using ClientOutputs = std::vector<ClientOutput>;

/// One client's protocol state. Single-threaded. Namespaces are named as in the outputs (with the
/// leading `/`, without query).
class Client {
 public:
  /// `options` outlives the client.
  Client(const ClientOptions& options, TimePoint now);

  /// Take one message and append what follows from it to `out`.
  void receive_text(std::string_view message, ClientOutputs& out);  ///< Without the leading `4`.
  void receive_binary(std::string_view message, ClientOutputs& out);

  /// Answers ConnectRequested: `reply` is a JSON object, at least `{"sid":"…"}`. The namespace is
  /// joined from then on. Asserts that the request is open.
  void accept(std::string_view nsp, std::string_view reply, ClientOutputs& out);
  /// Answers with CONNECT_ERROR; `error` is a JSON object `{"message":…,"data":…}`. The client may
  /// ask again. Asserts that the request is open.
  void refuse(std::string_view nsp, std::string_view error, ClientOutputs& out);
  /// Whether a request for `nsp` is open.
  [[nodiscard]] bool is_pending(std::string_view nsp) const;
  [[nodiscard]] bool is_joined(std::string_view nsp) const;
  /// The joined namespaces; valid also after a Violation, for the caller's clean-up.
  [[nodiscard]] std::vector<std::string> joined() const;

  /// Disconnects the socket: sends 41 and forgets it. Does nothing if it is not joined.
  void disconnect(std::string_view nsp, ClientOutputs& out);

  /// Call it when the session has ended, for any reason: withdraws the open requests and forgets
  /// everything. No output follows.
  void close(ClientOutputs& out);

  /// True when the connect timeout has passed with nothing joined: close the session.
  [[nodiscard]] bool tick(TimePoint now) const { return now >= deadline_; }
  /// `never` from the first accept() on.
  [[nodiscard]] TimePoint deadline() const { return deadline_; }

 private:
  enum class State : std::uint8_t { absent, pending, joined };
  struct Other {
    std::string nsp;
    State state = State::absent;
  };
  struct Message {
    bool is_event = true;
    std::string nsp;
    std::optional<AckId> id;
    std::string arguments;
    std::vector<Bytes> attachments;
  };
  struct Reassembly {
    Message message;
    std::uint32_t awaited = 0;  ///< Attachments still to come.
    std::size_t bytes = 0;
  };

  void receive_connect(const Packet& packet, ClientOutputs& out);
  void receive_disconnect(std::string_view nsp, ClientOutputs& out);
  void receive_message(const Packet& packet, std::size_t bytes, ClientOutputs& out);
  static void deliver(Message message, ClientOutputs& out);
  void violate(std::string_view detail, ClientOutputs& out);

  [[nodiscard]] State state_of(std::string_view nsp) const;
  void set_state(std::string_view nsp, State state);

  const ClientOptions* options_;
  TimePoint deadline_;
  State root_ = State::absent;  ///< State of `/`, the one namespace that nearly all clients join.
  bool over_ = false;           ///< True after a Violation or close().
  std::vector<Other> others_;
  std::unique_ptr<Reassembly> reassembly_;
};
static_assert(sizeof(Client) <= 64);  // an idle client

/// An event (or, with `id` and no name, an ack) as Engine.IO messages: the text with its leading
/// `4`, then its attachments. `arguments` is the JSON array; placeholders must already be in it.
/// With attachments the packet is of the binary kind of `type`, without of the plain one.
std::vector<Send> encode_messages(PacketType type, std::string_view nsp, std::optional<AckId> id,
                                  std::string_view arguments,
                                  const std::vector<Bytes>& attachments);

}  // namespace crier::socketio

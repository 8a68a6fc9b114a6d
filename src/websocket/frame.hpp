#pragma once

// WebSocket frames (RFC 6455 section 5), on the server's side: received frames must be masked, sent
// ones are not.

#include "crier/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace crier::websocket {

class Inflater;

enum class Opcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10
};

/// RFC 6455 section 7.4.1.
enum class CloseCode : std::uint16_t {
  none = 0,  ///< A close frame without a code; the peer sees 1005.
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  invalid_data = 1007,
  policy = 1008,
  too_big = 1009,
};

/// A final, unmasked frame: header and payload. Encoded once for all receivers.
std::string frame(Opcode opcode, std::string_view payload);
/// The same for a text or binary message that a Deflater has compressed (RFC 7692 section 6).
std::string compressed_frame(Opcode opcode, std::string_view payload);
/// A close frame. `reason` is cut to 123 bytes at a character boundary, and left out if there is no
/// code. Every code that may be sent is allowed, also an application's (3000 … 4999).
std::string close_frame(CloseCode code, std::string_view reason = {});

/// One complete message, or one control frame.
struct Message {
  Opcode opcode;          ///< text, binary, close, ping or pong
  std::string_view data;  ///< Valid until the next call of the reader (for a compressed message, of
                          ///< its inflater), or the end of the input. In a close frame, the reason.
  CloseCode close_code = CloseCode::none;  ///< What the peer sent, not only those named above.
};

struct ReaderLimits {
  std::size_t message_bytes_max = 1'000'000;  ///< All fragments together, in bytes, inflated.
  std::size_t fragments_max = 4096;           ///< Frames of one message.
};

/// Reads messages from bytes. Keeps no buffer while no message is half-read. Does no I/O. Its
/// results do not depend on how the bytes are cut into pieces.
class Reader {
 public:
  /// `limits` and `inflater` outlive it. Without an inflater, the peer may not compress.
  explicit Reader(const ReaderLimits& limits, Inflater* inflater = nullptr);
  explicit Reader(const ReaderLimits&&, Inflater* = nullptr) = delete;
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;

  /// Takes bytes from the front of `input` (unmasking in place) until one message is complete, and
  /// returns it; nothing when all input is consumed. Call it until it returns nothing: only then is
  /// the memory of the last message freed. An error is the code to close with; every later call
  /// then fails with protocol_error. A length over the limit fails before its bytes are stored.
  Result<std::optional<Message>, CloseCode> next(std::span<char>& input);

  /// Bytes of heap held for a half-read message.
  [[nodiscard]] std::size_t held_bytes() const;
  /// Whether permessage-deflate was negotiated.
  [[nodiscard]] bool deflates() const { return inflater_ != nullptr; }

 private:
  struct Frame;
  struct Held;
  using Outcome = Result<std::optional<Message>, CloseCode>;

  Outcome fail(CloseCode code);
  Result<std::optional<Frame>, CloseCode> read_header(std::span<char>& input);
  Result<std::optional<Frame>, CloseCode> parse_header(std::string_view bytes,
                                                       std::size_t& size) const;
  [[nodiscard]] bool in_message() const;
  [[nodiscard]] bool has_too_many_fragments(const Frame& frame) const;
  [[nodiscard]] bool is_too_big(const Frame& frame) const;
  Outcome read_payload(Frame frame, std::span<char>& input);
  Outcome end_frame(const Frame& frame);
  bool keep(const Frame& frame, std::string_view piece);
  Outcome inflate(Opcode opcode, std::string_view data);
  Held& held();

  const ReaderLimits* limits_;  ///< Null after a failure.
  Inflater* inflater_;
  std::unique_ptr<Held> held_;
};
static_assert(sizeof(Reader) <= 24);  // the reader of an idle WebSocket
static_assert(sizeof(Reader) <= 32, "what an idle connection costs");

}  // namespace crier::websocket

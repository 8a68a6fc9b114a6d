#pragma once

// Compressed messages, RFC 7692 section 7.2, without context takeover: no message refers to an
// earlier one, so that one Inflater and one Deflater serve all connections of a thread. Neither
// allocates before its first message.

#include "crier/result.hpp"
#include "websocket/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace crier::websocket {

class Inflater {
 public:
  Inflater();
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Decompresses a message; the result is valid until the next call. Fails with too_big as soon as
  /// the output exceeds `bytes_max`, and with invalid_data if `data` is not DEFLATE or ends too
  /// soon.
  Result<std::string_view, CloseCode> inflate(std::string_view data, std::size_t bytes_max);

 private:
  struct Stream;
  bool feed(std::string_view piece, std::size_t bytes_max);

  std::unique_ptr<Stream> stream_;
  std::string out_;
};

class Deflater {
 public:
  /// Messages shorter than `bytes_min` are not compressed.
  explicit Deflater(std::size_t bytes_min);
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  /// Makes a final, unmasked frame for a peer that has negotiated the extension; nothing if a plain
  /// frame would not be longer. `opcode` is text or binary.
  std::optional<std::string> frame(Opcode opcode, std::string_view payload);
  /// Number of frames made.
  [[nodiscard]] std::uint64_t frames() const { return frames_; }

 private:
  struct Stream;
  std::size_t bytes_min_;
  std::uint64_t frames_ = 0;
  std::unique_ptr<Stream> stream_;
};

}  // namespace crier::websocket

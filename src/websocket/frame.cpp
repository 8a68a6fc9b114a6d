// Encodes frames, and implements the reader that assembles messages from a client's bytes.

#include "websocket/frame.hpp"

#include "base/assert.hpp"
#include "base/encoding.hpp"
#include "websocket/deflate.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace crier::websocket {

namespace {

constexpr std::size_t control_bytes_max = 125;
constexpr std::size_t header_bytes_max = 14;
constexpr std::uint64_t length_16 = 126;  // 7-bit lengths that announce a longer one
constexpr std::uint64_t length_64 = 127;
constexpr unsigned char final_bit = 0x80;
constexpr unsigned char compressed_bit = 0x40;  // RSV1, RFC 7692 section 6
constexpr unsigned char reserved_bits = 0x70;
constexpr unsigned char masked_bit = 0x80;  // in the second byte

using Key = std::array<char, 4>;

bool is_control(Opcode opcode) { return (static_cast<std::uint8_t>(opcode) & 8U) != 0; }

void append_big_endian(std::string& out, std::uint64_t number, unsigned bytes) {
  while (bytes-- > 0) out.push_back(static_cast<char>(number >> (8 * bytes)));
}

std::uint64_t read_big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8U | static_cast<unsigned char>(byte);
  return number;
}

// Section 5.3. Works on eight bytes at a time: a word holds the key twice, in any byte order.
void unmask(std::span<char> data, const Key& key) {
  std::uint64_t word_key = 0;
  std::memcpy(&word_key, key.data(), key.size());
  std::memcpy(reinterpret_cast<char*>(&word_key) + key.size(), key.data(), key.size());
  std::size_t done = 0;
  for (; done + sizeof word_key <= data.size(); done += sizeof word_key) {
    std::uint64_t word = 0;
    std::memcpy(&word, data.data() + done, sizeof word);
    word ^= word_key;
    std::memcpy(data.data() + done, &word, sizeof word);
  }
  for (; done < data.size(); ++done) data[done] ^= key[done % key.size()];
}

// RFC 7692 section 6.1.
bool may_be_compressed(Opcode opcode, bool in_message) {
  return !in_message && !is_control(opcode);
}

// Sections 5.2 and 5.5: the first byte must be valid by itself and at its place in the message.
bool is_legal_start(unsigned char first, bool in_message, bool deflates) {
  const auto opcode = static_cast<Opcode>(first & 0x0FU);
  const bool fin = (first & final_bit) != 0;
  const bool compressed = (first & compressed_bit) != 0;
  if ((first & reserved_bits & ~compressed_bit) != 0) return false;
  if (compressed && (!deflates || !may_be_compressed(opcode, in_message))) return false;
  switch (opcode) {
    case Opcode::continuation:
      return in_message;
    case Opcode::text:
    case Opcode::binary:
      return !in_message;
    case Opcode::close:
    case Opcode::ping:
    case Opcode::pong:
      return fin;
  }
  return false;
}

/// Number of bytes of the extended length that these seven bits announce; 0: they are the length.
std::size_t extended_bytes(std::uint64_t seven_bits) {
  if (seven_bits == length_16) return 2;
  return seven_bits == length_64 ? 8 : 0;
}

// Section 5.2: a length has its shortest form, and its top bit is 0.
bool is_legal_length(std::uint64_t length, std::size_t extended) {
  const std::uint64_t shorter_max = extended == 2 ? length_16 - 1 : 0xFFFF;
  return length > shorter_max && length >> 63U == 0;
}

// Section 7.4, and the registry it founded: 1012 to 1014 came later.
bool may_be_sent(std::uint64_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

// Section 5.5.1.
Result<std::optional<Message>, CloseCode> close_message(std::string_view payload) {
  if (payload.empty()) return std::optional(Message{Opcode::close, {}});
  if (payload.size() < 2) return Unexpected{CloseCode::protocol_error};
  const std::uint64_t code = read_big_endian(payload.substr(0, 2));
  const std::string_view reason = payload.substr(2);
  if (!may_be_sent(code)) return Unexpected{CloseCode::protocol_error};
  if (!is_utf8(reason)) return Unexpected{CloseCode::invalid_data};
  return std::optional(Message{Opcode::close, reason, static_cast<CloseCode>(code)});
}

/// Limit on a message's bytes on the wire: incompressible data grows by some bytes in each block.
std::size_t wire_bytes_max(std::size_t message_bytes_max, bool compressed) {
  return compressed ? message_bytes_max + message_bytes_max / 256 + 64 : message_bytes_max;
}

/// Makes the message of a single frame.
Result<std::optional<Message>, CloseCode> message(Opcode opcode, std::string_view payload) {
  if (opcode == Opcode::close) return close_message(payload);
  if (opcode == Opcode::text && !is_utf8(payload)) return Unexpected{CloseCode::invalid_data};
  return std::optional(Message{opcode, payload});
}

std::string write_frame(unsigned first, std::string_view payload) {
  std::string out;
  out.reserve(header_bytes_max + payload.size());
  out.push_back(static_cast<char>(first));
  if (payload.size() < length_16) {
    out.push_back(static_cast<char>(payload.size()));
  } else if (payload.size() <= 0xFFFF) {
    out.push_back(static_cast<char>(length_16));
    append_big_endian(out, payload.size(), 2);
  } else {
    out.push_back(static_cast<char>(length_64));
    append_big_endian(out, payload.size(), 8);
  }
  out.append(payload);
  return out;
}

}  // namespace

std::string frame(Opcode opcode, std::string_view payload) {
  CRIER_ASSERT(!is_control(opcode) || payload.size() <= control_bytes_max);
  return write_frame(final_bit | static_cast<unsigned>(opcode), payload);
}

std::string compressed_frame(Opcode opcode, std::string_view payload) {
  CRIER_ASSERT(opcode == Opcode::text || opcode == Opcode::binary);
  return write_frame(final_bit | compressed_bit | static_cast<unsigned>(opcode), payload);
}

std::string close_frame(CloseCode code, std::string_view reason) {
  if (code == CloseCode::none) return frame(Opcode::close, {});
  CRIER_ASSERT(may_be_sent(static_cast<std::uint16_t>(code)));
  std::size_t size = std::min(reason.size(), control_bytes_max - 2);
  if (size < reason.size()) {
    while (size > 0 && (static_cast<unsigned char>(reason[size]) & 0xC0U) == 0x80U) --size;
  }
  std::string payload;
  append_big_endian(payload, static_cast<std::uint16_t>(code), 2);
  payload.append(reason.substr(0, size));
  return frame(Opcode::close, payload);
}

/// A frame whose header is complete.
struct Reader::Frame {
  Opcode opcode = Opcode::continuation;
  bool fin = false;
  bool compressed = false;
  Key key{};
  std::uint64_t left = 0;  ///< Payload bytes still to come.
  bool started = false;    ///< Part of the payload is held.
};

struct Reader::Held {
  std::string message;                           ///< All fragments so far.
  Opcode message_opcode = Opcode::continuation;  ///< continuation: no message is half-read.
  bool compressed = false;                       ///< Whether the message is compressed.
  std::size_t fragments = 0;
  Utf8Checker utf8;
  std::optional<Frame> frame;  ///< The frame that is half-read.
  std::uint8_t header_size = 0;
  std::uint8_t control_size = 0;
  std::array<char, header_bytes_max> header{};
  std::array<char, control_bytes_max> control{};

  /// Appends as many of `bytes` as fit; returns the header so far.
  std::string_view extend_header(std::string_view bytes) {
    bytes = bytes.substr(0, header.size() - header_size);
    std::ranges::copy(bytes, header.begin() + header_size);
    header_size = static_cast<std::uint8_t>(header_size + bytes.size());
    return {header.data(), header_size};
  }

  [[nodiscard]] bool idle() const {
    return message_opcode == Opcode::continuation && !frame && header_size == 0;
  }
};

Reader::Reader(const ReaderLimits& limits, Inflater* inflater)
    : limits_(&limits), inflater_(inflater) {}
Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

std::size_t Reader::held_bytes() const {
  return held_ ? sizeof(Held) + held_->message.capacity() : 0;
}

Reader::Outcome Reader::fail(CloseCode code) {
  limits_ = nullptr;
  held_.reset();
  return Unexpected{code};
}

Reader::Held& Reader::held() {
  if (!held_) held_ = std::make_unique<Held>();
  return *held_;
}

Reader::Outcome Reader::next(std::span<char>& input) {
  if (limits_ == nullptr) return Unexpected{CloseCode::protocol_error};
  if (held_ && held_->idle()) held_.reset();
  for (;;) {
    auto frame = read_header(input);
    if (!frame) return fail(frame.error());
    if (!*frame) return std::optional<Message>();
    Outcome outcome = read_payload(**frame, input);
    if (!outcome) return fail(outcome.error());
    if (*outcome || input.empty()) return outcome;
  }
}

Result<std::optional<Reader::Frame>, CloseCode> Reader::read_header(std::span<char>& input) {
  if (held_ && held_->frame) return std::exchange(held_->frame, std::nullopt);
  if (input.empty()) return std::optional<Frame>();

  std::string_view bytes(input.data(), input.size());
  const std::size_t kept = held_ ? held_->header_size : 0;
  if (kept > 0) bytes = held_->extend_header(bytes);
  std::size_t size = 0;
  auto frame = parse_header(bytes, size);
  if (!frame) return frame;
  if (!*frame) {
    if (kept == 0) held().extend_header(bytes);
    input = {};
  } else {
    if (kept > 0) held_->header_size = 0;
    input = input.subspan(size - kept);
  }
  return frame;
}

bool Reader::in_message() const { return held_ && held_->message_opcode != Opcode::continuation; }

bool Reader::has_too_many_fragments(const Frame& frame) const {
  const std::size_t fragments = in_message() ? held_->fragments : 0;
  return !is_control(frame.opcode) && fragments >= limits_->fragments_max;
}

/// Whether the message, with what is held of it, would exceed its limit.
bool Reader::is_too_big(const Frame& frame) const {
  if (is_control(frame.opcode)) return false;
  const std::size_t already = in_message() ? held_->message.size() : 0;
  const bool compressed = in_message() ? held_->compressed : frame.compressed;
  return frame.left > wire_bytes_max(limits_->message_bytes_max, compressed) - already;
}

// Section 5.2. Each byte is checked as soon as it has arrived.
Result<std::optional<Reader::Frame>, CloseCode> Reader::parse_header(std::string_view bytes,
                                                                     std::size_t& size) const {
  constexpr Unexpected protocol_error{CloseCode::protocol_error};
  const auto first = static_cast<unsigned char>(bytes[0]);
  if (!is_legal_start(first, in_message(), deflates())) return protocol_error;
  Frame frame{.opcode = static_cast<Opcode>(first & 0x0FU),
              .fin = (first & final_bit) != 0,
              .compressed = (first & compressed_bit) != 0};
  if (has_too_many_fragments(frame)) return Unexpected{CloseCode::policy};

  if (bytes.size() < 2) return std::optional<Frame>();
  const auto second = static_cast<unsigned char>(bytes[1]);
  frame.left = second & 0x7FU;
  if ((second & masked_bit) == 0) return protocol_error;
  if (is_control(frame.opcode) && frame.left > control_bytes_max) return protocol_error;

  const std::size_t extended = extended_bytes(frame.left);
  if (bytes.size() < 2 + extended) return std::optional<Frame>();
  if (extended > 0) {
    frame.left = read_big_endian(bytes.substr(2, extended));
    if (!is_legal_length(frame.left, extended)) return protocol_error;
  }
  if (is_too_big(frame)) return Unexpected{CloseCode::too_big};

  size = 2 + extended + frame.key.size();
  if (bytes.size() < size) return std::optional<Frame>();
  std::ranges::copy(bytes.substr(2 + extended, frame.key.size()), frame.key.begin());
  return std::optional(frame);
}

Reader::Outcome Reader::read_payload(Frame frame, std::span<char>& input) {
  const std::span<char> bytes = input.first(std::min<std::uint64_t>(frame.left, input.size()));
  const std::string_view piece(bytes.data(), bytes.size());
  input = input.subspan(bytes.size());
  unmask(bytes, frame.key);
  std::ranges::rotate(frame.key, frame.key.begin() + bytes.size() % frame.key.size());
  frame.left -= bytes.size();

  const bool at_once = !frame.started && frame.left == 0;
  const bool alone =
      is_control(frame.opcode) || (frame.fin && frame.opcode != Opcode::continuation);
  if (at_once && alone) {
    return frame.compressed ? inflate(frame.opcode, piece) : message(frame.opcode, piece);
  }
  if (at_once || !piece.empty()) {
    if (!keep(frame, piece)) return Unexpected{CloseCode::invalid_data};
    frame.started = true;
  }
  if (frame.left > 0) {
    held().frame = frame;
    return std::optional<Message>();
  }
  return end_frame(frame);
}

/// Called when the frame's whole payload is held.
Reader::Outcome Reader::end_frame(const Frame& frame) {
  if (is_control(frame.opcode)) {
    return message(frame.opcode, {held_->control.data(), held_->control_size});
  }
  if (!frame.fin) return std::optional<Message>();
  const Opcode opcode = std::exchange(held_->message_opcode, Opcode::continuation);
  if (held_->compressed) return inflate(opcode, held_->message);
  if (!held_->utf8.complete()) return Unexpected{CloseCode::invalid_data};
  return std::optional(Message{opcode, held_->message});
}

Reader::Outcome Reader::inflate(Opcode opcode, std::string_view data) {
  const auto inflated = inflater_->inflate(data, limits_->message_bytes_max);
  if (!inflated) return Unexpected{inflated.error()};
  return message(opcode, inflated.value());
}

// Appends a piece of the payload. False if the text is not UTF-8.
bool Reader::keep(const Frame& frame, std::string_view piece) {
  Held& held = this->held();
  if (is_control(frame.opcode)) {
    if (!frame.started) held.control_size = 0;
    std::ranges::copy(piece, held.control.begin() + held.control_size);
    held.control_size = static_cast<std::uint8_t>(held.control_size + piece.size());
    return true;
  }
  if (!frame.started) {
    if (frame.opcode != Opcode::continuation) {
      held.message_opcode = frame.opcode;
      held.compressed = frame.compressed;
    }
    ++held.fragments;
  }
  held.message.append(piece);
  return held.message_opcode != Opcode::text || held.compressed || held.utf8.feed(piece);
}

}  // namespace crier::websocket

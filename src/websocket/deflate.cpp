// Implements compression with zlib; one stream serves all messages of a thread.

#include "websocket/deflate.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <array>
#include <zlib.h>

namespace crier::websocket {

namespace {

constexpr int window_bits = -15;  // raw DEFLATE with the largest window
constexpr int level = 6;
constexpr int memory_level = 8;
// The end that a sender cuts off: an empty uncompressed block without its first byte.
constexpr std::string_view tail("\0\0\xFF\xFF", 4);
constexpr std::size_t chunk_bytes = 16 * 1024;
constexpr std::size_t kept_bytes_max = 64 * 1024;

Bytef* as_input(std::string_view bytes) {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
}

}  // namespace

struct Inflater::Stream {
  Stream() {
    const int begun = inflateInit2(&zlib, window_bits);
    CRIER_ASSERT(begun == Z_OK);
  }
  ~Stream() { inflateEnd(&zlib); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  z_stream zlib{};
};

Inflater::Inflater() = default;
Inflater::~Inflater() = default;

Result<std::string_view, CloseCode> Inflater::inflate(std::string_view data,
                                                      std::size_t bytes_max) {
  if (out_.capacity() > kept_bytes_max) out_ = {};
  out_.clear();
  if (!stream_) stream_ = std::make_unique<Stream>();
  z_stream& stream = stream_->zlib;
  inflateReset(&stream);
  bool sound = feed(data, bytes_max);
  // Section 7.2.3.4: data may end with a final block; then no tail is appended.
  const bool ended = !data.empty() && stream.total_in == 0;
  if (sound && !ended) {
    sound = feed(tail, bytes_max);
    constexpr int after_block = 128;  // see inflate() in zlib.h: at the end of a block, and no bit
                                      // is left over
    constexpr int left_over = 31;
    const bool whole =
        stream.total_in == 0 || (stream.data_type & (after_block | left_over)) == after_block;
    sound = sound && whole;
  }
  if (sound) return std::string_view(out_);
  const bool too_big = out_.size() > bytes_max;
  out_ = {};
  return Unexpected{too_big ? CloseCode::too_big : CloseCode::invalid_data};
}

/// Appends the output to out_: at most one byte more than `bytes_max`, which is an error. After a
/// final block total_in counts from 0 again.
bool Inflater::feed(std::string_view piece, std::size_t bytes_max) {
  std::array<char, chunk_bytes> chunk;
  z_stream& stream = stream_->zlib;
  stream.next_in = as_input(piece);
  stream.avail_in = static_cast<uInt>(piece.size());
  do {
    const std::size_t room = std::min(chunk.size(), bytes_max + 1 - out_.size());
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = static_cast<uInt>(room);
    const int outcome = ::inflate(&stream, Z_SYNC_FLUSH);
    out_.append(chunk.data(), room - stream.avail_out);
    if (out_.size() > bytes_max) return false;
    if (outcome == Z_STREAM_END) {
      inflateReset(&stream);
    } else if (outcome != Z_OK && outcome != Z_BUF_ERROR) {
      return false;
    }
  } while (stream.avail_in > 0 || stream.avail_out == 0);
  return true;
}

struct Deflater::Stream {
  Stream() {
    const int begun =
        deflateInit2(&zlib, level, Z_DEFLATED, window_bits, memory_level, Z_DEFAULT_STRATEGY);
    CRIER_ASSERT(begun == Z_OK);
  }
  ~Stream() { deflateEnd(&zlib); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  z_stream zlib{};
};

Deflater::Deflater(std::size_t bytes_min) : bytes_min_(bytes_min) {}
Deflater::~Deflater() = default;

std::optional<std::string> Deflater::frame(Opcode opcode, std::string_view payload) {
  if (payload.size() < bytes_min_ || payload.empty()) return std::nullopt;
  if (!stream_) stream_ = std::make_unique<Stream>();
  z_stream& stream = stream_->zlib;
  deflateReset(&stream);
  std::string out(payload.size() + tail.size(), '\0');
  stream.next_in = as_input(payload);
  stream.avail_in = static_cast<uInt>(payload.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int outcome = deflate(&stream, Z_SYNC_FLUSH);
  CRIER_ASSERT(outcome == Z_OK);
  const std::size_t size = out.size() - stream.avail_out;
  if (stream.avail_out == 0 || size - tail.size() >= payload.size()) return std::nullopt;
  ++frames_;
  return compressed_frame(opcode, std::string_view(out).substr(0, size - tail.size()));
}

}  // namespace crier::websocket

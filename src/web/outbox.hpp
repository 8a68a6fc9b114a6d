#pragma once

// The queue of what a connection has to send.

#include "base/bytes.hpp"
#include "base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <sys/uio.h>
#include <utility>
#include <vector>

namespace crier::web {

/// What a connection has to send, and when it is written next, without I/O: pieces go in, offer()
/// says what to write, taken() hears how much of it was written. A connection has one only while
/// something is unsent. On the connection's thread only.
class Outbox {
 public:
  /// Pings that come while at least so many pieces are unsent share one pong.
  static constexpr std::size_t pieces_before_pongs_merge = 64;

  /// When it is written next.
  enum class Due : std::uint8_t {
    unknown,   ///< Nobody has been told to write it.
    turn_end,  ///< At the end of the loop's turn.
    writable,  ///< As soon as the kernel has room. Nothing else may be written before.
  };

  /// Begins, with nothing in it.
  void begin(TimePoint now) { taken_at_ = now; }
  /// Makes it as new, but keeps the memory of a few pieces.
  void clear();

  /// Puts a piece behind all others. True if that made it due at the end of the turn: the caller
  /// sees to it.
  [[nodiscard]] bool add(Bytes piece) {
    bytes_ += piece.size();
    pieces_.push_back(std::move(piece));
    if (due_ != Due::unknown) return false;
    due_ = Due::turn_end;
    return true;
  }
  /// The same with a piece whose first `sent` bytes have been written past the outbox. Asserts that
  /// the outbox was empty, unless `sent` is 0.
  [[nodiscard]] bool add_rest(Bytes piece, std::size_t sent);
  /// The same with the answer to a ping. Behind many pieces it stands aside, in place of an earlier
  /// one, until all of them are sent.
  [[nodiscard]] bool add_pong(Bytes pong);
  /// Nothing may follow what is in it: a pong that stands aside is dropped.
  void end() { pong_ = Bytes(); }

  /// Unsent bytes, without those of a pong that stands aside.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  /// Fills in what to write next, in order: pieces until `pieces` is full or holds `bytes_max`
  /// bytes, the last one whole. Returns those that it filled in, none when all is sent. They and
  /// the bytes are good until the next call of another method.
  [[nodiscard]] std::span<const iovec> offer(std::span<iovec> pieces, std::size_t bytes_max);
  /// The first `bytes` of what was offered have been written. Asserts that there were so many.
  void taken(std::size_t bytes, TimePoint now);
  /// When some were taken last, or it began.
  [[nodiscard]] TimePoint taken_at() const { return taken_at_; }

  [[nodiscard]] Due due() const { return due_; }
  /// The kernel has no room: it is written when that has.
  void wait_writable() { due_ = Due::writable; }
  /// The kernel has room.
  void became_writable() { due_ = Due::unknown; }
  /// True the first time: the connection's deadline has to take taken_at() into account from now
  /// on.
  [[nodiscard]] bool watch() { return !std::exchange(watched_, true); }

 private:
  std::vector<Bytes> pieces_;
  std::size_t next_ = 0;    ///< First piece that is not sent whole.
  std::size_t offset_ = 0;  ///< Bytes of it that are sent.
  std::size_t bytes_ = 0;
  Bytes pong_;  ///< Stands aside.
  TimePoint taken_at_{};
  Due due_ = Due::unknown;
  bool watched_ = false;
};

static_assert(sizeof(Outbox) <= 80);  // the share of a connection that sends

}  // namespace crier::web

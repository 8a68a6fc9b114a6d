#pragma once

// For tests: makes a client's frames, and checks that a reader's results do not depend on how they
// are cut.

#include "websocket/deflate.hpp"
#include "websocket/frame.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

namespace crier::websocket {

inline constexpr std::string_view key = "\x37\xfa\x21\x3d";

inline std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  while (times-- > 0) out.append(text);
  return out;
}

inline std::string masked(std::string payload) {
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] ^= key[i % key.size()];
  return payload;
}

/// A client's header with its length in `extended` bytes (0, 2 or 8).
inline std::string header(unsigned first, std::uint64_t length, unsigned extended) {
  std::string out(1, static_cast<char>(first));
  const std::uint64_t second = extended == 0 ? length : extended == 2 ? 126 : 127;
  out.push_back(static_cast<char>(0x80U | second));
  while (extended-- > 0) out.push_back(static_cast<char>(length >> (8 * extended)));
  return out.append(key);
}

inline std::string client(unsigned first, const std::string& payload) {
  const unsigned extended = payload.size() < 126 ? 0 : payload.size() <= 0xFFFF ? 2 : 8;
  return header(first, payload.size(), extended) + masked(payload);
}

inline std::string text(const std::string& payload) { return client(0x81, payload); }
inline std::string close(const std::string& payload) { return client(0x88, payload); }

inline std::string_view name(Opcode opcode) {
  switch (opcode) {
    case Opcode::continuation:
      return "continuation";
    case Opcode::text:
      return "text";
    case Opcode::binary:
      return "binary";
    case Opcode::close:
      return "close";
    case Opcode::ping:
      return "ping";
    case Opcode::pong:
      return "pong";
  }
  return "?";
}

// Messages, and the code of the failure that ended them, as one line.
class Transcript {
 public:
  explicit Transcript(const ReaderLimits& limits, Inflater* inflater = nullptr)
      : reader_(limits, inflater) {}

  void piece(std::string_view bytes) {
    std::vector<char> own(bytes.begin(), bytes.end());  // so that ASan sees its edges
    std::span<char> input(own);
    for (;;) {
      const auto message = reader_.next(input);
      if (!message) {
        if (!failed_) outcome_ += std::to_string(static_cast<int>(message.error()));
        failed_ = true;
        EXPECT_EQ(reader_.held_bytes(), 0U);
        return;
      }
      if (!*message) break;
      outcome_.append(name((**message).opcode)).append("{").append((**message).data).append("}");
      if ((**message).opcode == Opcode::close) {
        outcome_ += std::to_string(static_cast<int>((**message).close_code));
      }
    }
    EXPECT_TRUE(input.empty());
  }
  [[nodiscard]] std::string outcome() const {
    return outcome_ + (reader_.held_bytes() > 0 ? "more" : "");
  }

 private:
  Reader reader_;
  std::string outcome_;
  bool failed_ = false;
};

inline std::string outcome(std::string_view bytes, const ReaderLimits& limits = {},
                           Inflater* inflater = nullptr) {
  Transcript whole(limits, inflater);
  whole.piece(bytes);
  Transcript single(limits, inflater);
  for (std::size_t i = 0; i < bytes.size(); ++i) single.piece(bytes.substr(i, 1));
  EXPECT_EQ(single.outcome(), whole.outcome()) << "byte by byte";
  const std::size_t step = std::max<std::size_t>(1, bytes.size() / 512);
  for (std::size_t split = 0; split <= bytes.size(); split += step) {
    Transcript halves(limits, inflater);
    halves.piece(bytes.substr(0, split));
    halves.piece(bytes.substr(split));
    EXPECT_EQ(halves.outcome(), whole.outcome()) << "split at " << split;
  }
  return whole.outcome();
}

struct Case {
  std::string_view why;
  std::string bytes;
  std::string outcome;
};

inline void check(const std::vector<Case>& cases, const ReaderLimits& limits = {},
                  Inflater* inflater = nullptr) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(outcome(c.bytes, limits, inflater), c.outcome);
  }
}

}  // namespace crier::websocket

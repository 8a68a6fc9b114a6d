#pragma once

// For tests: the server's end of a connection, with answers by hand.

#include "net/stream.hpp"

#include <gtest/gtest.h>
#include <optional>
#include <poll.h>
#include <string>
#include <string_view>
#include <utility>

namespace crier::redis {

class Peer final : net::StreamUser {
 public:
  explicit Peer(net::Stream stream) : stream_(std::move(stream)) {
    stream_->set_user(*this);
    stream_->wait_readable();
  }
  void answer(std::string_view text) {
    ASSERT_TRUE(stream_.has_value());
    ASSERT_EQ(stream_->write(text).bytes, text.size());
  }
  void close() { stream_.reset(); }

  /// Whether something has come that was not read yet.
  [[nodiscard]] bool has_input() const {
    pollfd waiting{stream_->descriptor(), POLLIN, 0};
    return ::poll(&waiting, 1, 0) == 1;
  }

  std::string received;
  int reads = 0;
  bool closed = false;

 private:
  void on_readable() override {
    char piece[4096];
    const net::IoResult result = stream_->read(piece);
    if (result.status == net::IoStatus::closed || result.status == net::IoStatus::failed) {
      closed = true;
      return stream_.reset();
    }
    if (result.status == net::IoStatus::done) {
      received.append(piece, result.bytes);
      ++reads;
    }
    stream_->wait_readable();
  }
  void on_writable() override {}

  std::optional<net::Stream> stream_;
};

}  // namespace crier::redis

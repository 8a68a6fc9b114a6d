#pragma once

// For tests: a session with a clock moved by hand, whose outputs read as lines of text.

#include "engineio/session.hpp"

#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace crier::engineio {

using Lines = std::vector<std::string>;

/// `1 <- 200 4hello`, `1 aborted`, `wire 7 <- 2`, `wire 7 closed`, `received hello`, `upgraded 7`,
/// `closed: transport error (overlap from client)`. The separator shows as `|`.
inline std::string line(const Output& output) {
  struct Printer {
    std::string operator()(const Reply& reply) const {
      std::string text = std::to_string(reply.request) + " <- " + std::to_string(reply.status);
      if (!reply.body.empty()) text += " " + reply.body.joined();
      for (char& c : text) c = c == separator ? '|' : c;
      return text;
    }
    std::string operator()(const Abort& abort) const {
      return std::to_string(abort.request) + " aborted";
    }
    std::string operator()(const SendMessage& message) const {
      return "wire " + std::to_string(message.wire) + " <- " + (message.binary ? "binary " : "") +
             std::string(message.data.view()) +
             (message.frame.empty() ? "" : " framed " + std::string(message.frame.view()));
    }
    std::string operator()(const CloseWire& close) const {
      return "wire " + std::to_string(close.wire) + (close.after_next ? " closes" : " closed");
    }
    std::string operator()(const Received& received) const {
      return (received.binary ? "received binary " : "received ") + std::string(received.data());
    }
    std::string operator()(const Upgraded& upgraded) const {
      return "upgraded " + std::to_string(upgraded.wire);
    }
    std::string operator()(const Pinged& /*pinged*/) const { return "pinged"; }
    std::string operator()(const Ponged& /*ponged*/) const { return "ponged"; }
    std::string operator()(const Closed& closed) const {
      std::string text = "closed: " + std::string(to_string(closed.reason));
      if (!closed.detail.empty()) text += " (" + std::string(closed.detail) + ")";
      return text;
    }
  };
  return std::visit(Printer{}, output);
}

inline Lines all_lines(const Outputs& outputs) {
  Lines all;
  for (const Output& output : outputs) all.push_back(line(output));
  return all;
}

/// What the client and the layer above get; Pinged and Ponged are left out.
inline Lines lines(const Outputs& outputs) {
  Lines all = all_lines(outputs);
  std::erase_if(all, [](const std::string& text) { return text == "pinged" || text == "ponged"; });
  return all;
}

class SessionTest : public testing::Test {
 protected:
  using milliseconds = std::chrono::milliseconds;
  static constexpr WireId first_wire = 70;

  SessionTest() {
    options.ping_interval = milliseconds(300);
    options.ping_timeout = milliseconds(200);
  }

  /// Does the handshake and drops its outputs.
  void open_polling() {
    did([&](Outputs& out) { session.open_polling(1000, now, out); });
  }
  void open_websocket() {
    did([&](Outputs& out) { session.open_websocket(first_wire, now, out); });
  }

  Lines poll(RequestId request, std::string_view t = {}) {
    return did([&](Outputs& out) { session.poll(request, t, now, out); });
  }
  Lines post_started(RequestId request) {
    return did([&](Outputs& out) { session.post_started(request, now, out); });
  }
  Lines post_body(RequestId request, std::string_view body,
                  std::string_view content_type = "text/plain;charset=UTF-8") {
    return did([&](Outputs& out) { session.post(request, content_type, body, now, out); });
  }
  Lines post(RequestId request, std::string_view body) {
    EXPECT_EQ(post_started(request), Lines{});
    return post_body(request, body);
  }
  Lines request_lost(RequestId request) {
    return did([&](Outputs& out) { session.request_lost(request, now, out); });
  }
  Lines answer_lost(RequestId request) {
    return did([&](Outputs& out) { session.answered_connection_lost(request, now, out); });
  }
  Lines probe(WireId wire) {
    return did([&](Outputs& out) { session.probe(wire, now, out); });
  }
  Lines text(WireId wire, std::string_view data) {
    return did([&](Outputs& out) { session.text(wire, data, now, out); });
  }
  Lines binary(WireId wire, std::string_view data) {
    return did([&](Outputs& out) { session.binary(wire, data, now, out); });
  }
  Lines wire_lost(WireId wire, bool error = false) {
    return did([&](Outputs& out) { session.wire_lost(wire, error, now, out); });
  }
  Lines send(std::string data) { return send_outgoing({false, Bytes(std::move(data)), {}, false}); }
  Lines send_binary(std::string data) {
    return send_outgoing({true, Bytes(std::move(data)), {}, false});
  }
  Lines send_volatile(std::string data) {
    return send_outgoing({false, Bytes(std::move(data)), {}, true});
  }
  Lines send_outgoing(const Outgoing& message) {
    return did([&](Outputs& out) { session.send(message, now, out); });
  }
  Lines close(CloseReason reason = CloseReason::forced_close) {
    return did([&](Outputs& out) { session.close(false, reason, now, out); });
  }
  Lines close_now(CloseReason reason = CloseReason::forced_close) {
    return did([&](Outputs& out) { session.close(true, reason, now, out); });
  }
  Lines tick() {
    return did([&](Outputs& out) { session.tick(now, out); });
  }
  /// Moves the clock, ticking exactly at each deadline on the way.
  Lines after(milliseconds duration) {
    const TimePoint end = now + duration;
    return did([&](Outputs& out) {
      for (int ticks = 0; session.deadline() <= end; ++ticks) {
        ASSERT_LT(ticks, 1000) << "deadline() does not move on";
        now = session.deadline();
        session.tick(now, out);
      }
      now = end;
    });
  }

  template <class Call>
  static Lines did(Call call) {
    Outputs out;
    call(out);
    return lines(out);
  }

  SessionOptions options;
  Session session{options, "sid_of_20_characters"};
  TimePoint now{std::chrono::hours(1)};
};

}  // namespace crier::engineio

// Implements the checks of requests to Engine.IO.

#include "engineio/handshake.hpp"

#include <algorithm>

namespace crier::engineio {
namespace {

std::optional<TransportKind> transport_named(std::optional<std::string_view> name) {
  if (name == "polling") return TransportKind::polling;
  if (name == "websocket") return TransportKind::websocket;
  return std::nullopt;
}

/// RFC 9110 section 5.5: visible characters, space, tab and obs-text.
bool is_field_value(std::string_view value) {
  return std::none_of(value.begin(), value.end(),
                      [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

Result<Entry, ErrorCode> admit_handshake(const Attempt& attempt, TransportKind wanted) {
  if (!attempt.get) return Unexpected{ErrorCode::bad_handshake_method};
  // The reference server answers 101 to an upgrade for `polling` and closes at once; Crier refuses
  // it.
  if ((wanted == TransportKind::websocket) != attempt.upgrade) {
    return Unexpected{ErrorCode::bad_request};
  }
  if (attempt.eio != "4") return Unexpected{ErrorCode::unsupported_protocol_version};
  return attempt.upgrade ? Entry::open_websocket : Entry::open_polling;
}

Result<Entry, ErrorCode> admit_to_session(const Attempt& attempt, TransportKind wanted,
                                          TransportKind current) {
  // A request without an upgrade must name polling: a session over WebSocket would never answer it.
  const TransportKind means = attempt.upgrade ? TransportKind::websocket : TransportKind::polling;
  if (wanted != means) return Unexpected{ErrorCode::bad_request};
  if (attempt.upgrade ? !attempt.get : current != wanted) {
    return Unexpected{ErrorCode::bad_request};
  }
  if (attempt.eio != "4") return Unexpected{ErrorCode::bad_request};
  return attempt.upgrade ? Entry::upgrade : Entry::polling_request;
}

}  // namespace

std::string_view message(ErrorCode code) {
  switch (code) {
    case ErrorCode::unknown_transport:
      return "Transport unknown";
    case ErrorCode::unknown_sid:
      return "Session ID unknown";
    case ErrorCode::bad_handshake_method:
      return "Bad handshake method";
    case ErrorCode::bad_request:
      return "Bad request";
    case ErrorCode::forbidden:
      return "Forbidden";
    case ErrorCode::unsupported_protocol_version:
      return "Unsupported protocol version";
  }
  return {};
}

int status(ErrorCode code) { return code == ErrorCode::forbidden ? 403 : 400; }

std::string body(ErrorCode code) {
  std::string text = "{\"code\":" + std::to_string(static_cast<int>(code)) + ",\"message\":\"";
  text += message(code);
  return text + "\"}";
}

Result<Entry, ErrorCode> admit(
    const Attempt& attempt,
    const std::function<std::optional<TransportKind>(std::string_view sid)>& transport_of) {
  const auto wanted = transport_named(attempt.transport);
  if (!wanted) return Unexpected{ErrorCode::unknown_transport};
  if (!is_field_value(attempt.origin)) return Unexpected{ErrorCode::bad_request};
  if (!attempt.sid || attempt.sid->empty()) return admit_handshake(attempt, *wanted);
  const auto current = transport_of(*attempt.sid);
  if (!current) return Unexpected{ErrorCode::unknown_sid};
  return admit_to_session(attempt, *wanted, *current);
}

}  // namespace crier::engineio

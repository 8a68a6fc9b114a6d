#pragma once

// Decides which requests reach a session, and which error the others get. The checks and their
// order are the reference server's (transport, sid, method, protocol revision).

#include "crier/result.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace crier::engineio {

enum class TransportKind : std::uint8_t { polling, websocket };

enum class ErrorCode : std::uint8_t {
  unknown_transport = 0,
  unknown_sid = 1,
  bad_handshake_method = 2,
  bad_request = 3,
  forbidden = 4,
  unsupported_protocol_version = 5,
};

std::string_view message(ErrorCode code);  ///< `Transport unknown`, …
int status(ErrorCode code);                ///< 400; 403 for `forbidden`
std::string body(ErrorCode code);          ///< `{"code":0,"message":"Transport unknown"}`

/// The input of the checks: decoded values of the query, and properties of the request.
struct Attempt {
  bool get = true;       ///< The method is GET.
  bool upgrade = false;  ///< The request asks for a WebSocket upgrade.
  std::optional<std::string_view> transport;
  std::optional<std::string_view> sid;  ///< Empty counts as absent.
  std::optional<std::string_view> eio;
  std::string_view origin;  ///< The Origin header; empty if none.
};

enum class Entry : std::uint8_t { open_polling, open_websocket, polling_request, upgrade };

/// Returns how to handle the request, or the error to answer it with. Only revision 4 is supported:
/// another revision is `unsupported_protocol_version` without `sid`, and `bad_request` with `sid`,
/// because the session has revision 4. `transport_of(sid)` returns the current transport of a live
/// session, or nothing; it is called at most once.
Result<Entry, ErrorCode> admit(
    const Attempt& attempt,
    const std::function<std::optional<TransportKind>(std::string_view sid)>& transport_of);

}  // namespace crier::engineio

#pragma once

// Which requests reach a session, and the error table for the others: the checks of the reference
// server in its order (transport, sid, method, protocol revision).

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

/// What the checks look at: values of the query (decoded) and the request.
struct Attempt {
  bool get = true;       ///< The method is GET.
  bool upgrade = false;  ///< A WebSocket upgrade is asked for.
  std::optional<std::string_view> transport;
  std::optional<std::string_view> sid;  ///< Empty counts as absent.
  std::optional<std::string_view> eio;
  std::string_view origin;  ///< The Origin header; empty if none.
};

enum class Entry : std::uint8_t { open_polling, open_websocket, polling_request, upgrade };

/// What to do with the request, or the error to answer it with. Revision 4 alone is served: without
/// `sid` another one is `unsupported_protocol_version`; with `sid` it is `bad_request`, since the
/// session has revision 4. `transport_of(sid)` gives the current transport of a live session, or
/// nothing; it may be called once.
Result<Entry, ErrorCode> admit(
    const Attempt& attempt,
    const std::function<std::optional<TransportKind>(std::string_view sid)>& transport_of);

}  // namespace crier::engineio

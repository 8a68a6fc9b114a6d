#pragma once

// Negotiates extensions of a WebSocket: permessage-deflate (RFC 7692) or none.

#include <optional>
#include <string_view>

namespace crier::websocket {

/// The value of Sec-WebSocket-Extensions that answers a client's `offers` (all lines of that
/// header, joined by commas). Accepts the first acceptable offer of permessage-deflate, always
/// without context takeover in either direction. Nothing if no offer is acceptable or the header is
/// malformed: the answer then has no such header.
std::optional<std::string_view> accept_deflate(std::string_view offers);

}  // namespace crier::websocket

#pragma once

// Which extensions a WebSocket gets: permessage-deflate (RFC 7692) or none.

#include <optional>
#include <string_view>

namespace crier::websocket {

/// What to answer in Sec-WebSocket-Extensions to a client's `offers` (all lines of that header,
/// joined by commas): the first offer of permessage-deflate that can be satisfied is accepted,
/// always without context takeover in either direction. Nothing, and the header is left out: none
/// can be, or the header is malformed.
std::optional<std::string_view> accept_deflate(std::string_view offers);

}  // namespace crier::websocket

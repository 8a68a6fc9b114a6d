#pragma once

// An HTTP response, and the cross-origin headers.

#include "base/bytes.hpp"
#include "http/request.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace crier::http {

/// One answer. Content-Length (and Connection, where needed) are added when it is written.
struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  ByteChain rest = {};  ///< The rest of the body, after `body`; shared, and not copied when long.
};

Response text(int status, std::string_view body);
Response json(int status, std::string body);

/// The bytes of `response`. `head_only`: for HEAD, with the length and without the body. Header
/// values must not contain CR or LF: asserted. A `rest` above this size is left out: the caller
/// writes pieces_behind() afterwards.
constexpr std::size_t joined_rest_bytes_max = 1024;
std::string serialize(const Response& response, bool keep_alive, bool head_only = false);
/// The pieces to write after serialize(), if any. Valid as long as the response.
std::span<const Bytes> pieces_behind(const Response& response, bool head_only);

/// Cross-origin rules (Fetch standard, section 3.2): which origins may read answers, with
/// credentials. Exact matches only, unless the single origin is `*`, which never allows
/// credentials. No origin is allowed by default.
struct Cors {
  std::vector<std::string> origins;
};

/// The headers of an answer to a request with this Origin: none without rules, else Vary (except
/// with `*`, where the answer is the same for all origins). A refused origin gets no
/// Access-Control-Allow-Origin; the request itself is still handled.
std::vector<std::pair<std::string, std::string>> cors_headers(const Cors& cors,
                                                              std::string_view origin);

/// The answer to a preflight: 204, methods GET,HEAD,PUT,PATCH,POST,DELETE, requested headers
/// reflected.
Response preflight(const Cors& cors, const Request& request);

}  // namespace crier::http

#pragma once

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
  ByteChain rest = {};  ///< Of the body, what is behind `body`: shared, and not copied when long.
};

Response text(int status, std::string_view body);
Response json(int status, std::string body);

/// The bytes of `response`. `head_only`: for HEAD, the length is told and the body left out.
/// Header values must not contain CR or LF: asserted. A `rest` above this size is left out as well:
/// its pieces are written behind.
constexpr std::size_t joined_rest_bytes_max = 1024;
std::string serialize(const Response& response, bool keep_alive, bool head_only = false);
/// What is written behind that, if anything. Good as long as the response is.
std::span<const Bytes> pieces_behind(const Response& response, bool head_only);

/// Cross-origin rules (Fetch standard, section 3.2): which origins may read answers, with
/// credentials. Exact matches only, unless the single origin is `*`, which never allows
/// credentials. No origin is allowed by default.
struct Cors {
  std::vector<std::string> origins;
};

/// The headers that an answer to a request with this Origin carries: none without rules, else Vary
/// (not with `*`, where the answer is the same for all). A refused origin gets no
/// Access-Control-Allow-Origin; the request itself goes on.
std::vector<std::pair<std::string, std::string>> cors_headers(const Cors& cors,
                                                              std::string_view origin);

/// The answer to a preflight: 204, methods GET,HEAD,PUT,PATCH,POST,DELETE, requested headers
/// reflected.
Response preflight(const Cors& cors, const Request& request);

}  // namespace crier::http

#pragma once

// Responses of HTTP/1.1, as a client on a kept connection reads them.

#include <cstddef>
#include <string>
#include <string_view>

namespace load {

struct HttpResponse {
  int status = 0;
  bool keep = true;  ///< The connection takes another request.
  std::string_view body;
  std::string joined;  ///< Where the body is when it came in chunks.
};

/// How many bytes the response at the beginning of `bytes` takes; 0 when it is not whole yet; npos
/// when it is none. `response` lives as long as `bytes`. A length by the connection's end is not
/// understood: npos.
[[nodiscard]] std::size_t read_response(std::string_view bytes, HttpResponse& response);

}  // namespace load

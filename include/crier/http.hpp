#pragma once

// Requests and responses of the application's own HTTP routes.

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace crier {

/// A request to one of the application's routes. Valid until the handler returns; copy what is
/// needed later.
struct HttpRequest {
  std::string method;                                        ///< `GET`, `POST`, …
  std::string path;                                          ///< Without the query, not decoded.
  std::string query;                                         ///< Without `?`, not decoded.
  std::vector<std::pair<std::string, std::string>> headers;  ///< Names in lower case.
  std::string body;                                          ///< At most 1 MiB.
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  ///< Further headers; without CR or LF.
};

/// Sends the response. Call it once, from any thread, now or later. A second call and a call after
/// the peer has disconnected do nothing.
using HttpReply = std::function<void(HttpResponse)>;

/// Runs on the server's loop and must not block. A slow handler keeps `reply`, returns, and replies
/// later.
using HttpHandler = std::function<void(const HttpRequest& request, HttpReply reply)>;

}  // namespace crier

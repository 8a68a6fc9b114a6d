// Serializes responses and applies the cross-origin rules.

#include "http/response.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <array>

namespace crier::http {

namespace {

struct Reason {
  int status;
  std::string_view text;
};

constexpr std::array<Reason, 22> reasons{{
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
}};

std::string_view reason(int status) {
  const auto* const found = std::ranges::find(reasons, status, &Reason::status);
  return found == reasons.end() ? "" : found->text;  // RFC 9112 section 4: clients ignore it
}

bool fits_on_a_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }

void append_header(std::string& out, std::string_view name, std::string_view value) {
  CRIER_ASSERT(fits_on_a_line(name) && fits_on_a_line(value));
  out.append(name).append(": ").append(value).append("\r\n");
}

bool allows_any(const Cors& cors) { return cors.origins.size() == 1 && cors.origins[0] == "*"; }

}  // namespace

Response text(int status, std::string_view body) {
  return {status, {{"Content-Type", "text/plain; charset=UTF-8"}}, std::string(body)};
}

Response json(int status, std::string body) {
  return {status, {{"Content-Type", "application/json"}}, std::move(body)};
}

std::string serialize(const Response& response, bool keep_alive, bool head_only) {
  CRIER_ASSERT(response.status >= 100 && response.status <= 599);
  const bool bodyless = has_no_body(response.status);
  CRIER_ASSERT(!bodyless || response.rest.empty());
  const std::size_t rest = response.rest.size();
  const std::size_t joined = rest <= joined_rest_bytes_max ? rest : 0;
  std::size_t size = 128 + response.body.size() + joined;
  for (const auto& [name, value] : response.headers) size += name.size() + value.size() + 4;

  std::string out;
  out.reserve(size);
  out.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  out.append(reason(response.status)).append("\r\n");
  for (const auto& [name, value] : response.headers) append_header(out, name, value);
  if (!bodyless) append_header(out, "Content-Length", std::to_string(response.body.size() + rest));
  if (!keep_alive) append_header(out, "Connection", "close");
  out.append("\r\n");
  if (bodyless || head_only) return out;
  out.append(response.body);
  if (joined > 0) response.rest.append_to(out);
  return out;
}

std::span<const Bytes> pieces_behind(const Response& response, bool head_only) {
  if (head_only || response.rest.size() <= joined_rest_bytes_max) return {};
  return response.rest.pieces();
}

std::vector<std::pair<std::string, std::string>> cors_headers(const Cors& cors,
                                                              std::string_view origin) {
  if (cors.origins.empty()) return {};
  if (allows_any(cors)) return {{"Access-Control-Allow-Origin", "*"}};
  std::vector<std::pair<std::string, std::string>> headers{{"Vary", "Origin"}};
  if (origin != "*" && std::ranges::find(cors.origins, origin) != cors.origins.end()) {
    headers.emplace_back("Access-Control-Allow-Origin", origin);
    headers.emplace_back("Access-Control-Allow-Credentials", "true");
  }
  return headers;
}

Response preflight(const Cors& cors, const Request& request) {
  Response response{204, cors_headers(cors, request.header("origin")), {}};
  response.headers.emplace_back("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE");
  response.headers.emplace_back("Vary", "Access-Control-Request-Headers");
  const std::string_view wanted = request.header("access-control-request-headers");
  if (!wanted.empty()) response.headers.emplace_back("Access-Control-Allow-Headers", wanted);
  response.headers.emplace_back("Content-Length", "0");  // as Node answers
  return response;
}

}  // namespace crier::http

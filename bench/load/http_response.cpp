#include "http_response.hpp"

#include <charconv>
#include <strings.h>

namespace load {

namespace {

constexpr std::size_t broken = std::string_view::npos;

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

struct Headers {
  std::size_t length = 0;
  bool has_length = false;
  bool chunked = false;
  bool close = false;
};

bool read_headers(std::string_view lines, Headers& headers) {
  while (!lines.empty()) {
    const std::size_t end = lines.find("\r\n");
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 2);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trim(line.substr(colon + 1));
    if (same_word(name, "content-length")) {
      const auto [rest, error] =
          std::from_chars(value.data(), value.data() + value.size(), headers.length);
      if (error != std::errc() || rest != value.data() + value.size()) return false;
      headers.has_length = true;
    } else if (same_word(name, "transfer-encoding")) {
      headers.chunked = same_word(value, "chunked");
    } else if (same_word(name, "connection")) {
      headers.close = same_word(value, "close");
    }
  }
  return true;
}

/// RFC 9112 section 7.1.
std::size_t read_chunks(std::string_view bytes, std::string& body) {
  std::size_t at = 0;
  body.clear();
  for (;;) {
    const std::size_t end = bytes.find("\r\n", at);
    if (end == std::string_view::npos) return 0;
    std::size_t size = 0;
    const auto [rest, error] = std::from_chars(bytes.data() + at, bytes.data() + end, size, 16);
    if (error != std::errc()) return broken;
    at = end + 2;
    if (size == 0) break;
    if (bytes.size() - at < size + 2) return 0;
    body += bytes.substr(at, size);
    at += size + 2;
  }
  for (;;) {  // Trailers, up to an empty line.
    const std::size_t end = bytes.find("\r\n", at);
    if (end == std::string_view::npos) return 0;
    const bool last = end == at;
    at = end + 2;
    if (last) return at;
  }
}

}  // namespace

std::size_t read_response(std::string_view bytes, HttpResponse& response) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  constexpr std::size_t status_at = 9;
  if (!bytes.starts_with("HTTP/1.") || end < status_at + 3) return broken;
  const auto [rest, error] =
      std::from_chars(bytes.data() + status_at, bytes.data() + status_at + 3, response.status);
  if (error != std::errc() || response.status < 100) return broken;
  const std::size_t line = std::min(bytes.find("\r\n"), end);
  Headers headers;
  if (line < end && !read_headers(bytes.substr(line + 2, end - line - 2), headers)) return broken;
  response.keep = !headers.close && bytes[7] == '1';
  const std::string_view after = bytes.substr(end + 4);
  if (headers.chunked) {
    const std::size_t taken = read_chunks(after, response.joined);
    response.body = response.joined;
    return taken == 0 || taken == broken ? taken : end + 4 + taken;
  }
  const bool bodyless = response.status < 200 || response.status == 204 || response.status == 304;
  if (!headers.has_length && !bodyless) return broken;
  if (after.size() < headers.length) return 0;
  response.body = after.substr(0, headers.length);
  return end + 4 + headers.length;
}

}  // namespace load

// Reads targets, headers and queries of requests.

#include "http/request.hpp"

#include "base/encoding.hpp"

#include <algorithm>

namespace crier::http {

namespace {

constexpr std::size_t parameters_max = 64;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool equal_without_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Cuts what is before `separator` off the front of `rest`.
std::string_view take_until(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return part;
}

bool list_has(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    if (equal_without_case(trim(take_until(list, ',')), token)) return true;
  }
  return false;
}

/// RFC 9112 section 3.2.2: a server handles `http://host/path` like `/path`.
std::string_view without_authority(std::string_view target) {
  const std::size_t scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) return target;
  const std::string_view scheme = target.substr(0, scheme_end);
  if (!equal_without_case(scheme, "http") && !equal_without_case(scheme, "https")) return target;
  const std::size_t end = target.find_first_of("/?", scheme_end + 3);
  return end == std::string_view::npos ? std::string_view("/") : target.substr(end);
}

std::string decode(std::string_view text) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  std::optional<std::string> decoded = percent_decode(spaced);
  return decoded && is_utf8(*decoded) ? *std::move(decoded) : std::string(text);
}

}  // namespace

std::string_view Request::path() const {
  const std::string_view local = without_authority(target);
  return local.substr(0, local.find('?'));
}

std::string_view Request::query() const {
  const std::size_t mark = target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

std::string_view Request::header(std::string_view name) const {
  for (const auto& [header_name, value] : headers) {
    if (header_name == name) return value;
  }
  return {};
}

std::string Request::joined(std::string_view name) const {
  std::string list;
  for (const auto& [header_name, value] : headers) {
    if (header_name != name) continue;
    if (!list.empty()) list += ',';
    list += value;
  }
  return list;
}

bool Request::header_has(std::string_view name, std::string_view token) const {
  return std::ranges::any_of(headers, [&](const auto& header) {
    return header.first == name && list_has(header.second, token);
  });
}

bool Request::wants_websocket() const {
  return method == Method::get && version_minor > 0 && header_has("upgrade", "websocket") &&
         header_has("connection", "upgrade");
}

Query::Query(std::string_view text) {
  while (!text.empty() && all_.size() < parameters_max) {
    std::string_view value = take_until(text, '&');
    if (value.empty()) continue;
    std::string name = decode(take_until(value, '='));
    if (!get(name)) all_.emplace_back(std::move(name), decode(value));
  }
}

std::optional<std::string_view> Query::get(std::string_view name) const {
  for (const auto& [parameter, value] : all_) {
    if (parameter == name) return value;
  }
  return std::nullopt;
}

}  // namespace crier::http

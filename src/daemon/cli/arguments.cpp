// Parses the arguments of the commands of `crier`, such as durations.

#include "daemon/cli/arguments.hpp"

#include <algorithm>
#include <charconv>

namespace crier::daemon {
namespace {

constexpr std::int64_t day = 86'400;
constexpr std::int64_t duration_max = 36'500 * day;

std::int64_t seconds_in(std::string_view unit) {
  if (unit == "s") return 1;
  if (unit == "m") return 60;
  if (unit == "h") return 3600;
  return unit == "d" ? day : 0;
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Digits only, where from_chars would also take a sign.
template <class Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  if (text.starts_with('-')) return {};
  const auto [used, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || used != end) return {};
  return number;
}

bool is_host(std::string_view host, bool bracketed) {
  const std::string_view others = bracketed ? ":." : "-._";
  return !host.empty() && std::all_of(host.begin(), host.end(), [&](char c) {
    return is_alphanumeric(c) || others.find(c) != std::string_view::npos;
  });
}

/// `host`, `host:port`, `[address]` or `[address]:port`.
bool read_authority(std::string_view text, HttpUrl& url) {
  const bool bracketed = text.starts_with('[');
  const auto host_end = bracketed ? text.find(']') : std::min(text.find(':'), text.size());
  if (host_end == std::string_view::npos) return false;
  const std::string_view host = bracketed ? text.substr(1, host_end - 1) : text.substr(0, host_end);
  if (!is_host(host, bracketed)) return false;
  url.host = host;
  const std::string_view rest = text.substr(host_end + (bracketed ? 1 : 0));
  if (rest.empty()) return true;
  const auto port = whole_number<std::uint16_t>(rest.substr(1));
  if (!rest.starts_with(':') || !port || *port == 0) return false;
  url.port = *port;
  return true;
}

}  // namespace

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  if (text.empty()) return {};
  const std::int64_t unit = seconds_in(text.substr(text.size() - 1));
  const auto count = whole_number<std::int64_t>(text.substr(0, text.size() - 1));
  if (unit == 0 || !count || *count < 1 || *count > duration_max / unit) return {};
  return std::chrono::seconds(*count * unit);
}

std::optional<HttpUrl> parse_url(std::string_view text) {
  constexpr std::string_view scheme = "http://";
  if (!text.starts_with(scheme)) return {};
  text.remove_prefix(scheme.size());
  const bool plain = std::all_of(
      text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F && c != '?' && c != '#'; });
  if (!plain) return {};
  const auto slash = std::min(text.find('/'), text.size());
  HttpUrl url;
  if (!read_authority(text.substr(0, slash), url)) return {};
  url.prefix = text.substr(slash);
  while (url.prefix.ends_with('/')) url.prefix.pop_back();
  return url;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (is_alphanumeric(c) || std::string_view("-._~").find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded.append(1, '%').append(1, digits[byte >> 4U]).append(1, digits[byte & 0xFU]);
    }
  }
  return encoded;
}

}  // namespace crier::daemon

#pragma once

// An HTTP request, and the parameters of a query.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace crier::http {

enum class Method : std::uint8_t { get, head, post, put, patch, del, options, other };

/// One complete request. A value.
struct Request {
  Method method = Method::other;
  std::string target;                                        ///< As sent: path and query.
  std::vector<std::pair<std::string, std::string>> headers;  ///< Names in lower case, in order.
  std::string body;
  int version_minor = 1;   ///< HTTP/1.x
  bool keep_alive = true;  ///< What the peer asked for.
  bool expects_continue = false;

  [[nodiscard]] std::string_view path() const;   ///< Up to `?`, not decoded.
  [[nodiscard]] std::string_view query() const;  ///< After `?`, not decoded; empty if none.

  /// The first header of that (lower-case) name; empty if there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const;

  /// All headers of that name as one, joined by commas (RFC 9110 section 5.3).
  [[nodiscard]] std::string joined(std::string_view name) const;

  /// Whether the comma-separated header has `token`, compared without case.
  [[nodiscard]] bool header_has(std::string_view name, std::string_view token) const;

  /// RFC 6455 section 4.1: asks for a WebSocket (Upgrade and Connection say so).
  [[nodiscard]] bool wants_websocket() const;
};

/// The parameters of a query (or urlencoded form), decoded once, `+` as space. The first parameter
/// of a name counts; parameters after the 64th are dropped.
class Query {
 public:
  explicit Query(std::string_view text);
  /// The value; nothing when the parameter is absent. A value that cannot be decoded is kept as
  /// sent.
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const { return all_; }

 private:
  std::vector<std::pair<std::string, std::string>> all_;
};

}  // namespace crier::http

#include "daemon/serve/demo.hpp"

#include <boost/json.hpp>
#include <cctype>
#include <utility>

namespace crier::daemon {

namespace {

constexpr std::string_view events_json =
    R"(["request:created","request:updated","request:status_changed","request:assigned",)"
    R"("request:deleted","comment:added","comment:deleted","attachment:uploaded",)"
    R"("attachment:deleted","notification:created","chain:step_advanced"])";

/// Whether the request was made to a loopback name: a page elsewhere whose name was pointed at
/// 127.0.0.1 must not get tokens.
bool is_local(const HttpRequest& request) {
  for (const auto& [name, value] : request.headers) {
    if (name != "host") continue;
    const auto host = std::string_view(value).substr(0, value.rfind(':'));
    return host == "127.0.0.1" || host == "localhost";
  }
  return false;
}

HttpResponse with_policy(HttpResponse response) {
  response.headers.emplace_back("Content-Security-Policy",
                                "default-src 'self'; img-src 'self' data:; base-uri 'none'; "
                                "frame-ancestors 'none'");
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

HttpResponse problem(int status, std::string_view code, std::string_view message) {
  const boost::json::object body{{"code", code}, {"message", message}, {"path", ""}};
  return {status, "application/json", boost::json::serialize(body), {}};
}

HttpResponse problem(const Error& error) {
  const boost::json::object body{
      {"code", error.code}, {"message", error.message}, {"path", error.path}};
  return {error.status, "application/json", boost::json::serialize(body), {}};
}

HttpResponse position(const Position& at) {
  boost::json::object body{{"timestamp", at.timestamp}};
  if (at.recoverable) {
    body["id"] = at.id;
    body["seq"] = at.seq;
  } else {
    body["id"] = nullptr;
    body["seq"] = nullptr;
    body["recoverable"] = false;
  }
  return {202, "application/json", boost::json::serialize(body), {}};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

void add_asset(Gateway& gateway, std::string_view path, std::string_view name,
               std::string_view type) {
  gateway.handle("GET", path,
                 [name = std::string(name), type = std::string(type)](const HttpRequest&,
                                                                      const HttpReply& reply) {
                   const auto asset = demo_asset(name);
                   if (!asset) {
                     reply(problem(404, "not_built",
                                   "Build with demo/node_modules in place to serve this file."));
                     return;
                   }
                   reply(with_policy({200, type, std::string(*asset), {}}));
                 });
}

void give_state(const DemoSources& sources, const HttpReply& reply) {
  const auto users = sources.users_json();
  if (!users) {
    reply(problem(503, "store_unavailable", users.error()));
    return;
  }
  reply({200,
         "application/json",
         "{\"users\":" + *users + ",\"events\":" + std::string(events_json) + "}",
         {}});
}

void give_token(const DemoSources& sources, const HttpRequest& request, const HttpReply& reply) {
  if (!is_local(request)) {
    reply(problem(403, "not_local", "The demo answers to 127.0.0.1 and localhost only."));
    return;
  }
  boost::json::error_code error;
  const auto body = boost::json::parse(request.body, error);
  const auto* object = error ? nullptr : body.if_object();
  const auto* user = object == nullptr ? nullptr : object->if_contains("userId");
  if (user == nullptr || !user->is_string()) {
    reply(problem(422, "missing_member", "The body must be {\"userId\": string}."));
    return;
  }
  const boost::json::object answer{{"token", sources.token(std::string(user->get_string()))}};
  reply({200, "application/json", boost::json::serialize(answer), {}});
}

void publish(Gateway& gateway, const HttpRequest& request, const HttpReply& reply) {
  if (!is_local(request)) {
    reply(problem(403, "not_local", "The demo answers to 127.0.0.1 and localhost only."));
    return;
  }
  constexpr std::string_view before = "/dev/programs/";
  constexpr std::string_view after = "/events";
  const std::string_view path = request.path;
  if (!path.ends_with(after) || path.size() <= before.size() + after.size()) {
    reply(problem(404, "not_found", "There is nothing here."));
    return;
  }
  const auto program =
      percent_decoded(path.substr(before.size(), path.size() - before.size() - after.size()));
  if (!program) {
    reply(problem(400, "bad_program", "The programId's escapes are malformed."));
    return;
  }
  gateway.publish_json(*program, request.body, [reply](const Result<Position>& result) {
    reply(result ? position(*result) : problem(result.error()));
  });
}

}  // namespace

void add_demo(Gateway& gateway, DemoSources sources) {
  add_asset(gateway, "/", "index.html", "text/html; charset=utf-8");
  add_asset(gateway, "/demo.js", "demo.js", "text/javascript; charset=utf-8");
  add_asset(gateway, "/demo.css", "demo.css", "text/css; charset=utf-8");
  add_asset(gateway, "/socket.io/socket.io.min.js", "socket.io.min.js",
            "text/javascript; charset=utf-8");
  gateway.handle("GET", "/dev/state", [sources](const HttpRequest&, const HttpReply& reply) {
    give_state(sources, reply);
  });
  gateway.handle(
      "POST", "/dev/token",
      [sources = std::move(sources)](const HttpRequest& request, const HttpReply& reply) {
        give_token(sources, request, reply);
      });
  gateway.handle("POST", "/dev/programs/*",
                 [&gateway](const HttpRequest& request, const HttpReply& reply) {
                   publish(gateway, request, reply);
                 });
}

}  // namespace crier::daemon

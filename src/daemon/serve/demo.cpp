// Serves the demo page of `crier serve --dev`.

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

std::string_view header(const HttpRequest& request, std::string_view wanted) {
  for (const auto& [name, value] : request.headers) {
    if (name == wanted) return value;
  }
  return {};
}

/// Whether the request was made to a loopback name: a page elsewhere whose name was pointed at
/// 127.0.0.1 must get nothing.
bool is_local(std::string_view host) {
  const auto name = host.substr(0, host.rfind(':'));
  return name == "127.0.0.1" || name == "localhost";
}

/// Whether no other page makes this request: neither one of another origin, which a browser names,
/// nor one whose request a browser calls by another name than same-origin.
bool is_own(const HttpRequest& request, std::string_view host) {
  const auto origin = header(request, "origin");
  const bool same =
      origin == "http://" + std::string(host) || origin == "https://" + std::string(host);
  if (!origin.empty() && !same) return false;
  const auto site = header(request, "sec-fetch-site");
  if (site.empty() || site == "same-origin" || site == "none") return true;
  // A link to the demo: the page that has it sees nothing of what comes.
  return request.method == "GET" && header(request, "sec-fetch-mode") == "navigate" &&
         header(request, "sec-fetch-dest") == "document";
}

bool is_json(std::string_view content_type) {
  return content_type.substr(0, content_type.find_first_of("; \t")) == "application/json";
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

/// Every route of the demo goes through here.
void add_route(Gateway& gateway, std::string_view method, std::string_view path,
               HttpHandler handler) {
  gateway.handle(
      method, path,
      [handler = std::move(handler)](const HttpRequest& request, const HttpReply& reply) {
        auto refusal = demo_refusal(request);
        refusal ? reply(*std::move(refusal)) : handler(request, reply);
      });
}

void add_asset(Gateway& gateway, std::string_view path, std::string_view name,
               std::string_view type) {
  add_route(gateway, "GET", path,
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
  boost::system::error_code error;
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

std::optional<HttpResponse> demo_refusal(const HttpRequest& request) {
  const auto host = header(request, "host");
  if (!is_local(host)) {
    return problem(403, "not_local", "The demo answers to 127.0.0.1 and localhost only.");
  }
  if (!is_own(request, host)) {
    return problem(403, "foreign_page", "The demo answers its own page only.");
  }
  if (request.method == "POST" && !is_json(header(request, "content-type"))) {
    return problem(415, "unsupported_media_type", "The Content-Type must be application/json.");
  }
  return std::nullopt;
}

void add_demo(Gateway& gateway, DemoSources sources) {
  add_asset(gateway, "/", "index.html", "text/html; charset=utf-8");
  add_asset(gateway, "/demo.js", "demo.js", "text/javascript; charset=utf-8");
  add_asset(gateway, "/demo.css", "demo.css", "text/css; charset=utf-8");
  add_asset(gateway, "/socket.io/socket.io.min.js", "socket.io.min.js",
            "text/javascript; charset=utf-8");
  add_route(gateway, "GET", "/dev/state",
            [sources](const HttpRequest&, const HttpReply& reply) { give_state(sources, reply); });
  add_route(gateway, "POST", "/dev/token",
            [sources = std::move(sources)](const HttpRequest& request, const HttpReply& reply) {
              give_token(sources, request, reply);
            });
  add_route(gateway, "POST", "/dev/programs/*",
            [&gateway](const HttpRequest& request, const HttpReply& reply) {
              publish(gateway, request, reply);
            });
}

}  // namespace crier::daemon

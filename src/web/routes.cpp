// Finds the handler of a request and answers with its result.

#include "web/routes.hpp"

#include "http/error_response.hpp"

#include <atomic>
#include <utility>

namespace crier::web {

namespace {

std::string_view name(http::Method method) {
  switch (method) {
    case http::Method::get:
    case http::Method::head:
      return "GET";
    case http::Method::post:
      return "POST";
    case http::Method::put:
      return "PUT";
    case http::Method::patch:
      return "PATCH";
    case http::Method::del:
      return "DELETE";
    case http::Method::options:
      return "OPTIONS";
    case http::Method::other:
      break;
  }
  return "";
}

http::Response to_wire(HttpResponse response) {
  http::Response wire{response.status, std::move(response.headers), std::move(response.body)};
  if (!response.content_type.empty()) {
    wire.headers.emplace_back("Content-Type", std::move(response.content_type));
  }
  return wire;
}

}  // namespace

Routes::Routes(Worker& worker, std::shared_ptr<net::Door> door)
    : worker_(worker), door_(std::move(door)) {}

void Routes::add(std::string_view method, std::string_view path, HttpHandler handler) {
  const bool prefix = path.ends_with('*');
  if (prefix) path.remove_suffix(1);
  routes_.push_back({std::string(method), std::string(path), prefix, std::move(handler)});
  worker_.route(std::string(path), *this);
}

const Routes::Route* Routes::find(const http::Request& request, bool& path_known) const {
  path_known = false;
  for (const auto& route : routes_) {
    if (!route.fits(request.path())) continue;
    path_known = true;
    if (route.method == name(request.method)) return &route;
  }
  return nullptr;
}

std::size_t Routes::head(Connection& connection, const http::Request& request) {
  bool path_known = false;
  if (find(request, path_known) != nullptr) return body_bytes_max;
  if (path_known) {
    connection.answer(http::error_response(
        {405, "method_not_allowed", "This path does not answer to that method.", ""}));
  } else {
    connection.answer(http::error_response({404, "not_found", "There is nothing here.", ""}));
  }
  return 0;
}

void Routes::request(Connection& connection, http::Request& request) {
  bool path_known = false;
  const Route* route = find(request, path_known);
  HttpRequest plain{std::string(name(request.method)), std::string(request.path()),
                    std::string(request.query()), std::move(request.headers),
                    std::move(request.body)};
  auto once = std::make_shared<std::atomic_flag>();
  HttpReply reply = [door = door_, &worker = worker_, key = connection.key(),
                     once](HttpResponse response) {
    if (once->test_and_set()) return;
    door->post([&worker, key, response = std::move(response)]() mutable {
      Connection* target = worker.find(key);
      if (target != nullptr && target->awaits_answer())
        target->answer(to_wire(std::move(response)));
    });
  };
  call(worker_, route->handler, plain, reply);
}

void call(Worker& worker, const HttpHandler& handler, const HttpRequest& request,
          const HttpReply& reply) {
  try {
    handler(request, reply);
  } catch (...) {
    worker.log(LogLevel::error, "a route's handler threw", {{"path", request.path}});
    reply({500, "text/plain; charset=utf-8", "The handler failed.", {}});
  }
}

void Routes::body_failed(Connection& connection, int status) {
  if (status == 413) {
    connection.answer(
        http::error_response({413, "too_large", "The body is larger than 1048576 bytes.", ""}));
  } else {
    connection.answer(http::error_response({status, "bad_request", "The body is malformed.", ""}));
  }
}

}  // namespace crier::web

#pragma once

// HTTP routes and their handlers.

#include "crier/http.hpp"
#include "net/door.hpp"
#include "web/endpoint.hpp"
#include "web/worker.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace crier::web {

/// Calls a handler of the application's, whose exceptions become an answer.
void call(Worker& worker, const HttpHandler& handler, const HttpRequest& request,
          const HttpReply& reply);

/// Routes with handlers: the application's own and the operational ones. GET routes answer HEAD.
class Routes final : public Endpoint {
 public:
  static constexpr std::size_t body_bytes_max = 1024 * 1024;

  Routes(Worker& worker, std::shared_ptr<net::Door> door);

  /// `path` is exact, or a prefix when it ends in `*`. Before run() only.
  void add(std::string_view method, std::string_view path, HttpHandler handler);

  std::size_t head(Connection& connection, const http::Request& request) override;
  void request(Connection& connection, http::Request& request) override;
  void body_failed(Connection& connection, int status) override;
  void lost(Connection& /*connection*/, bool /*answered*/) override {}
  [[nodiscard]] bool answers_half_closed() const override { return true; }

 private:
  struct Route {
    std::string method;
    std::string path;
    bool prefix;
    HttpHandler handler;
    [[nodiscard]] bool fits(std::string_view p) const {
      return prefix ? p.starts_with(path) : p == path;
    }
  };
  [[nodiscard]] const Route* find(const http::Request& request, bool& path_known) const;

  Worker& worker_;
  std::shared_ptr<net::Door> door_;
  std::vector<Route> routes_;
};

}  // namespace crier::web

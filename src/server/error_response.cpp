#include "server/error_response.hpp"

#include "base/json_text.hpp"

namespace crier::server {

http::Response error_response(const Error& error) {
  return http::json(error.status, "{\"code\":" + json::quote(error.code) +
                                      ",\"message\":" + json::quote(error.message) +
                                      ",\"path\":" + json::quote(error.path) + "}");
}

}  // namespace crier::server

// Writes an error as a JSON response.

#include "http/error_response.hpp"

#include "base/json_text.hpp"

namespace crier::http {

Response error_response(const Error& error) {
  return json(error.status, "{\"code\":" + json::quote(error.code) +
                                ",\"message\":" + json::quote(error.message) +
                                ",\"path\":" + json::quote(error.path) + "}");
}

}  // namespace crier::http

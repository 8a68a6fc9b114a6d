#pragma once

// The body of a failed request of the HTTP API.

#include "crier/result.hpp"
#include "http/response.hpp"

namespace crier::http {

/// Makes a response with the error's status and the body `{"code":…,"message":…,"path":…}`.
Response error_response(const Error& error);

}  // namespace crier::http

#pragma once

#include "crier/result.hpp"
#include "http/response.hpp"

namespace crier::http {

/// `{"code":…,"message":…,"path":…}` with the error's status.
Response error_response(const Error& error);

}  // namespace crier::http

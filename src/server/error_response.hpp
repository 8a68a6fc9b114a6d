#pragma once

#include "crier/result.hpp"
#include "http/response.hpp"

namespace crier::server {

/// `{"code":…,"message":…,"path":…}` with the error's status.
http::Response error_response(const Error& error);

}  // namespace crier::server

#pragma once

// Users and tokens for the demo page.

#include "crier/result.hpp"

#include <string>

namespace crier::daemon {

/// Every user with a membership in the store at `path`, as the demo page takes them:
/// `[{"id","name","role","programs":[…]},…]`. The error is a sentence that names the file.
Result<std::string, std::string> users_json(const std::string& path);

/// A token for `user`, good for an hour, signed with HS256.
std::string token_for(const std::string& secret, const std::string& user);

}  // namespace crier::daemon

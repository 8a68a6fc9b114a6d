#pragma once

// The demo page of `crier serve --dev`.

#include "crier/gateway.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace crier::daemon {

/// What the demo page needs to know that a gateway does not tell. All may be called on the loop.
struct DemoSources {
  /// `[{"id","name","role","programs":[…]},…]`, or why it cannot be read.
  std::function<Result<std::string, std::string>()> users_json;
  /// A token for this user id.
  std::function<std::string(const std::string& user)> token;
};

/// Adds the demo page and its routes, for `crier serve --dev` only: it hands a token to whoever
/// asks, so the gateway must listen on a loopback address.
void add_demo(Gateway& gateway, DemoSources sources);

/// Why a route of the demo must not answer this request: it was made to another name than a
/// loopback one, by another page, or as a form that any page may send. Nothing: it may.
std::optional<HttpResponse> demo_refusal(const HttpRequest& request);

/// A file of the page that was embedded at build time; nothing if it was not there.
std::optional<std::string_view> demo_asset(std::string_view name);

}  // namespace crier::daemon

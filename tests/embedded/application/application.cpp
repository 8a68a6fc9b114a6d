#include "crier/gateway.hpp"
#include "crier/server.hpp"
#include "crier/settings.hpp"

// Public headers need C++20; so does this.
static_assert(__cplusplus >= 202002L);

crier::GatewayOptions gateway_options(const std::string& secret) {
  return {.auth = {.secret = secret}, .engine = {.path = "/events/"}};
}

crier::ServerOptions server_options() {
  return {.http = {.port = 8080}, .tls = {.certificate_file = "c", .key_file = "k"}};
}

bool read(crier::GatewayOptions& options, const crier::Environment& environment) {
  return crier::read_environment(crier::settings_of(options), environment).has_value();
}

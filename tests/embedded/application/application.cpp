#include "crier/gateway.hpp"
#include "crier/server.hpp"

// Public headers need C++20; so does this.
static_assert(__cplusplus >= 202002L);

std::string_view name_of(const crier::GatewayOptions& options) { return options.path; }

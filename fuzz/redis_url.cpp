// Fuzzes the parser of the Redis URL in the configuration: an accepted URL must be usable.
#include "backends/redis/client/url.hpp"
#include "base/assert.hpp"
#include "one_input.hpp"

void one_input(std::string_view input, std::size_t split) {
  (void)split;
  const auto url = crier::redis::parse_url(input);
  if (!url) {
    CRIER_ASSERT(url.error().starts_with("The Redis URL ") && url.error().ends_with('.'));
    return;
  }
  CRIER_ASSERT(!url->nodes.empty() && url->nodes.size() <= crier::redis::nodes_max);
  for (const auto& node : url->nodes) {
    CRIER_ASSERT(crier::redis::is_host(node.name) && node.port != 0);
  }
  CRIER_ASSERT(url->master.empty() == (url->form != crier::redis::Form::sentinel));
  CRIER_ASSERT(url->database <= (url->is_cluster() ? 0U : 65535U));
  CRIER_ASSERT(!url->credentials || !url->credentials->password.empty());
}

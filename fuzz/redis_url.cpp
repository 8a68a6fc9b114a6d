// The URL comes from the configuration: whatever is accepted must be usable.
#include "backends/redis/url.hpp"
#include "base/assert.hpp"
#include "one_input.hpp"

void one_input(std::string_view input, std::size_t split) {
  (void)split;
  const auto url = crier::redis::parse_url(input);
  if (!url) {
    CRIER_ASSERT(url.error().starts_with("The Redis URL ") && url.error().ends_with('.'));
    return;
  }
  CRIER_ASSERT(!url->host.empty() && url->host.find_first_of("@/[] ") == std::string::npos);
  CRIER_ASSERT(url->port != 0 && url->database <= 65535);
  CRIER_ASSERT(!url->credentials || !url->credentials->password.empty());
}

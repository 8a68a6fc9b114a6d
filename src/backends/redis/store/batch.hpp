#pragma once

// Appends that leave as one call.

#include "backends/redis/store/script.hpp"
#include "base/time.hpp"
#include "history/store.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace crier::redis {

/// Limit of the bodies' bytes in one call with several appends: others that use the server wait for
/// it.
constexpr std::size_t batch_bytes_max = 256 * 1024;

struct Append {
  history::AppendRequest request;
  std::function<void(AppendResult)> done;
};

/// Appends that are sent as one, and again as one: their outcome is known for all or for none.
struct Batch {
  std::string id;
  TimePoint begun;
  std::vector<Append> appends = {};
  std::size_t bytes = 0;  ///< Total of the bodies.
  unsigned attempts = 0;  ///< Number of calls that may have been carried out.
  bool in_flight = false;

  [[nodiscard]] bool is_open() const { return attempts == 0 && !in_flight; }
  [[nodiscard]] bool has_room_for(const history::AppendRequest& request) const {
    return is_open() && appends.size() < batch_events_max &&
           bytes + request.body.size() <= batch_bytes_max;
  }
};

}  // namespace crier::redis

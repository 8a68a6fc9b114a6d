#pragma once

// The event that ends an admission: what was sent again, and how each program stands.

#include "gateway/recovery.hpp"

#include <cstddef>
#include <string>

namespace crier::gateway {

constexpr std::size_t catchup_named_bytes_max = 16 * 1024;  ///< Then it names exceptions only.
constexpr std::size_t catchup_bytes_max = 64 * 1024;        ///< Whatever it has to say.

/// `["catchup",{"recovered":…,"replayed":…,"programs":{…}},position]`. Beyond
/// `catchup_named_bytes_max` the programs with the most frequent verdict are not named, and
/// `others` says it. If the exceptions still have no room, all that are the user's are `gap`, and
/// those that are not are left out, with `"changed":true`. `position` is the client's next offset;
/// empty: it gets none.
std::string catchup_arguments(const Recovery& recovery, std::string_view position);

}  // namespace crier::gateway

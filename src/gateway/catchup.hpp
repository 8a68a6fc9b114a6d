#pragma once

// The `catchup` event, which ends an admission: how many events were replayed, and each program's
// verdict.

#include "gateway/recovery.hpp"

#include <cstddef>
#include <string>

namespace crier::gateway {

constexpr std::size_t catchup_named_bytes_max = 16 * 1024;  ///< Above this size only exceptions are
                                                            ///< named.
constexpr std::size_t catchup_bytes_max = 64 * 1024;        ///< Limit on the whole event.

/// `["catchup",{"recovered":…,"replayed":…,"programs":{…}},position]`. Above
/// `catchup_named_bytes_max` the programs with the most frequent verdict are not named, and
/// `others` is that verdict. If there is still no room for the exceptions, all of the user's
/// programs are `gap`, and the others are left out, with `"changed":true`. `position` is the
/// client's next offset; empty: it gets none.
std::string catchup_arguments(const Recovery& recovery, std::string_view position);

}  // namespace crier::gateway

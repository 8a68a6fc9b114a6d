#pragma once

// What processes have cost, as /proc says.

#include <cstdint>
#include <vector>

namespace load {

/// On a CPU so far, over all threads, ns; one that has ended adds nothing.
[[nodiscard]] std::int64_t cpu_nanoseconds(const std::vector<int>& processes);

/// Resident bytes of all of them together.
[[nodiscard]] std::uint64_t resident_bytes(const std::vector<int>& processes);

/// Lets this process have `wanted` open files; false when the hard limit, then in `limit`, is
/// lower.
[[nodiscard]] bool allow_files(std::uint64_t wanted, std::uint64_t& limit);

/// Keeps this process on one core; false when there is no such core for it.
[[nodiscard]] bool pin(int core);

}  // namespace load

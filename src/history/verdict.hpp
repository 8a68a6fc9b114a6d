#pragma once

// Whether what a client missed of a program can be sent again in full.

#include "history/store.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace crier::history {

/// What a client is told about one program after a reconnect.
enum class Verdict : std::uint8_t {
  recovered,  ///< It has, or is sent, everything.
  gap,        ///< Something is missing: trimmed, expired, over a bound, or never numbered.
  reset,      ///< The store has begun anew; nothing can be said.
  joined,     ///< A member from this admission on.
  left,       ///< Not a member any more; nothing of it is owed.
};
std::string_view to_string(Verdict verdict);

/// The body of a gap marker: an event that was delivered without a number stood here.
constexpr std::string_view gap_marker = R"({"gap":true})";
bool is_gap_marker(const Record& record);

/// Whether `kept`, read after `cursor` or earlier, has all that came after it: nothing did, or the
/// oldest record of those names the cursor or something before it as its predecessor; and none is a
/// gap marker. `floor` is the reply's.
bool is_whole(const Kept& kept, Gid cursor, Gid floor);
/// As if `newest_max` were all that was read.
bool is_whole(const Kept& kept, Gid cursor, Gid floor, std::size_t newest_max);

}  // namespace crier::history

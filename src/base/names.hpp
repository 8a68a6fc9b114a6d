#pragma once

// The rule for names of programs and users.

#include <string_view>

namespace crier {

/// Whether `name` may be a programId or user id: 1–128 bytes of UTF-8 without control characters
/// (U+0000–U+001F, U+007F–U+009F).
bool is_name(std::string_view name);

}  // namespace crier

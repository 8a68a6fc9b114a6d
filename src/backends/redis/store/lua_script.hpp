#pragma once

// The Lua files of this folder, as they were embedded at build time.

#include <optional>
#include <string_view>

namespace crier::redis {

/// A script as Redis gets it, by the name of its file; nothing if scripts.cmake names none such.
/// The text lives as long as the program. Any thread may call.
std::optional<std::string_view> lua_script(std::string_view name);

}  // namespace crier::redis

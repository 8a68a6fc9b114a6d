#pragma once

// The check of an event's placeholders for attachments.

#include <cstdint>
#include <string_view>

namespace crier::socketio {

/// Whether every placeholder `{"_placeholder":true,"num":N}` in `json`, at any depth, has exactly
/// one `num`, written as plain digits, below `attachments`. Stricter than the reference decoder,
/// which uses the last of repeated keys and accepts any spelling of a number: the text is passed
/// on, and its next reader may use the first key. `json` must be valid. Linear in its length.
bool placeholders_in_range(std::string_view json, std::uint32_t attachments);

}  // namespace crier::socketio

#pragma once

// How an event is written in Redis: as the member of a sorted set, and as a message of the bus; and
// how a claim is. Anybody with access to that Redis may have written what is read here.

#include "base/bytes.hpp"
#include "history/store.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace crier::redis {

/// `{"seq":12,"prev":1700000000001000,"gid":1700000000002000,"envelope":{…}}`. Nothing unless it is
/// exactly of that form with numbers that can be true (seq ≥ 1, prev < gid < 2^53) and an envelope
/// that is a JSON object in UTF-8.
std::optional<history::Record> decode_member(std::string_view text);

/// `{"epoch":"aB3-_x9Z","program":"p","seq":…,"prev":…,"gid":…,"envelope":{…}}`, checked likewise.
std::optional<history::Published> decode_bus_message(std::string_view text);

struct ClaimMessage {
  std::string sid;  ///< A name as base/names.hpp has it.
  history::Fence fence = 0;
};
/// `{"sid":"lv_VI97HAXpY6yYWAAAB","fence":1700000000001000}`, checked likewise.
std::optional<ClaimMessage> decode_claim(std::string_view text);

}  // namespace crier::redis

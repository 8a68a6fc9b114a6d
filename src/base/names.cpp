// Implements the rule for names.

#include "base/names.hpp"

#include "base/encoding.hpp"

namespace crier {
namespace {

bool has_control_character(std::string_view utf8) {
  bool after_c2 = false;  // U+0080–U+009F are C2 80 – C2 9F
  for (const char c : utf8) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F || (after_c2 && byte <= 0x9F)) return true;
    after_c2 = byte == 0xC2;
  }
  return false;
}

}  // namespace

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 128 && is_utf8(name) && !has_control_character(name);
}

}  // namespace crier

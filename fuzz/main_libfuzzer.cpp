// The entry point for libFuzzer, which chooses the split, too: the first two bytes of its input are
// not part of the message.
#include "one_input.hpp"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t choice = data[0] | (std::size_t{data[1]} << 8U);
  const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  one_input(input, choice % (input.size() + 1));
  return 0;
}

#include "base/names.hpp"

#include <gtest/gtest.h>
#include <string>

namespace crier {
namespace {

using namespace std::string_literals;

TEST(Name, IsOneTo128BytesOfUtf8WithoutControlCharacters) {
  const struct {
    std::string text;
    bool is_name;
  } cases[] = {
      {"", false},
      {"a", true},
      {std::string(128, 'x'), true},
      {std::string(129, 'x'), false},
      {"program 7/ä€😀:*", true},
      {std::string(126, 'x') + "ä", true},
      {std::string(127, 'x') + "ä", false},
      {"a\0b"s, false},
      {"a\nb", false},
      {"\x1f", false},
      {" ", true},
      {"~", true},
      {"\x7f", false},
      {"\xc2\x80", false},  // U+0080
      {"\xc2\x9f", false},  // U+009F
      {"\xc2\xa0", true},   // U+00A0
      {"\xc3\x80", true},   // U+00C0, whose second byte is 80
      {"a\xff", false},     // not UTF-8
      {"\xed\xa0\x80", false},
      {"a\xc3", false},
  };
  for (const auto& c : cases)
    EXPECT_EQ(is_name(c.text), c.is_name) << testing::PrintToString(c.text);
}

}  // namespace
}  // namespace crier

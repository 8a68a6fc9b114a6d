// Fuzzes each decoder against its encoder: a strict decoder accepts only one spelling of the bytes.
#include "base/encoding.hpp"
#include "one_input.hpp"

#include <cstdlib>

namespace {

using namespace crier;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

void one_input(std::string_view input, std::size_t split) {
  const auto strict = base64url_decode(input);
  if (strict) require(base64url_encode(*strict) == input);
  const auto lenient = base64_decode_lenient(input);
  if (strict) require(lenient == strict);
  if (lenient) require(base64_decode_lenient(base64_encode(*lenient)) == lenient);

  require(base64url_decode(base64url_encode(input)) == input);
  require(base64_decode_lenient(base64_encode(input)) == input);
  require(hex_encode(input).size() == 2 * input.size());

  // If the cut is not inside an escape, the decoded pieces joined equal the decoded whole.
  const auto decoded = percent_decode(input);
  const auto head = percent_decode(input.substr(0, split));
  const auto tail = percent_decode(input.substr(split));
  if (head && tail) require(decoded == *head + *tail);
  if (input.find('%') == std::string_view::npos) require(decoded == input);

  require(equal_in_constant_time(input, input));
  require(equal_in_constant_time(input.substr(0, split), input) == (split == input.size()));
}

// Fuzzes permessage-deflate: the messages of a client's compressed frames must not depend on the
// split, and keep the limit on their size; what this server compresses can be read again; and the
// input as a header of offers gets one of the two possible answers, or none.
#include "base/assert.hpp"
#include "base/encoding.hpp"
#include "one_input.hpp"
#include "websocket/deflate.hpp"
#include "websocket/extensions.hpp"
#include "websocket/frame.hpp"

#include <string>
#include <vector>

namespace {

using crier::websocket::Deflater;
using crier::websocket::Inflater;
using crier::websocket::Opcode;
using crier::websocket::Reader;
using crier::websocket::ReaderLimits;

constexpr ReaderLimits limits{.message_bytes_max = 2'000, .fragments_max = 4};

/// Appends the results for `bytes` to `out`; false after an error.
bool feed(Reader& reader, std::string_view bytes, std::string& out) {
  std::vector<char> own(bytes.begin(), bytes.end());
  std::span<char> input(own);
  for (;;) {
    const auto message = reader.next(input);
    if (!message) {
      out += "!" + std::to_string(static_cast<int>(message.error()));
      return false;
    }
    if (!*message) return true;
    const std::string_view data = (**message).data;
    CRIER_ASSERT(data.size() <= limits.message_bytes_max);
    if ((**message).opcode == Opcode::text) CRIER_ASSERT(crier::is_utf8(data));
    out += std::to_string(static_cast<int>((**message).opcode)) + ":" + crier::hex_encode(data);
  }
}

void read_back(Inflater& inflater, std::string_view payload) {
  Deflater deflater(0);
  auto written = deflater.frame(Opcode::binary, payload);
  if (!written) return;
  CRIER_ASSERT(written->size() < payload.size() + 10);
  const auto length = static_cast<unsigned char>((*written)[1]);
  (*written)[1] = static_cast<char>(length | 0x80U);
  written->insert(length < 126 ? 2 : length == 126 ? 4 : 10, 4, '\0');  // a no-op mask
  const ReaderLimits large{.message_bytes_max = payload.size()};
  Reader reader(large, &inflater);
  std::span<char> input(*written);
  const auto message = reader.next(input);
  CRIER_ASSERT(message && *message && (**message).data == payload);
}

}  // namespace

void one_input(std::string_view input, std::size_t split) {
  Inflater inflater;
  std::string whole;
  Reader first(limits, &inflater);
  feed(first, input, whole);

  std::string halves;
  Reader second(limits, &inflater);
  if (feed(second, input.substr(0, split), halves)) feed(second, input.substr(split), halves);
  CRIER_ASSERT(whole == halves);

  // The input as a message's data, because the fuzzer rarely finds a valid header.
  const auto message = inflater.inflate(input, limits.message_bytes_max);
  if (message) CRIER_ASSERT(message->size() <= limits.message_bytes_max);

  read_back(inflater, input);
  const auto answer = crier::websocket::accept_deflate(input);
  if (answer) CRIER_ASSERT(answer->starts_with("permessage-deflate; server_no_context_takeover; "));
}

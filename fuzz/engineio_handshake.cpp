// Fuzzes the checks of requests. The input's lines are transport, sid, EIO, origin, then flags. An
// admitted request must be one that the rules allow.
#include "engineio/handshake.hpp"
#include "one_input.hpp"

#include <cstdlib>

using namespace crier;
using namespace crier::engineio;

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

/// The next line, or nothing at the end of the input.
std::optional<std::string_view> take_line(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return line;
}

std::optional<TransportKind> transport_of(std::string_view sid) {
  if (sid == "polls") return TransportKind::polling;
  if (sid == "wired") return TransportKind::websocket;
  return std::nullopt;
}

}  // namespace

void one_input(std::string_view input, std::size_t split) {
  Attempt attempt;
  attempt.get = split % 2 == 0;
  attempt.upgrade = split % 4 < 2;
  attempt.transport = take_line(input);
  attempt.sid = take_line(input);
  attempt.eio = take_line(input);
  attempt.origin = take_line(input).value_or("");
  const auto admitted = admit(attempt, transport_of);
  if (!admitted) {
    check(admitted.error() != ErrorCode::forbidden);
    check(status(admitted.error()) == 400 && !message(admitted.error()).empty());
    return;
  }
  const bool has_sid = attempt.sid && !attempt.sid->empty();
  check(attempt.eio == "4");
  check(attempt.origin.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos);
  check(attempt.transport == (attempt.upgrade ? "websocket" : "polling"));
  switch (*admitted) {
    case Entry::open_polling:
      return check(!has_sid && attempt.get && !attempt.upgrade);
    case Entry::open_websocket:
      return check(!has_sid && attempt.get && attempt.upgrade);
    case Entry::polling_request:
      return check(attempt.sid == "polls" && !attempt.upgrade);
    case Entry::upgrade:
      return check(has_sid && transport_of(*attempt.sid) && attempt.get && attempt.upgrade);
  }
  std::abort();
}

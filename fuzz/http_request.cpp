// Fuzzes the parser of requests: the result must not depend on the split, must keep the limits, and
// must have the body and the end that Beast, which is laxer, finds in the same bytes.
#include "base/assert.hpp"
#include "base/encoding.hpp"
#include "http/parser.hpp"
#include "one_input.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string>

namespace {

using crier::http::Limits;
using crier::http::Parser;
using crier::http::Progress;
using crier::http::Request;

constexpr Limits limits{.header_bytes_max = 1024, .headers_max = 8, .body_bytes_max = 256};

std::string describe(const Request& request) {
  std::string out = std::to_string(static_cast<int>(request.method)) + request.target;
  out += request.keep_alive ? " keep" : " close";
  for (const auto& [name, value] : request.headers) out += "\n" + name + ":" + value;
  return out + "\n" + request.body + "\n";
}

void compare_with_beast(const Request& request, std::string_view consumed) {
  if (consumed.starts_with("\r\n")) consumed.remove_prefix(2);  // Beast accepts no empty line
  boost::beast::http::request_parser<boost::beast::http::string_body> beast;
  beast.body_limit(boost::none);
  beast.header_limit(UINT32_MAX);
  beast.eager(true);
  boost::system::error_code error;
  const std::size_t size =
      beast.put(boost::asio::const_buffer(consumed.data(), consumed.size()), error);
  if (beast.is_header_done() && beast.chunked() && error) return;  // in a trailer or extension
  CRIER_ASSERT(!error && beast.is_done() && size == consumed.size());
  CRIER_ASSERT(beast.get().target() == request.target);
  CRIER_ASSERT(beast.get().body() == request.body);
}

void check_whole(const Request& request) {
  CRIER_ASSERT(request.headers.size() <= limits.headers_max);
  CRIER_ASSERT(request.body.size() <= limits.body_bytes_max);
  CRIER_ASSERT(crier::is_utf8(request.target));
  CRIER_ASSERT(request.version_minor == 0 || request.version_minor == 1);
  for (const auto& [name, value] : request.headers) {
    CRIER_ASSERT(!name.empty() && value.find_first_of("\r\n") == std::string::npos);
  }
}

/// Appends the results for `input` to `out`; false after a refusal.
bool feed(Parser& parser, std::string_view input, std::string& out, bool compare) {
  std::string_view start = input;
  for (;;) {
    switch (parser.receive(input)) {
      case Progress::more:
        CRIER_ASSERT(input.empty());
        return true;
      case Progress::head:
        break;
      case Progress::complete:
        check_whole(parser.request());
        out += describe(parser.request());
        if (compare) {
          compare_with_beast(parser.request(), start.substr(0, start.size() - input.size()));
        }
        start = input;
        parser.reset();
        break;
      case Progress::failed:
        out += std::to_string(parser.status());
        return false;
    }
  }
}

}  // namespace

void one_input(std::string_view input, std::size_t split) {
  std::string whole;
  Parser first(limits);
  feed(first, input, whole, true);

  std::string halves;
  Parser second(limits);
  if (feed(second, input.substr(0, split), halves, false)) {
    feed(second, input.substr(split), halves, false);
  }
  CRIER_ASSERT(whole == halves);
  CRIER_ASSERT(first.in_request() == second.in_request());
}

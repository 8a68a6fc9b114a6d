// Fuzzes targets and queries: their number is limited, each name occurs once, and encoding and
// reading them back gives the same.
#include "base/assert.hpp"
#include "base/encoding.hpp"
#include "http/request.hpp"
#include "one_input.hpp"

#include <set>
#include <string>

namespace {

std::string encode(std::string_view text) {
  std::string out;
  for (const char c : text) out += "%" + crier::hex_encode({&c, 1});
  return out;
}

}  // namespace

void one_input(std::string_view input, std::size_t split) {
  crier::http::Request request;
  request.target = input;
  CRIER_ASSERT(request.path().size() + request.query().size() <= input.size() + 1);
  CRIER_ASSERT(request.path().find('?') == std::string_view::npos);
  request.headers = {{"a", std::string(input.substr(0, split))}, {"connection", "upgrade"}};
  CRIER_ASSERT(request.header_has("connection", "UPGRADE"));
  static_cast<void>(request.header_has("a", input.substr(split)));

  const crier::http::Query query(input);
  CRIER_ASSERT(query.all().size() <= 64);
  std::set<std::string_view> names;
  std::string again;
  for (const auto& [name, value] : query.all()) {
    CRIER_ASSERT(names.insert(name).second);
    CRIER_ASSERT(query.get(name) == value);
    again += encode(name) + "=" + encode(value) + "&";
  }
  if (crier::is_utf8(input)) CRIER_ASSERT(crier::http::Query(again).all() == query.all());
}

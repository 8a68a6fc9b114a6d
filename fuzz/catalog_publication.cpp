// Fuzzes the check of publishes, and records of a store that a foreign program may have written.
#include "base/json_text.hpp"
#include "catalog/catalog.hpp"
#include "one_input.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

namespace {

using namespace crier;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_body(const catalog::Publication& publication) {
  static constexpr std::array<std::string_view, 5> names{
      R"("event")", R"("programId")", R"("requestId")", R"("data")", R"("performedBy")"};
  const auto members = json::members(publication.body.view());
  require(members.has_value());
  require(std::equal(
      members->begin(), members->end(), names.begin(), names.end(),
      [](const json::Member& member, std::string_view name) { return member.key == name; }));
  require(json::unquote((*members)[0].value) == publication.event);
  require(json::unquote((*members)[1].value) == "p\"1");
  require((*members)[3].value.starts_with('{'));
}

void check_arguments(const catalog::Publication& publication) {
  for (const std::string_view id : {"", "e\"1.7"}) {
    const std::string text =
        catalog::event_arguments(publication.body.view(), 1'795'502'940'123, id);
    const auto arguments = json::elements(text);
    require(arguments.has_value());
    require(arguments->size() == (id.empty() ? 2 : 3));
    require(json::unquote((*arguments)[0]) == publication.event);
    const auto envelope = json::members((*arguments)[1]);
    require(envelope.has_value());
    require(envelope->size() == 6);
    require(envelope->back().value == R"("2026-11-24T06:49:00.123Z")");
    if (!id.empty()) require(json::unquote((*arguments)[2]) == id);
  }
}

}  // namespace

void one_input(std::string_view input, std::size_t /*split*/) {
  static const auto catalog = catalog::Catalog::built_in();
  catalog::event_arguments(input, 0, "id");
  const auto publication = catalog.check("p\"1", input);
  if (publication) {
    check_body(*publication);
    check_arguments(*publication);
    return;
  }
  const Error& error = publication.error();
  require(error.status == 400 || error.status == 422);
  require(!error.code.empty() && !error.message.empty());
  require(error.path.empty() || error.path.starts_with('/'));
}

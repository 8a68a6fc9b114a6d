// The built-in events, and the check of a publish body.

#include "catalog/catalog.hpp"

#include "base/json_text.hpp"
#include "base/time.hpp"
#include "crier/json.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace crier::catalog {
namespace {

constexpr std::size_t id_bytes_max = 128;
constexpr std::size_t name_bytes_max = 256;
constexpr std::string_view body_start = R"({"event":)";

Error refuse(std::string code, std::string message, std::string_view path) {
  return {422, std::move(code), std::move(message), std::string(path)};
}

/// One step of a JSON Pointer (RFC 6901 section 3).
std::string pointer_step(std::string_view name) {
  std::string step = "/";
  for (const char c : name) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

bool is_object(std::string_view value) { return value.starts_with('{'); }

std::string listed(const auto& names) {
  std::string list;
  for (const std::string_view name : names) {
    list.append(list.empty() ? "" : ", ").append(name);
  }
  return list;
}

/// The values of the object `text` in the order of `names`, which must be exactly its members.
template <std::size_t N>
Result<std::array<std::string_view, N>> exact_members(
    std::string_view text, std::string_view path, const std::array<std::string_view, N>& names) {
  const auto members = json::members(text);
  if (!members) {
    return Unexpected{
        refuse("wrong_type", "An object with " + listed(names) + " is expected here.", path)};
  }
  std::array<std::string_view, N> values{};
  for (const auto& [key, value] : *members) {
    const std::string name = json::unquote(key).value_or("");
    const auto place = std::find(names.begin(), names.end(), name);
    if (place == names.end()) {
      return Unexpected{refuse("unknown_member", "Only " + listed(names) + " are expected here.",
                               std::string(path) + pointer_step(name))};
    }
    values[static_cast<std::size_t>(place - names.begin())] = value;
  }
  for (std::size_t i = 0; i < N; ++i) {
    if (!values[i].empty()) continue;
    const std::string name(names[i]);
    return Unexpected{refuse("missing_member", "The member " + name + " is required.",
                             std::string(path) + "/" + name)};
  }
  return values;
}

/// `value` as a string of `min` … `max` bytes of UTF-8.
Result<std::string> bounded_string(std::string_view value, std::string_view path, std::size_t min,
                                   std::size_t max) {
  auto text = json::unquote(value);
  if (text && text->size() >= min && text->size() <= max) return std::move(*text);
  const std::string bytes = std::to_string(max) + " bytes is expected.";
  const std::string expected = min == 0 ? "A string of at most " + bytes
                                        : "A string of " + std::to_string(min) + " to " + bytes;
  if (!text) return Unexpected{refuse("wrong_type", expected, path)};
  return Unexpected{refuse(text->size() < min ? "too_short" : "too_long", expected, path)};
}

/// `{"userId":…,"name":…}` with its members in that order.
Result<std::string> performer(std::string_view value) {
  static constexpr std::array<std::string_view, 2> names{"userId", "name"};
  const auto members = exact_members(value, "/performedBy", names);
  if (!members) return Unexpected{members.error()};
  const auto user = bounded_string((*members)[0], "/performedBy/userId", 1, id_bytes_max);
  if (!user) return Unexpected{user.error()};
  const auto name = bounded_string((*members)[1], "/performedBy/name", 0, name_bytes_max);
  if (!name) return Unexpected{name.error()};
  return R"({"userId":)" + json::quote(*user) + R"(,"name":)" + json::quote(*name) + "}";
}

}  // namespace

Catalog Catalog::built_in() {
  return Catalog({"request:created", "request:updated", "request:status_changed",
                  "request:assigned", "request:deleted", "comment:added", "comment:deleted",
                  "attachment:uploaded", "attachment:deleted", "notification:created",
                  "chain:step_advanced"});
}

Result<std::string> Catalog::event_in(std::string_view value) const {
  auto name = json::unquote(value);
  if (!name) {
    return Unexpected{
        refuse("wrong_type", "The name of an event is expected, a string.", "/event")};
  }
  if (std::find(events_.begin(), events_.end(), *name) == events_.end()) {
    return Unexpected{refuse(
        "unknown_event", "One of these events is expected: " + listed(events_) + ".", "/event")};
  }
  return std::move(*name);
}

Result<Publication> Catalog::check(std::string_view program, std::string_view body) const {
  auto json = Json::parse(std::string(body));
  if (!json) return Unexpected{std::move(json.error())};
  static constexpr std::array<std::string_view, 4> names{"event", "requestId", "data",
                                                         "performedBy"};
  const auto members = exact_members(json->text(), "", names);
  if (!members) return Unexpected{members.error()};
  const auto& [event_text, request_text, data, performer_text] = *members;
  auto event = event_in(event_text);
  if (!event) return Unexpected{event.error()};
  const auto request = bounded_string(request_text, "/requestId", 1, id_bytes_max);
  if (!request) return Unexpected{request.error()};
  if (!is_object(data))
    return Unexpected{
        refuse("wrong_type", "An object is expected, the payload of the event.", "/data")};
  const auto performed_by = performer(performer_text);
  if (!performed_by) return Unexpected{performed_by.error()};

  std::string text;
  text.reserve(body.size() + program.size() + 32);
  text.append(body_start).append(json::quote(*event));
  text.append(R"(,"programId":)").append(json::quote(program));
  text.append(R"(,"requestId":)").append(json::quote(*request));
  text.append(R"(,"data":)").append(data);
  text.append(R"(,"performedBy":)").append(*performed_by).append("}");
  return Publication{std::move(*event), Bytes(std::move(text))};
}

std::string event_arguments(std::string_view body, std::int64_t timestamp_ms, std::string_view id) {
  if (!body.starts_with(body_start) || !body.ends_with('}')) return {};
  const std::string_view after = body.substr(body_start.size());
  const auto event_size = json::scan_value(after);
  if (!event_size || !after.starts_with('"')) return {};
  std::string text;
  text.reserve(body.size() + id.size() + 80);
  text.append("[").append(after.substr(0, *event_size)).append(",");
  text.append(body.substr(0, body.size() - 1));
  text.append(R"(,"timestamp":")").append(iso8601(timestamp_ms)).append(R"("})");
  if (!id.empty()) text.append(",").append(json::quote(id));
  text.append("]");
  return text;
}

}  // namespace crier::catalog

// The public Json value: checks text, or quotes it.

#include "crier/json.hpp"

#include "base/encoding.hpp"
#include "base/json_text.hpp"

namespace crier {
namespace {

Error refusal(std::string code, std::string message) {
  return {.status = 400, .code = std::move(code), .message = std::move(message), .path = {}};
}

Error refusal(json::Fault fault) {
  switch (fault) {
    case json::Fault::too_deep:
      return refusal("too_deep", "The JSON value nests deeper than " +
                                     std::to_string(Json::depth_max) + " levels.");
    case json::Fault::duplicate_key:
      return refusal("duplicate_key", "A JSON object has two members of the same name.");
    case json::Fault::not_json:
      break;
  }
  return refusal("not_json", "The text is not one valid JSON value.");
}

}  // namespace

Result<Json> Json::parse(std::string text) {
  if (!is_utf8(text)) return Unexpected{refusal("bad_utf8", "The text is not valid UTF-8.")};
  const auto checked = json::check_strictly(text, depth_max);
  if (!checked) return Unexpected{refusal(checked.error())};
  return Json(std::move(text));
}

Result<Json> Json::string(std::string_view text) {
  if (!is_utf8(text)) return Unexpected{refusal("bad_utf8", "The text is not valid UTF-8.")};
  return Json(json::quote(text));
}

}  // namespace crier

// Writes the `catchup` event within its size limits.

#include "gateway/catchup.hpp"

#include "base/json_text.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace crier::gateway {

namespace {

using history::Verdict;
using Verdicts = std::vector<std::pair<std::string, Verdict>>;

constexpr std::size_t frame_bytes = 256;  // everything except the programs

/// Lists `"p1":"recovered",…` without the programs of the verdict `others`; nothing if it would be
/// longer than `bytes_max`.
std::optional<std::string> list(const Verdicts& verdicts, std::optional<Verdict> others,
                                std::size_t bytes_max) {
  std::string text;
  for (const auto& [program, verdict] : verdicts) {
    if (verdict == others) continue;
    if (!text.empty()) text += ',';
    text.append(json::quote(program)).append(":\"").append(to_string(verdict)).append("\"");
    if (text.size() > bytes_max) return std::nullopt;
  }
  return text;
}

Verdict most_frequent(const Verdicts& verdicts) {
  std::array<std::size_t, 5> counts{};
  for (const auto& entry : verdicts) ++counts.at(static_cast<std::size_t>(entry.second));
  counts.at(static_cast<std::size_t>(Verdict::left)) = 0;  // the rest are the user's
  return static_cast<Verdict>(std::ranges::max_element(counts) - counts.begin());
}

struct Programs {
  std::string named;
  std::optional<Verdict> others;
  bool changed = false;
};

Programs programs_of(const Recovery& recovery) {
  if (auto all = list(recovery.verdicts, std::nullopt, catchup_named_bytes_max)) {
    return {*std::move(all), std::nullopt, recovery.changed};
  }
  const Verdict others = most_frequent(recovery.verdicts);
  if (auto some = list(recovery.verdicts, others, catchup_bytes_max - frame_bytes)) {
    return {*std::move(some), others, recovery.changed};
  }
  const bool has_left = std::ranges::any_of(
      recovery.verdicts, [](const auto& e) { return e.second == Verdict::left; });
  return {{}, Verdict::gap, recovery.changed || has_left};
}

}  // namespace

std::string catchup_arguments(const Recovery& recovery, std::string_view position) {
  const Programs programs = programs_of(recovery);
  std::string text = R"(["catchup",{"recovered":)";
  text += recovery.recovered ? "true" : "false";
  text += ",\"replayed\":" + std::to_string(recovery.replayed);
  text.append(",\"programs\":{").append(programs.named).append("}");
  if (programs.others) text.append(",\"others\":\"").append(to_string(*programs.others)) += '"';
  if (programs.changed) text += ",\"changed\":true";
  text += '}';
  if (!position.empty()) text.append(",\"").append(position) += '"';
  return text + ']';
}

}  // namespace crier::gateway

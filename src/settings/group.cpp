// How texts become values of settings, and values texts.

#include "settings/group.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <limits>

namespace crier::settings {

namespace {

std::optional<std::string> nothing_wrong(const std::string& /*value*/) { return std::nullopt; }

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      std::array<char, 7> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", byte);
      out += escape.data();
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string quoted_list(const std::vector<std::string>& list) {
  std::string out = "[";
  for (const std::string& element : list) {
    if (out.size() > 1) out += ", ";
    out += quoted(element);
  }
  return out + "]";
}

std::vector<std::string> list_of(const std::string& text) {
  std::vector<std::string> list;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::size_t first = begin;
    std::size_t last = end;
    while (first < last && text[first] == ' ') ++first;
    while (last > first && text[last - 1] == ' ') --last;
    if (last > first) list.push_back(text.substr(first, last - first));
    begin = end + 1;
  }
  return list;
}

}  // namespace

std::string phrase(Numbers bounds) {
  return "from " + std::to_string(bounds.least) + " to " + std::to_string(bounds.most);
}

Result<std::uint64_t, std::string> number_of(std::string_view text, Numbers bounds) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= bounds.least &&
      number <= bounds.most) {
    return number;
  }
  return Unexpected{"must be a whole number " + phrase(bounds)};
}

std::optional<std::int64_t> duration_of(std::string_view text, std::int64_t per_second) {
  std::uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc()) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit == "us" && per_second == 1'000'000) return count;
  std::int64_t factor = 0;
  if (unit == "ms") factor = 1;
  if (unit == "s") factor = 1'000;
  if (unit == "m") factor = 60'000;
  if (unit == "h") factor = 3'600'000;
  if (factor == 0) return std::nullopt;
  const std::int64_t milliseconds = count * factor;
  if (per_second < 1'000) return milliseconds / (1'000 / per_second);
  const std::int64_t per_millisecond = per_second / 1'000;
  if (milliseconds > std::numeric_limits<std::int64_t>::max() / per_millisecond) {
    return std::nullopt;
  }
  return milliseconds * per_millisecond;
}

std::string printed_duration(std::int64_t count, std::int64_t per_second) {
  struct Unit {
    std::string_view name;
    std::int64_t size;
    std::int64_t from;  ///< 60 s and 60 m stay as they are.
  };
  const std::int64_t minute = 60 * per_second;
  for (const auto& [name, size, from] : {
           Unit{"h", 60 * minute, 120 * minute},
           Unit{"m", minute, 2 * minute},
           Unit{"s", per_second, per_second},
           Unit{"ms", per_second / 1'000, per_second / 1'000},
           Unit{"us", per_second / 1'000'000, per_second / 1'000'000},
       }) {
    const bool whole = size == 1 || (size > 1 && count >= from && count % size == 0);
    if (whole) return std::to_string(count / size) + std::string(name);
  }
  return {};
}

std::string no_duration() {
  return "must be a duration such as \"250ms\", \"25s\", \"5m\" or \"2h\"";
}

void Group::text(std::string_view key, std::string& value, std::string_view meaning,
                 std::string_view alias, Rule<std::string> rule) {
  const auto parse = [](const std::string& text) -> Result<std::string, std::string> {
    return std::string(text);
  };
  add<std::string>(key, value, meaning, alias,
                   {parse, quoted, rule == nullptr ? nothing_wrong : rule});
}

void Group::list(std::string_view key, std::vector<std::string>& value, std::string_view meaning,
                 std::string_view alias, Rule<std::vector<std::string>> rule) {
  add<std::vector<std::string>>(key, value, meaning, alias, {list_of, quoted_list, rule});
}

void Group::flag(std::string_view key, bool& value, std::string_view meaning) {
  const auto parse = [](const std::string& text) -> Result<bool, std::string> {
    if (text == "true" || text == "false") return text == "true";
    return Unexpected{std::string("must be true or false")};
  };
  add<bool>(key, value, meaning, {},
            {parse, [](bool flag) { return std::string(flag ? "true" : "false"); },
             [](bool /*flag*/) -> std::optional<std::string> { return std::nullopt; }});
}

void Group::policy(std::string_view key, OutagePolicy& value, std::string_view meaning) {
  const std::string words = "deliver or refuse";
  const auto parse = [words](const std::string& text) -> Result<OutagePolicy, std::string> {
    if (text == "deliver") return OutagePolicy::deliver;
    if (text == "refuse") return OutagePolicy::refuse;
    return Unexpected{"must be " + words};
  };
  const auto print = [](OutagePolicy policy) {
    return std::string(policy == OutagePolicy::deliver ? "\"deliver\"" : "\"refuse\"");
  };
  const auto problem = [words](OutagePolicy policy) -> std::optional<std::string> {
    if (policy == OutagePolicy::deliver || policy == OutagePolicy::refuse) return std::nullopt;
    return "must be " + words;
  };
  add<OutagePolicy>(key, value, meaning, {}, {parse, print, problem, words});
}

void Group::duration(std::string_view key, std::optional<std::chrono::seconds>& value,
                     std::string_view meaning) {
  using Value = std::optional<std::chrono::seconds>;
  const auto parse = [](const std::string& text) -> Result<Value, std::string> {
    if (text == "off") return Value();
    const auto count = duration_of(text, 1);
    if (!count) return Unexpected{no_duration() + ", or \"off\""};
    return Value(std::chrono::seconds(*count));
  };
  const auto print = [](const Value& given) {
    return given ? "\"" + printed(*given) + "\"" : std::string("\"off\"");
  };
  add<Value>(key, value, meaning, {},
             {parse, print,
              [](const Value& /*any*/) -> std::optional<std::string> { return std::nullopt; }});
}

}  // namespace crier::settings

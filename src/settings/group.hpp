#pragma once

// How settings of one section are described: each call adds one, which refers to `value`.

#include "crier/settings.hpp"

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace crier::settings {

/// What is wrong with a value, as `must …`; null: nothing ever is.
template <class T>
using Rule = std::optional<std::string> (*)(const T& value);

/// Both ends are allowed.
struct Numbers {
  std::uint64_t least = 0;
  std::uint64_t most = 0;
};

/// Both ends are allowed; without `least` there is no bound at all.
template <class Duration>
struct Durations {
  std::optional<Duration> least = {};
  std::optional<Duration> most = {};
};

/// How values of one type are read, written and judged.
template <class T>
struct Kind {
  std::function<Result<T, std::string>(const std::string& text)> parse;
  std::function<std::string(const T& value)> print;
  std::function<std::optional<std::string>(const T& value)> problem;
  std::string bounds = {};
};

Result<std::uint64_t, std::string> number_of(std::string_view text, Numbers bounds);
std::string phrase(Numbers bounds);

/// `text` in units of which a second has `per_second`; nothing if it is no duration, or no whole
/// microseconds of one that does not count them.
std::optional<std::int64_t> duration_of(std::string_view text, std::int64_t per_second);
std::string printed_duration(std::int64_t count, std::int64_t per_second);
/// What a text that is no duration is told.
std::string no_duration();

template <class Duration>
constexpr std::int64_t per_second = Duration::period::den / Duration::period::num;

template <class Duration>
std::string printed(Duration value) {
  return printed_duration(value.count(), per_second<Duration>);
}

template <class Duration>
std::string phrase(const Durations<Duration>& bounds) {
  if (!bounds.least) return "";
  if (!bounds.most) return "at least " + printed(*bounds.least);
  return "from " + printed(*bounds.least) + " to " + printed(*bounds.most);
}

template <class Duration>
Kind<Duration> duration_kind(const Durations<Duration>& bounds) {
  const std::string within = phrase(bounds);
  const auto parse = [](const std::string& text) -> Result<Duration, std::string> {
    const auto count = duration_of(text, per_second<Duration>);
    if (!count) return Unexpected{no_duration()};
    return Duration(*count);
  };
  const auto problem = [bounds, within](const Duration& value) -> std::optional<std::string> {
    const bool fits =
        (!bounds.least || value >= *bounds.least) && (!bounds.most || value <= *bounds.most);
    if (fits) return std::nullopt;
    return "must be a duration " + (bounds.most ? within : "of " + within);
  };
  return {parse, [](const Duration& value) { return "\"" + printed(value) + "\""; }, problem,
          within};
}

/// One section. Each call adds a setting to the list; `value` must outlive that, and `meaning` and
/// `alias` are literals.
class Group {
 public:
  /// Adds to `settings`, which outlive it.
  Group(std::vector<Setting>& settings, std::string_view section)
      : settings_(settings), section_(section) {}

  void text(std::string_view key, std::string& value, std::string_view meaning,
            std::string_view alias = {}, Rule<std::string> rule = nullptr);
  void list(std::string_view key, std::vector<std::string>& value, std::string_view meaning,
            std::string_view alias, Rule<std::vector<std::string>> rule);
  void flag(std::string_view key, bool& value, std::string_view meaning);
  void policy(std::string_view key, OutagePolicy& value, std::string_view meaning);
  template <std::unsigned_integral T>
  void number(std::string_view key, T& value, Numbers bounds, std::string_view meaning,
              std::string_view alias = {});
  template <class Rep, class Period>
  void duration(
      std::string_view key, std::chrono::duration<Rep, Period>& value, std::string_view meaning,
      const std::type_identity_t<Durations<std::chrono::duration<Rep, Period>>>& bounds = {});
  /// Also `off`.
  void duration(std::string_view key, std::optional<std::chrono::seconds>& value,
                std::string_view meaning);

 private:
  template <class T>
  void add(std::string_view key, T& value, std::string_view meaning, std::string_view alias,
           Kind<T> kind);

  std::vector<Setting>& settings_;
  std::string_view section_;
};

template <class T>
void Group::add(std::string_view key, T& value, std::string_view meaning, std::string_view alias,
                Kind<T> kind) {
  Setting setting{section_, key, meaning, alias, kind.bounds};
  setting.read = [&value, kind](const std::string& text) -> Result<void, std::string> {
    auto parsed = kind.parse(text);
    if (!parsed) return Unexpected{parsed.error()};
    if (auto problem = kind.problem(*parsed)) return Unexpected{*std::move(problem)};
    value = std::move(parsed).value();
    return {};
  };
  setting.toml = [&value, print = kind.print] { return print(value); };
  setting.problem = [&value, problem = kind.problem] { return problem(value); };
  settings_.push_back(std::move(setting));
}

template <std::unsigned_integral T>
void Group::number(std::string_view key, T& value, Numbers bounds, std::string_view meaning,
                   std::string_view alias) {
  const auto parse = [bounds](const std::string& text) -> Result<T, std::string> {
    const auto number = number_of(text, bounds);
    if (!number) return Unexpected{number.error()};
    return static_cast<T>(number.value());
  };
  const auto print = [](const T& number) { return std::to_string(number); };
  const auto problem = [bounds](const T& number) -> std::optional<std::string> {
    if (number >= bounds.least && number <= bounds.most) return std::nullopt;
    return "must be a whole number " + phrase(bounds);
  };
  add<T>(key, value, meaning, alias, {parse, print, problem, phrase(bounds)});
}

template <class Rep, class Period>
void Group::duration(
    std::string_view key, std::chrono::duration<Rep, Period>& value, std::string_view meaning,
    const std::type_identity_t<Durations<std::chrono::duration<Rep, Period>>>& bounds) {
  add(key, value, meaning, {}, duration_kind(bounds));
}

}  // namespace crier::settings

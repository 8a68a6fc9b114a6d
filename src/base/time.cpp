#include "base/time.hpp"

#include <array>
#include <cstdio>
#include <utility>

namespace crier {
namespace {

/// Quotient and remainder, the remainder being 0 … divisor - 1.
constexpr std::pair<std::int64_t, std::int64_t> floor_divide(std::int64_t value,
                                                             std::int64_t divisor) {
  const std::int64_t remainder = value % divisor;
  return remainder < 0 ? std::pair(value / divisor - 1, remainder + divisor)
                       : std::pair(value / divisor, remainder);
}

}  // namespace

std::string iso8601(std::int64_t milliseconds) {
  using namespace std::chrono;
  const auto [day, time_of_day] = floor_divide(milliseconds, 86'400'000);
  const hh_mm_ss time{std::chrono::milliseconds(time_of_day)};

  // std::chrono's calendar ends at the year 32767; it repeats every 400 years, of 146,097 days.
  const auto [cycles, day_of_cycle] = floor_divide(day, 146'097);
  const year_month_day date{sys_days(days(day_of_cycle))};
  const std::int64_t year = int{date.year()} + 400 * cycles;

  std::array<char, 64> text{};
  const char* const format = year < 0      ? "-%06lld-%02u-%02uT%02d:%02d:%02d.%03dZ"
                             : year > 9999 ? "+%06lld-%02u-%02uT%02d:%02d:%02d.%03dZ"
                                           : "%04lld-%02u-%02uT%02d:%02d:%02d.%03dZ";
  const int size = std::snprintf(
      text.data(), text.size(), format, static_cast<long long>(year < 0 ? -year : year),
      unsigned{date.month()}, unsigned{date.day()}, static_cast<int>(time.hours().count()),
      static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
      static_cast<int>(time.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace crier

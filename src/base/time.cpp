#include "base/time.hpp"

#include <array>
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

/// At least `digits` of them.
void append_digits(std::string& text, std::uint64_t number, std::size_t digits) {
  std::array<char, 20> reversed;
  std::size_t count = 0;
  for (; number > 0 || count < digits; number /= 10) {
    reversed[count++] = static_cast<char>('0' + number % 10);
  }
  while (count > 0) text += reversed[--count];
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

  const bool far = year < 0 || year > 9999;
  std::string text = !far ? "" : year < 0 ? "-" : "+";
  append_digits(text, static_cast<std::uint64_t>(year < 0 ? -year : year), far ? 6 : 4);
  append_digits(text += '-', unsigned{date.month()}, 2);
  append_digits(text += '-', unsigned{date.day()}, 2);
  append_digits(text += 'T', static_cast<std::uint64_t>(time.hours().count()), 2);
  append_digits(text += ':', static_cast<std::uint64_t>(time.minutes().count()), 2);
  append_digits(text += ':', static_cast<std::uint64_t>(time.seconds().count()), 2);
  append_digits(text += '.', static_cast<std::uint64_t>(time.subseconds().count()), 3);
  return text += 'Z';
}

}  // namespace crier

// Writes and reads times as text.

#include "base/time.hpp"

#include <algorithm>
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

/// Appends at least `digits` digits.
void append_digits(std::string& text, std::uint64_t number, std::size_t digits) {
  std::array<char, 20> reversed;
  std::size_t count = 0;
  for (; number > 0 || count < digits; number /= 10) {
    reversed[count++] = static_cast<char>('0' + number % 10);
  }
  while (count > 0) text += reversed[--count];
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Reads a text from its front.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  /// Takes the next character if it is one of `any`.
  std::optional<char> one_of(std::string_view any) {
    if (rest_.empty() || any.find(rest_.front()) == std::string_view::npos) return {};
    const char found = rest_.front();
    rest_.remove_prefix(1);
    return found;
  }

  /// Takes exactly `count` digits, at most 9.
  std::optional<int> number(std::size_t count) {
    const auto digits = rest_.substr(0, count);
    if (digits.size() < count || !std::ranges::all_of(digits, is_digit)) return {};
    rest_.remove_prefix(count);
    int value = 0;
    for (const char c : digits) value = value * 10 + (c - '0');
    return value;
  }

  /// Takes all digits that follow; the first six of them, as millionths.
  std::optional<int> millionths() {
    const auto* const end = std::ranges::find_if_not(rest_, is_digit);
    std::string digits(rest_.begin(), end);
    if (digits.empty()) return {};
    rest_.remove_prefix(digits.size());
    digits.resize(6, '0');
    return Scanner(digits).number(6);
  }

 private:
  std::string_view rest_;
};

std::optional<std::chrono::sys_days> scan_date(Scanner& text) {
  using namespace std::chrono;
  const auto year_number = text.number(4);
  if (!year_number || !text.one_of("-")) return {};
  const auto month_number = text.number(2);
  if (!month_number || !text.one_of("-")) return {};
  const auto day_number = text.number(2);
  if (!day_number) return {};
  const year_month_day date{year(*year_number), month(static_cast<unsigned>(*month_number)),
                            day(static_cast<unsigned>(*day_number))};
  if (!date.ok()) return {};
  return sys_days(date);
}

/// Reads `hh:mm`, `hh:mm:ss` or `hh:mm:ss.f`.
std::optional<Duration> scan_time_of_day(Scanner& text) {
  using namespace std::chrono;
  const auto hour = text.number(2);
  if (!hour || *hour > 23 || !text.one_of(":")) return {};
  const auto minute = text.number(2);
  if (!minute || *minute > 59) return {};
  Duration time = hours(*hour) + minutes(*minute);
  if (!text.one_of(":")) return time;
  const auto second = text.number(2);
  if (!second || *second > 59) return {};
  time += seconds(*second);
  if (!text.one_of(".,")) return time;
  const auto fraction = text.millionths();
  if (!fraction) return {};
  return time + Duration(*fraction);
}

/// Reads `Z`, `+hh:mm`, `+hhmm` or `+hh`; returns the offset to subtract.
std::optional<Duration> scan_zone(Scanner& text) {
  using namespace std::chrono;
  if (text.one_of("Zz")) return Duration(0);
  const auto sign = text.one_of("+-");
  if (!sign) return {};
  const auto hour = text.number(2);
  if (!hour || *hour > 23) return {};
  Duration zone = hours(*hour);
  if (text.one_of(":") || !text.at_end()) {
    const auto minute = text.number(2);
    if (!minute || *minute > 59) return {};
    zone += minutes(*minute);
  }
  return *sign == '-' ? -zone : zone;
}

std::optional<WallTime> parse_iso8601(std::string_view written) {
  Scanner text(written);
  const auto date = scan_date(text);
  if (!date) return {};
  Duration time = date->time_since_epoch();
  if (text.at_end()) return time.count();
  if (!text.one_of("Tt ")) return {};
  const auto time_of_day = scan_time_of_day(text);
  if (!time_of_day) return {};
  const auto zone = scan_zone(text);
  if (!zone || !text.at_end()) return {};
  return (time + *time_of_day - *zone).count();
}

}  // namespace

std::optional<WallTime> parse_time(std::string_view text) {
  constexpr std::size_t digits_max = 15;  // so that their microseconds fit too
  if (text.empty() || !std::ranges::all_of(text, is_digit)) return parse_iso8601(text);
  if (text.size() > digits_max) return {};
  WallTime milliseconds = 0;
  for (const char c : text) milliseconds = milliseconds * 10 + (c - '0');
  return milliseconds * 1000;
}

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

// Implements the JSON scanner, and the look-ups and conversions on scanned text.

#include "base/json_text.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <bitset>
#include <charconv>
#include <cstring>
#include <deque>
#include <limits>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace crier::json {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_plain(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; }

constexpr std::size_t few_members = 8;  // most objects have no more

constexpr std::uint64_t repeat(unsigned byte) { return 0x0101010101010101U * byte; }

/// The high bit of every byte of `word` that is below `bound` (≤ 0x80). Bytes after the first hit
/// may be reported wrongly.
constexpr std::uint64_t below(std::uint64_t word, unsigned bound) {
  return (word - repeat(bound)) & ~word & repeat(0x80);
}

/// The first character of [at, end) that is special inside a string literal.
const char* skip_plain(const char* at, const char* end) {
#ifdef __SSE2__
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
    const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    const auto hits = static_cast<unsigned>(
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control)));
    if (hits != 0) return at + std::countr_zero(hits);
  }
#endif
  if constexpr (std::endian::native == std::endian::little) {
    for (std::uint64_t word = 0; end - at >= 8; at += 8) {
      std::memcpy(&word, at, sizeof word);
      const std::uint64_t hits =
          below(word, 0x20) | below(word ^ repeat('"'), 1) | below(word ^ repeat('\\'), 1);
      if (hits != 0) return at + std::countr_zero(hits) / 8;
    }
  }
  while (at != end && is_plain(*at)) ++at;
  return at;
}

std::optional<unsigned> hex4(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(0, 4)) {
    const char lower = static_cast<char>(c | 0x20);
    if (is_digit(c)) {
      value = value * 16 + static_cast<unsigned>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + static_cast<unsigned>(lower - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return value;
}

struct IgnoreKeys {
  void open() {}
  void key(std::string_view) {}
  void close() {}
};

class Scanner {
 public:
  explicit Scanner(std::string_view text)
      : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()) {}

  [[nodiscard]] std::size_t position() const { return static_cast<std::size_t>(at_ - begin_); }
  [[nodiscard]] std::string_view since(std::size_t position) const {
    return {begin_ + position, at_};
  }

  void skip_whitespace() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }

  [[nodiscard]] bool sees(char c) const { return at_ != end_ && *at_ == c; }

  bool take(char c) {
    if (!sees(c)) return false;
    ++at_;
    return true;
  }

  /// Whether nothing but whitespace is left.
  bool finish() {
    skip_whitespace();
    return at_ == end_;
  }

  bool string() {
    if (!take('"')) return false;
    for (;;) {
      at_ = skip_plain(at_, end_);
      if (take('"')) return true;
      if (!take('\\') || !escape()) return false;
    }
  }

  /// Scans one value, leading whitespace included. Iterative: its use of the stack does not grow
  /// with the nesting. Notifies `keys` of the start of every object, its keys (quotes included) and
  /// its end.
  template <class Keys>
  std::optional<Fault> value(std::size_t depth_bound, Keys& keys) {
    std::bitset<depth_max> is_object;
    std::size_t depth = 0;
    do {
      skip_whitespace();
      if (sees('{') || sees('[')) {
        if (depth == depth_bound) return Fault::too_deep;
        const bool object = *at_++ == '{';
        is_object[depth++] = object;
        if (object) keys.open();
        skip_whitespace();
        if (!sees(object ? '}' : ']')) {
          if (object && !key(keys)) return Fault::not_json;
          continue;
        }
      } else if (!scalar()) {
        return Fault::not_json;
      }
      if (!after_value(is_object, depth, keys)) return Fault::not_json;
    } while (depth > 0);
    return std::nullopt;
  }

 private:
  /// Closes all containers that end here, up to the next value or the end of the text.
  template <class Keys>
  bool after_value(const std::bitset<depth_max>& is_object, std::size_t& depth, Keys& keys) {
    while (depth > 0) {
      const bool object = is_object[depth - 1];
      skip_whitespace();
      if (take(',')) {
        skip_whitespace();
        return !object || key(keys);
      }
      if (!take(object ? '}' : ']')) return false;
      if (object) keys.close();
      --depth;
    }
    return true;
  }

  template <class Keys>
  bool key(Keys& keys) {
    const std::size_t start = position();
    if (!string()) return false;
    keys.key(since(start));
    skip_whitespace();
    return take(':');
  }

  bool scalar() {
    if (at_ == end_) return false;
    switch (*at_) {
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  bool word(std::string_view expected) {
    if (!std::string_view(at_, end_).starts_with(expected)) return false;
    at_ += expected.size();
    return true;
  }

  bool digits() {
    const char* const start = at_;
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return at_ != start;
  }

  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (!take('e') && !take('E')) return true;
    if (!take('+')) take('-');
    return digits();
  }

  /// Scans an escape after its backslash.
  bool escape() {
    if (at_ == end_) return false;
    const char c = *at_++;
    if (c != 'u') return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
    if (!hex4({at_, end_})) return false;
    at_ += 4;
    return true;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
};

bool is_high_surrogate(unsigned unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low_surrogate(unsigned unit) { return unit >= 0xDC00 && unit < 0xE000; }

void append_utf8(std::string& out, unsigned code_point) {
  const auto continuation = [&](unsigned shift) {
    out += static_cast<char>(0x80U | (code_point >> shift & 0x3FU));
  };
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    out += static_cast<char>(0xC0U | code_point >> 6U);
    continuation(0);
  } else if (code_point < 0x10000) {
    out += static_cast<char>(0xE0U | code_point >> 12U);
    continuation(6);
    continuation(0);
  } else {
    out += static_cast<char>(0xF0U | code_point >> 18U);
    continuation(12);
    continuation(6);
    continuation(0);
  }
}

/// The code point of the \u escape whose digits `rest` starts with; takes it, and the second half
/// of a pair, off `rest`.
unsigned take_code_point(std::string_view& rest) {
  const unsigned first = hex4(rest).value_or(0);
  rest.remove_prefix(4);
  if (!is_high_surrogate(first) || !rest.starts_with("\\u")) return first;
  const unsigned second = hex4(rest.substr(2)).value_or(0);
  if (!is_low_surrogate(second)) return first;
  rest.remove_prefix(6);
  return 0x10000 + ((first - 0xD800) << 10U) + (second - 0xDC00);
}

char unescaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

/// How a lone surrogate is written: as U+FFFD for display; as itself, in the manner of WTF-8, where
/// two keys are compared, because JSON.parse distinguishes them.
enum class Surrogates : std::uint8_t { replace, keep };

/// The text of a valid literal.
std::string unescape(std::string_view literal, Surrogates surrogates) {
  std::string_view rest = literal.substr(1, literal.size() - 2);
  std::string out;
  out.reserve(rest.size());
  while (!rest.empty()) {
    const std::size_t plain = std::min(rest.find('\\'), rest.size());
    out += rest.substr(0, plain);
    rest.remove_prefix(plain);
    if (rest.empty()) break;
    const char c = rest[1];
    rest.remove_prefix(2);
    if (c != 'u') {
      out += unescaped(c);
      continue;
    }
    const unsigned code_point = take_code_point(rest);
    const bool lone = is_high_surrogate(code_point) || is_low_surrogate(code_point);
    append_utf8(out, lone && surrogates == Surrogates::replace ? 0xFFFD : code_point);
  }
  return out;
}

/// Notes whether an object has two keys of one name. Sorting the keys of an object when it ends
/// bounds the cost whatever the keys are.
class UniqueKeys {
 public:
  void open() { starts_.push_back(keys_.size()); }

  void key(std::string_view literal) {
    if (literal.find('\\') == std::string_view::npos) {
      keys_.push_back(literal.substr(1, literal.size() - 2));
    } else {
      keys_.push_back(unescaped_.emplace_back(unescape(literal, Surrogates::keep)));
    }
  }

  void close() {
    const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(starts_.back());
    std::sort(first, keys_.end());
    if (std::adjacent_find(first, keys_.end()) != keys_.end()) duplicate_ = true;
    keys_.erase(first, keys_.end());
    starts_.pop_back();
  }

  [[nodiscard]] bool duplicate() const { return duplicate_; }

 private:
  std::vector<std::string_view> keys_;  // the keys of all open objects, outermost first
  std::vector<std::size_t> starts_;     // where in keys_ each of them begins
  std::deque<std::string> unescaped_;   // keys that had escapes; a deque keeps their addresses
  bool duplicate_ = false;
};

/// Calls `visit` with each member of the object `text`; false if it is no valid object.
template <class Visit>
bool for_each_member(std::string_view text, std::size_t depth, Visit visit) {
  CRIER_ASSERT(depth <= depth_max);
  Scanner scanner(text);
  IgnoreKeys ignore;
  scanner.skip_whitespace();
  if (depth == 0 || !scanner.take('{')) return false;
  scanner.skip_whitespace();
  if (scanner.take('}')) return scanner.finish();
  do {
    Member member;
    scanner.skip_whitespace();
    std::size_t start = scanner.position();
    if (!scanner.string()) return false;
    member.key = scanner.since(start);
    scanner.skip_whitespace();
    if (!scanner.take(':')) return false;
    scanner.skip_whitespace();
    start = scanner.position();
    if (scanner.value(depth - 1, ignore)) return false;
    member.value = scanner.since(start);
    visit(member);
    scanner.skip_whitespace();
  } while (scanner.take(','));
  return scanner.take('}') && scanner.finish();
}

bool is_named(const Member& member, std::string_view key) {
  const bool escaped = member.key.find('\\') != std::string_view::npos;
  return escaped ? unescape(member.key, Surrogates::keep) == key
                 : member.key.substr(1, member.key.size() - 2) == key;
}

/// Whether the first digit of a number that no double holds counts ones or more: then the number
/// is too large, else too close to zero.
bool is_above_one(std::string_view digits) {
  const std::size_t mantissa_end = std::min(digits.find_first_of("eE"), digits.size());
  const std::string_view mantissa = digits.substr(0, mantissa_end);
  const auto first = static_cast<std::int64_t>(mantissa.find_first_of("123456789"));
  const auto point = static_cast<std::int64_t>(std::min(mantissa.find('.'), mantissa.size()));
  std::string_view power = digits.substr(mantissa_end);
  if (!power.empty()) power.remove_prefix(1);
  if (power.starts_with('+')) power.remove_prefix(1);
  std::int64_t exponent = 0;
  const auto [end, error] = std::from_chars(power.data(), power.data() + power.size(), exponent);
  if (error == std::errc::result_out_of_range) return !power.starts_with('-');
  return exponent + point - first > 0;
}

}  // namespace

std::optional<std::size_t> scan_value(std::string_view text, std::size_t depth) {
  CRIER_ASSERT(depth <= depth_max);
  Scanner scanner(text);
  IgnoreKeys ignore;
  if (scanner.value(depth, ignore)) return std::nullopt;
  return scanner.position();
}

bool is_valid(std::string_view text, std::size_t depth) {
  CRIER_ASSERT(depth <= depth_max);
  Scanner scanner(text);
  IgnoreKeys ignore;
  return !scanner.value(depth, ignore) && scanner.finish();
}

Result<void, Fault> check_strictly(std::string_view text, std::size_t depth) {
  CRIER_ASSERT(depth <= depth_max);
  Scanner scanner(text);
  UniqueKeys keys;
  if (const auto fault = scanner.value(depth, keys)) return Unexpected{*fault};
  if (!scanner.finish()) return Unexpected{Fault::not_json};
  if (keys.duplicate()) return Unexpected{Fault::duplicate_key};
  return {};
}

std::optional<std::vector<std::string_view>> elements(std::string_view text, std::size_t depth) {
  CRIER_ASSERT(depth <= depth_max);
  Scanner scanner(text);
  IgnoreKeys ignore;
  std::vector<std::string_view> found;
  scanner.skip_whitespace();
  if (depth == 0 || !scanner.take('[')) return std::nullopt;
  scanner.skip_whitespace();
  if (!scanner.take(']')) {
    do {
      scanner.skip_whitespace();
      const std::size_t start = scanner.position();
      if (scanner.value(depth - 1, ignore)) return std::nullopt;
      found.push_back(scanner.since(start));
      scanner.skip_whitespace();
    } while (scanner.take(','));
    if (!scanner.take(']')) return std::nullopt;
  }
  if (!scanner.finish()) return std::nullopt;
  return found;
}

std::optional<std::vector<Member>> members(std::string_view text, std::size_t depth) {
  std::vector<Member> found;
  found.reserve(few_members);
  if (!for_each_member(text, depth, [&](const Member& member) { found.push_back(member); })) {
    return std::nullopt;
  }
  return found;
}

std::optional<std::string_view> find(const std::vector<Member>& members, std::string_view key) {
  for (auto at = members.rbegin(); at != members.rend(); ++at) {
    if (is_named(*at, key)) return at->value;
  }
  return std::nullopt;
}

std::optional<std::string_view> member(std::string_view object, std::string_view key) {
  std::optional<std::string_view> found;
  const bool valid = for_each_member(object, depth_max, [&](const Member& member) {
    if (is_named(member, key)) found = member.value;
  });
  return valid ? found : std::nullopt;
}

std::optional<std::string> unquote(std::string_view literal) {
  Scanner scanner(literal);
  if (!scanner.string() || scanner.position() != literal.size()) return std::nullopt;
  return unescape(literal, Surrogates::replace);
}

std::optional<double> number(std::string_view literal) {
  const bool negative = literal.starts_with('-');
  const std::string_view digits = literal.substr(negative ? 1 : 0);
  if (digits.empty() || !is_digit(digits.front()) || scan_value(literal) != literal.size()) {
    return std::nullopt;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) {
    value = is_above_one(digits) ? std::numeric_limits<double>::infinity() : 0;
  }
  return negative ? -value : value;
}

std::string quote(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  constexpr std::string_view with_letter = "\b\f\n\r\t\"\\";
  constexpr std::string_view letters = "bfnrt\"\\";
  const char* at = text.data();
  const char* const end = at + text.size();
  std::string literal = "\"";
  literal.reserve(text.size() + 2);
  for (;;) {
    const char* const special = skip_plain(at, end);
    literal.append(at, special);
    if (special == end) break;
    const std::size_t letter = with_letter.find(*special);
    literal += '\\';
    if (letter != std::string_view::npos) {
      literal += letters[letter];
    } else {
      const auto code = static_cast<unsigned char>(*special);
      literal += "u00";
      literal += hex[code >> 4U];
      literal += hex[code & 15U];
    }
    at = special + 1;
  }
  literal += '"';
  return literal;
}

}  // namespace crier::json

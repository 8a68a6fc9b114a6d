// Implements the request parser: Boost.Beast parses the head, the rest is done here.

#include "http/parser.hpp"

#include "base/assert.hpp"
#include "base/encoding.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <optional>
#include <utility>

namespace crier::http {

namespace {

namespace beast = boost::beast;

constexpr std::string_view crlf = "\r\n";

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool equal_without_case(std::string_view text, std::string_view lower_case) {
  return std::ranges::equal(text, lower_case, {}, lower);
}

bool digit(char c) { return c >= '0' && c <= '9'; }

// RFC 9110 section 5.6.2.
bool is_token_char(char c) {
  const char l = lower(c);
  return (l >= 'a' && l <= 'z') || digit(c) ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7F;
}

// Fields that a request may have only once. If there were two, one reader would use the first and
// another the last, so a proxy and a gateway could see different requests. Host and Content-Length
// are checked for more than that.
constexpr std::array<std::string_view, 7> single_fields{
    "authorization",        "content-type",   "origin",
    "sec-websocket-key",    "sec-fetch-site", "access-control-request-method",
    "sec-websocket-version"};

Method method_of(beast::http::verb verb) {
  switch (verb) {
    case beast::http::verb::get:
      return Method::get;
    case beast::http::verb::head:
      return Method::head;
    case beast::http::verb::post:
      return Method::post;
    case beast::http::verb::put:
      return Method::put;
    case beast::http::verb::patch:
      return Method::patch;
    case beast::http::verb::delete_:
      return Method::del;
    case beast::http::verb::options:
      return Method::options;
    default:
      return Method::other;
  }
}

// Beast knows the grammar of the head. This class refuses what Beast accepts and Crier does not;
// section numbers are RFC 9112's.
class HeadParser final : public beast::http::basic_parser<true> {
 public:
  explicit HeadParser(Request& request) : request_(request) {}

  /// Returns 0, or the status to refuse `head` with. `head` must be one whole head, empty line
  /// included.
  int parse(std::string_view head) {
    header_limit(UINT32_MAX);
    body_limit(boost::none);
    boost::system::error_code error;
    put(boost::asio::const_buffer(head.data(), head.size()), error);
    if (error == beast::http::error::bad_version) return version_status(head);
    if (error) return refusal_ != 0 ? refusal_ : 400;
    if (request_.version_minor > 0 && !has_host_) return 400;  // 3.2
    request_.keep_alive = keep_alive();
    return 0;
  }

 private:
  static int version_status(std::string_view head) {
    const std::string_view line = head.substr(0, head.find('\r'));
    const std::string_view version = line.substr(line.find(' ', line.find(' ') + 1) + 1);
    return version.size() == 8 && version.starts_with("HTTP/") && digit(version[5]) &&
                   version[6] == '.' && digit(version[7])
               ? 505
               : 400;
  }

  void refuse(int status, boost::system::error_code& error) {
    refusal_ = status;
    error = beast::http::error::bad_value;
  }

  void on_request_impl(beast::http::verb verb, beast::string_view, beast::string_view target,
                       int version, boost::system::error_code& error) override {
    if (!is_utf8(view(target))) return refuse(400, error);
    request_.method = method_of(verb);
    request_.target = view(target);
    request_.version_minor = version % 10;
  }

  void on_field_impl(beast::http::field field, beast::string_view name, beast::string_view value,
                     boost::system::error_code& error) override {
    if (const int status = check(field, view(value)); status != 0) return refuse(status, error);
    std::string lower_name(view(name));
    std::ranges::transform(lower_name, lower_name.begin(), lower);
    if (repeats(lower_name)) return refuse(400, error);
    request_.headers.emplace_back(std::move(lower_name), view(value));
  }

  /// Whether a field that a request may have only once is repeated.
  bool repeats(std::string_view lower_name) {
    const auto* const found = std::ranges::find(single_fields, lower_name);
    if (found == single_fields.end()) return false;
    const auto index = static_cast<std::size_t>(found - single_fields.begin());
    const bool again = seen_.test(index);
    seen_.set(index);
    return again;
  }

  int check(beast::http::field field, std::string_view value) {
    switch (field) {
      case beast::http::field::host:
        return check_host(value);
      case beast::http::field::content_length:
        return check_length(value);
      case beast::http::field::transfer_encoding:  // 6.1: Beast accepts codings it does not know
        if (request_.version_minor == 0) return 400;
        return equal_without_case(value, "chunked") ? 0 : 501;
      case beast::http::field::expect:  // RFC 9110 section 10.1.1
        if (request_.version_minor > 0 && equal_without_case(value, "100-continue")) {
          request_.expects_continue = true;
        }
        return 0;
      default:
        return 0;
    }
  }

  // Section 3.2.
  int check_host(std::string_view value) {
    const bool is_bare = value.find_first_of(" \t,/\\@?#") == std::string_view::npos;
    return is_bare && !std::exchange(has_host_, true) ? 0 : 400;
  }

  // Section 6.3: Beast accepts lists and repetitions.
  int check_length(std::string_view value) {
    const bool is_number = std::ranges::all_of(value, digit);
    return is_number && !std::exchange(has_length_, true) ? 0 : 400;
  }

  // Beast never gets the body.
  void on_header_impl(boost::system::error_code&) override {}
  void on_response_impl(int, beast::string_view, int, boost::system::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&,
                         boost::system::error_code&) override {}
  std::size_t on_body_impl(beast::string_view, boost::system::error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view,
                            boost::system::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view,
                                 boost::system::error_code&) override {
    return 0;
  }
  void on_finish_impl(boost::system::error_code&) override {}

  Request& request_;
  int refusal_ = 0;
  bool has_host_ = false;
  bool has_length_ = false;
  std::bitset<single_fields.size()> seen_;
};

}  // namespace

struct Parser::State {
  enum class Phase : std::uint8_t {
    head,
    sized_body,
    chunk_size,
    chunk_data,
    chunk_end,
    trailers,
    complete,
    failed
  };

  explicit State(const Limits& wanted) : limits(wanted), body_bytes_max(wanted.body_bytes_max) {}

  Progress fail(int why) {
    status = why;
    phase = Phase::failed;
    return Progress::failed;
  }

  [[nodiscard]] bool has_ended() const {
    return phase == Phase::complete || phase == Phase::failed;
  }
  void receive_body(std::string_view& input);
  Progress receive_head(std::string_view& input);
  std::optional<std::size_t> find_head_end(std::string_view head);
  bool end_line(std::string_view line);
  Progress read_head(std::string_view head);
  void receive_sized_body(std::string_view& input);
  void receive_chunk_data(std::string_view& input);
  void receive_line(std::string_view& input);
  std::optional<std::string_view> take_line(std::string_view& input, std::size_t bytes_max);
  void read_chunk_size(std::string_view line);
  void read_trailer(std::string_view line);
  void count_framing(std::size_t bytes);

  Limits limits;
  Request request;
  std::size_t body_bytes_max;
  std::uint64_t body_left = 0;    ///< Rest of a body with Content-Length, or of a chunk.
  std::size_t framing_bytes = 0;  ///< Bytes of chunk extensions and trailers so far.
  std::string pending;            ///< An incomplete head or line.
  std::size_t head_begin = 0;     ///< Start of the head, after the empty line that may precede a
                                  ///< request.
  std::size_t line_begin = 0;     ///< Start of the head's current line.
  std::size_t scanned = 0;        ///< Bytes of the head that have been scanned.
  std::size_t lines = 0;          ///< Complete lines of the head or of the trailers.
  int status = 0;
  Phase phase = Phase::head;
};

// Bytes are copied only if the head is not whole in the first piece.
Progress Parser::State::receive_head(std::string_view& input) {
  const std::size_t kept = pending.size();
  std::string_view head = input.substr(0, limits.header_bytes_max - kept);
  if (kept > 0) head = pending.append(head);

  const std::optional<std::size_t> end = find_head_end(head);
  if (phase == Phase::failed) return Progress::failed;
  if (!end) {
    if (head.size() >= limits.header_bytes_max) return fail(431);
    if (kept == 0) pending = head;
    input = {};
    return Progress::more;
  }
  const Progress progress = read_head(head.substr(head_begin, *end - head_begin));
  input.remove_prefix(*end - kept);
  pending = {};
  return progress;
}

// Scans line by line, so that a head that is too long or malformed is refused before the rest
// arrives.
inline std::optional<std::size_t> Parser::State::find_head_end(std::string_view head) {
  while (phase != Phase::failed) {
    const std::size_t feed = head.find('\n', scanned);
    if (feed == std::string_view::npos) {
      scanned = head.size();
      return std::nullopt;
    }
    scanned = feed + 1;
    const bool is_last = end_line(head.substr(line_begin, scanned - line_begin));
    line_begin = scanned;
    if (is_last) return scanned;
  }
  return std::nullopt;
}

// Checks a line of the head. True: it was the last. Functions with one caller are inline here: a
// request otherwise takes 5 % longer to read.
inline bool Parser::State::end_line(std::string_view line) {
  const bool folded = lines > 0 && (line.front() == ' ' || line.front() == '\t');  // 5.2
  if (!line.ends_with(crlf) || folded) {
    fail(400);
  } else if (line != crlf) {
    if (lines++ > limits.headers_max) fail(431);
  } else if (lines > 0) {
    return true;
  } else if (head_begin == 0) {  // 2.2: a server ignores an empty line before the request
    head_begin = scanned;
  } else {
    fail(400);
  }
  return false;
}

inline Progress Parser::State::read_head(std::string_view head) {
  request.headers.reserve(lines - 1);
  HeadParser parser(request);
  if (const int refusal = parser.parse(head); refusal != 0) return fail(refusal);
  lines = 0;
  if (parser.chunked()) {
    phase = Phase::chunk_size;
  } else {
    body_left = parser.content_length().value_or(0);
    phase = Phase::sized_body;
  }
  return Progress::head;
}

// Reads the next part of the request after its head.
inline void Parser::State::receive_body(std::string_view& input) {
  if (phase == Phase::sized_body) return receive_sized_body(input);
  if (phase != Phase::chunk_data) return receive_line(input);
  receive_chunk_data(input);
  if (body_left == 0) phase = Phase::chunk_end;
}

void Parser::State::receive_sized_body(std::string_view& input) {
  if (request.body.size() + body_left > body_bytes_max) {
    fail(413);
    return;
  }
  receive_chunk_data(input);
  if (body_left == 0) phase = Phase::complete;
}

void Parser::State::receive_chunk_data(std::string_view& input) {
  const std::string_view piece = input.substr(0, std::min<std::uint64_t>(body_left, input.size()));
  request.body.append(piece);
  body_left -= piece.size();
  input.remove_prefix(piece.size());
}

// Reads a line of the chunked coding (RFC 9112 section 7.1): everything except the data.
void Parser::State::receive_line(std::string_view& input) {
  constexpr std::size_t size_digits_max = 16;
  const std::size_t bytes_max =
      phase == Phase::chunk_end
          ? crlf.size()
          : limits.header_bytes_max - framing_bytes + size_digits_max + crlf.size();
  const std::optional<std::string_view> whole = take_line(input, bytes_max);
  if (!whole) return;
  const std::string_view line = whole->substr(0, whole->size() - crlf.size());
  if (!whole->ends_with(crlf) || std::ranges::any_of(line, is_control)) {
    fail(400);
  } else if (phase == Phase::chunk_end) {
    phase = Phase::chunk_size;
  } else if (phase == Phase::chunk_size) {
    read_chunk_size(line);
  } else {
    read_trailer(line);
  }
}

// Returns a complete line; the view is valid until the next call.
std::optional<std::string_view> Parser::State::take_line(std::string_view& input,
                                                         std::size_t bytes_max) {
  if (pending.ends_with('\n')) pending.clear();
  const std::size_t feed = input.find('\n');
  const std::string_view piece = input.substr(0, feed == std::string_view::npos ? feed : feed + 1);
  if (pending.size() + piece.size() > bytes_max) {
    fail(phase == Phase::chunk_end ? 400 : 431);
    return std::nullopt;
  }
  input.remove_prefix(piece.size());
  if (feed != std::string_view::npos && pending.empty()) return piece;
  pending.append(piece);
  if (feed == std::string_view::npos) {
    // Bytes that cannot become the end of a chunk are refused at once, without waiting for more.
    if (phase == Phase::chunk_end && !crlf.starts_with(pending)) fail(400);
    return std::nullopt;
  }
  return pending;
}

void Parser::State::read_chunk_size(std::string_view line) {
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), body_left, 16);
  const auto digits = static_cast<std::size_t>(end - line.data());
  const std::string_view extension = line.substr(digits);
  const std::size_t mark = extension.find_first_not_of(" \t");
  const bool extended = mark != std::string_view::npos && extension[mark] == ';';
  if (error != std::errc() || (!extension.empty() && !extended)) {
    fail(400);
    return;
  }
  count_framing(extension.size());
  if (phase == Phase::failed) return;
  if (body_left > body_bytes_max || request.body.size() > body_bytes_max - body_left) {
    fail(413);
    return;
  }
  phase = body_left == 0 ? Phase::trailers : Phase::chunk_data;
}

// Checks a trailer and drops it: Crier uses none (RFC 9110 section 6.5.1).
void Parser::State::read_trailer(std::string_view line) {
  if (line.empty()) {
    phase = Phase::complete;
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos ||
      !std::ranges::all_of(line.substr(0, colon), is_token_char)) {
    fail(400);
    return;
  }
  if (++lines > limits.headers_max) {
    fail(431);
    return;
  }
  count_framing(line.size() + crlf.size());
}

void Parser::State::count_framing(std::size_t bytes) {
  framing_bytes += bytes;
  if (framing_bytes > limits.header_bytes_max) fail(431);
}

Parser::Parser(const Limits& limits) : state_(std::make_unique<State>(limits)) {}
Parser::~Parser() = default;
Parser::Parser(Parser&&) noexcept = default;
Parser& Parser::operator=(Parser&&) noexcept = default;

Progress Parser::receive(std::string_view& input) {
  using Phase = State::Phase;
  CRIER_ASSERT(state_->phase != Phase::complete);
  if (state_->phase == Phase::head) {
    return input.empty() ? Progress::more : state_->receive_head(input);
  }
  // A body may be empty: it is complete without input.
  while (!state_->has_ended()) {
    state_->receive_body(input);
    if (input.empty() && !state_->has_ended()) return Progress::more;
  }
  return state_->phase == Phase::complete ? Progress::complete : Progress::failed;
}

void Parser::set_body_bytes_max(std::size_t bytes) { state_->body_bytes_max = bytes; }

Request& Parser::request() { return state_->request; }

int Parser::status() const { return state_->status; }

bool Parser::in_request() const {
  const bool before =
      state_->phase == State::Phase::head && state_->pending.size() <= state_->head_begin;
  return !before && state_->phase != State::Phase::complete;
}

void Parser::reset() { *state_ = State(state_->limits); }

}  // namespace crier::http

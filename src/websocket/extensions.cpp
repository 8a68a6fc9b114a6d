// Parses offers of permessage-deflate and chooses one.

#include "websocket/extensions.hpp"

#include "websocket/token.hpp"

#include <array>
#include <string>

namespace crier::websocket {

namespace {

constexpr std::string_view answer =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
constexpr std::string_view answer_with_window =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
    "server_max_window_bits=15";

/// Reads the header from its front (RFC 6455 section 9.1).
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) { skip_blanks(); }

  [[nodiscard]] bool at_end() const { return text_.empty(); }
  bool take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    skip_blanks();
    return true;
  }
  /// Takes a token; empty if there is none.
  std::string_view token() {
    const std::string_view token = text_.substr(0, token_size(text_));
    text_.remove_prefix(token.size());
    skip_blanks();
    return token;
  }
  /// Takes a token, plain or quoted; nothing if it is neither.
  std::optional<std::string> value() {
    if (!text_.starts_with('"')) {
      const std::string_view plain = token();
      return plain.empty() ? std::nullopt : std::optional<std::string>(plain);
    }
    text_.remove_prefix(1);
    std::string value;
    while (!text_.empty() && text_.front() != '"') {
      if (text_.front() == '\\') text_.remove_prefix(1);
      if (text_.empty()) break;
      value += text_.front();
      text_.remove_prefix(1);
    }
    if (!take('"') || value.empty() || token_size(value) != value.size()) return std::nullopt;
    return value;
  }

 private:
  void skip_blanks() {
    while (text_.starts_with(' ') || text_.starts_with('\t')) text_.remove_prefix(1);
  }
  std::string_view text_;
};

// Section 7.1.2: a number from 8 to 15 without a leading zero. Returns 0 for anything else.
int window_bits(const std::optional<std::string>& value) {
  if (!value) return 0;
  if (*value == "8" || *value == "9") return value->front() - '0';
  if (value->size() == 2 && value->front() == '1' && (*value)[1] >= '0' && (*value)[1] <= '5') {
    return 10 + ((*value)[1] - '0');
  }
  return 0;
}

/// One offer of permessage-deflate.
class Offer {
 public:
  // Section 7.1: an unknown, repeated or invalid parameter makes an offer unacceptable. So does a
  // smaller window for the server: a message is compressed once for all clients. The client's
  // window and its context takeover are its own choice.
  void parameter(std::string_view name, const std::optional<std::string>& value) {
    static constexpr std::array<std::string_view, 4> names{
        "server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits",
        "client_max_window_bits"};
    std::size_t index = 0;
    while (index < names.size() && names[index] != name) ++index;
    if (index == names.size() || seen_[index]) {
      acceptable_ = false;
      return;
    }
    seen_[index] = true;
    const bool good = index < 2    ? !value
                      : index == 2 ? window_bits(value) == 15
                                   : !value || window_bits(value) != 0;
    acceptable_ = acceptable_ && good;
  }
  [[nodiscard]] std::optional<std::string_view> accepted() const {
    if (!acceptable_) return std::nullopt;
    return seen_[2] ? answer_with_window : answer;
  }

 private:
  std::array<bool, 4> seen_{};
  bool acceptable_ = true;
};

}  // namespace

std::optional<std::string_view> accept_deflate(std::string_view offers) {
  Scanner scanner(offers);
  std::optional<std::string_view> accepted;
  do {
    const std::string_view extension = scanner.token();
    if (extension.empty()) return std::nullopt;
    Offer offer;
    while (scanner.take(';')) {
      const std::string_view name = scanner.token();
      if (name.empty()) return std::nullopt;
      std::optional<std::string> value;
      if (scanner.take('=')) {
        value = scanner.value();
        if (!value) return std::nullopt;
      }
      offer.parameter(name, value);
    }
    if (!accepted && extension == "permessage-deflate") accepted = offer.accepted();
  } while (scanner.take(','));
  return scanner.at_end() ? accepted : std::nullopt;
}

}  // namespace crier::websocket

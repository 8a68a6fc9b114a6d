#include "gateway/pid.hpp"

#include "base/assert.hpp"
#include "base/encoding.hpp"

#include <utility>

namespace crier::gateway {

namespace {

constexpr std::size_t code_bytes = 32;
constexpr char version = 1;

// Layout: version, user, sid, epoch, start, count, then program, generation, from for each; code.
// Texts are preceded by their length in two bytes; numbers take eight. All big-endian.

void put_number(std::string& out, std::uint64_t number, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(number >> static_cast<unsigned>(shift));
  }
}

void put_text(std::string& out, std::string_view text) {
  CRIER_ASSERT(text.size() <= 0xFFFF);
  put_number(out, text.size(), 2);
  out += text;
}

class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t number(std::size_t bytes) {
    std::uint64_t number = 0;
    for (const char byte : take(bytes)) number = (number << 8U) | static_cast<unsigned char>(byte);
    return number;
  }
  std::string text() { return std::string(take(number(2))); }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool whole() const { return ok_ && bytes_.empty(); }

 private:
  std::string_view take(std::size_t bytes) {
    if (bytes > bytes_.size()) {
      ok_ = false;
      return {};
    }
    const auto taken = bytes_.substr(0, bytes);
    bytes_.remove_prefix(bytes);
    return taken;
  }

  std::string_view bytes_;
  bool ok_ = true;
};

std::string derive(std::string_view secret) {
  return access::Hmac(access::Algorithm::hs256, secret).of("crier pid 1");
}

}  // namespace

PidSeal::PidSeal(std::string_view secret) : hmac_(access::Algorithm::hs256, derive(secret)) {}

std::string PidSeal::seal(const Pid& pid) const {
  std::string out(1, version);
  put_text(out, pid.user);
  put_text(out, pid.sid);
  put_text(out, pid.epoch);
  put_number(out, pid.start, 8);
  put_number(out, pid.programs.size(), 4);
  for (const auto& sealed : pid.programs) {
    put_text(out, sealed.program);
    put_number(out, sealed.generation, 8);
    put_number(out, sealed.from, 8);
  }
  out += hmac_.of(out);
  return base64url_encode(out);
}

std::optional<Pid> PidSeal::open(std::string_view text) const {
  if (text.size() > bytes_max) return std::nullopt;
  const auto bytes = base64url_decode(text);
  if (!bytes || bytes->size() <= code_bytes) return std::nullopt;
  const auto body = std::string_view(*bytes).substr(0, bytes->size() - code_bytes);
  const auto code = std::string_view(*bytes).substr(body.size());
  if (!equal_in_constant_time(hmac_.of(body), code)) return std::nullopt;
  Input input(body);
  if (input.number(1) != version) return std::nullopt;
  Pid pid;
  pid.user = input.text();
  pid.sid = input.text();
  pid.epoch = input.text();
  pid.start = input.number(8);
  const auto count = input.number(4);
  for (std::uint64_t i = 0; i < count && input.ok(); ++i) {
    Sealed sealed;
    sealed.program = input.text();
    sealed.generation = input.number(8);
    sealed.from = input.number(8);
    pid.programs.push_back(std::move(sealed));
  }
  if (!input.whole()) return std::nullopt;
  return pid;
}

}  // namespace crier::gateway

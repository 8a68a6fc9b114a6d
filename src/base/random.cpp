#include "base/random.hpp"

#include "base/assert.hpp"
#include "base/encoding.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <sys/random.h>

namespace crier {
namespace {

void fill_from_kernel(std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t count = ::getrandom(out.data(), out.size(), 0);
    CRIER_ASSERT(count >= 0 || errno == EINTR);
    if (count > 0) out = out.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace

Random::Random(std::optional<std::uint64_t> seed) {
  if (seed) seeded_.emplace(*seed);
}

Random Random::secure() { return Random(std::nullopt); }
Random Random::seeded(std::uint64_t seed) { return Random(seed); }

void Random::fill(std::span<std::byte> out) {
  if (!seeded_) return fill_from_kernel(out);
  while (!out.empty()) {
    const std::uint64_t drawn = (*seeded_)();
    const std::size_t count = std::min(out.size(), sizeof drawn);
    std::memcpy(out.data(), &drawn, count);
    out = out.subspan(count);
  }
}

std::uint64_t Random::number() {
  std::uint64_t drawn = 0;
  fill(std::as_writable_bytes(std::span(&drawn, 1)));
  return drawn;
}

std::string Random::id20() {
  std::array<char, 15> bytes{};
  fill(std::as_writable_bytes(std::span(bytes)));
  return base64url_encode({bytes.data(), bytes.size()});
}

}  // namespace crier

// Draws random bytes from the kernel in batches, or from a seeded generator.

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

/// The bytes of one call to the kernel, enough for several identifiers.
struct Random::Drawn {
  std::array<std::byte, 480> bytes;
  std::size_t given = sizeof bytes;
};

Random::~Random() = default;
Random::Random(Random&&) noexcept = default;
Random& Random::operator=(Random&&) noexcept = default;

// Bytes that have been returned are erased.
void Random::draw(std::span<std::byte> out) {
  if (!drawn_) drawn_ = std::make_unique<Drawn>();
  const std::span<std::byte> all(drawn_->bytes);
  if (out.size() > all.size()) return fill_from_kernel(out);
  if (out.size() > all.size() - drawn_->given) {
    fill_from_kernel(all);
    drawn_->given = 0;
  }
  const auto next = all.subspan(drawn_->given, out.size());
  std::ranges::copy(next, out.begin());
  std::ranges::fill(next, std::byte{0});
  drawn_->given += out.size();
}

Random::Random(std::optional<std::uint64_t> seed) {
  if (seed) seeded_.emplace(*seed);
}

Random Random::secure() { return Random(std::nullopt); }
Random Random::seeded(std::uint64_t seed) { return Random(seed); }

void Random::fill(std::span<std::byte> out) {
  if (!seeded_) return draw(out);
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

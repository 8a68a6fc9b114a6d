#pragma once

// Random bytes, numbers and identifiers.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>

namespace crier {

/// A source of random bytes, passed to all code that needs identifiers or keys. Not thread-safe:
/// one per worker. Movable but not copyable: no two objects may give the same bytes.
class Random {
 public:
  /// Draws from the kernel's generator (getrandom), fit for secrets.
  static Random secure();
  /// Reproducible, for tests and simulation only.
  static Random seeded(std::uint64_t seed);

  ~Random();
  Random(Random&&) noexcept;
  Random& operator=(Random&&) noexcept;

  void fill(std::span<std::byte> out);
  std::uint64_t number();

  /// An identifier of 20 characters of base64url (15 random bytes), as Node's socket.io makes them.
  std::string id20();

 private:
  explicit Random(std::optional<std::uint64_t> seed);
  struct Drawn;
  void draw(std::span<std::byte> out);

  std::optional<std::mt19937_64> seeded_;
  std::unique_ptr<Drawn> drawn_;  ///< Bytes from the kernel that have not been returned yet.
};

}  // namespace crier

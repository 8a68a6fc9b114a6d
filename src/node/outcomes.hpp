#pragma once

// Outcomes of publishes with an idempotency key.

#include "access/hmac.hpp"
#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "crier/gateway.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace crier::node {

/// What became of publishes with an idempotency key, as far as the store may not be able to say. A
/// publish that was stored is with the members, and if the store loses it they are told `reset`: to
/// store it once more would deliver it twice.
/// A publish may be in the store while an append of it is under way, or has ended without an
/// answer; then it must not go out without its number. On one loop's thread.
class Outcomes {
 public:
  struct Options {
    std::size_t unknown_max = 10'000;  ///< Appends under way and unknown outcomes, together.
    /// Limit of each kind of known outcome; the oldest goes first.
    std::size_t known_max = 10'000;
    std::chrono::milliseconds ttl{300'000};  ///< Since the key came last, or was known.
  };
  Outcomes(const Options& options, Random& random);

  /// Names a key of one program. A program's name holds no control character.
  static std::string key(std::string_view program, std::string_view token);

  enum class Begin : std::uint8_t {
    append,      ///< It counts as under way, until one of the calls below ends it.
    full,        ///< There is no place to remember its outcome.
    other_body,  ///< The key came with another body before.
    known,       ///< It has been stored, or has gone out without a number: `position`.
  };
  struct Began {
    Begin what = Begin::append;
    Position position = {};
  };
  Began begin(const std::string& key, const Bytes& body, TimePoint now);

  /// The append has brought a position: the outcome is known.
  void stored(const std::string& key, const Bytes& body, const Position& position, TimePoint now);
  /// The store has another body under this key.
  void taken(const std::string& key);
  /// The append may or may not have happened.
  void unknown(const std::string& key, TimePoint now);

  enum class Fate : std::uint8_t {
    absent,      ///< The store does not have it, as far as is known here.
    unknown,     ///< It may have it, by another append under this key.
    other_body,  ///< It has another body under this key.
    stored,      ///< It has it: `position`.
  };
  struct Failure {
    Fate fate = Fate::absent;
    Position position = {};
  };
  /// The append has not happened.
  Failure failed(const std::string& key, const Bytes& body, TimePoint now);
  /// It went out without a number. Nothing of it is under way.
  void sent(const std::string& key, const Bytes& body, const Position& position, TimePoint now);

  /// Appends under way and unknown outcomes.
  [[nodiscard]] std::size_t unknown_count() const { return open_.size(); }

 private:
  using Due = std::list<std::pair<TimePoint, const std::string*>>;
  /// Is under way, or unknown, or both.
  struct Open {
    Bytes body;                 ///< While it is kept anyway,
    std::string digest;         ///< then only its digest.
    std::uint32_t appends = 0;  ///< Under way.
    bool unknown = false;       ///< One has ended without an answer, and none with one.
    Due::iterator due;          ///< Valid while none is under way.
  };
  struct Known {
    std::string digest;
    Position position;
    Due::iterator due;
  };
  struct Table {
    std::unordered_map<std::string, Known> entries;
    Due due;
  };
  using Opened = std::unordered_map<std::string, Open>::iterator;

  [[nodiscard]] bool same_body(const Open& open, const Bytes& body) const;
  void expire(TimePoint now);
  void end_one(Opened open, TimePoint now);
  void remember(Table& table, const std::string& key, const Bytes& body, const Position& position,
                TimePoint now);
  static void forget(Table& table, const std::string& key);

  Options options_;
  access::Hmac digest_;
  std::unordered_map<std::string, Open> open_;
  Due due_;       ///< Unknown outcomes in open_, the oldest first.
  Table sent_;    ///< Went out without a number.
  Table stored_;  ///< For when the store cannot be asked, or has lost what it was told.
};

}  // namespace crier::node

#pragma once

// A table that owns objects and finds them by keys that are never used again.

#include "base/assert.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace crier {

/// Identifies an object of a SlotTable; never used again. Holds a slot and how often the slot had
/// been used. Never 0.
using Key = std::uint64_t;

constexpr std::uint32_t slot_of(Key key) { return static_cast<std::uint32_t>(key); }

/// Owns objects and finds them by key. The key of an erased object finds nothing.
template <class T>
class SlotTable {
 public:
  /// A key for the next emplace(), so that the object can know its own.
  [[nodiscard]] Key reserve() {
    if (free_.empty()) {
      free_.push_back(static_cast<std::uint32_t>(entries_.size()));
      entries_.emplace_back();
    }
    const std::uint32_t slot = free_.back();
    return make_key(slot, entries_[slot].generation);
  }

  T& emplace(Key key, std::unique_ptr<T> object) {
    CRIER_ASSERT(!free_.empty() && free_.back() == slot_of(key));
    free_.pop_back();
    Entry& entry = entries_[slot_of(key)];
    entry.object = std::move(object);
    ++size_;
    return *entry.object;
  }

  [[nodiscard]] T* find(Key key) const {
    const std::uint32_t slot = slot_of(key);
    if (slot >= entries_.size()) return nullptr;
    const Entry& entry = entries_[slot];
    return make_key(slot, entry.generation) == key ? entry.object.get() : nullptr;
  }

  [[nodiscard]] T* at_slot(std::uint32_t slot) const {
    return slot < entries_.size() ? entries_[slot].object.get() : nullptr;
  }
  [[nodiscard]] Key key_at(std::uint32_t slot) const {
    return make_key(slot, entries_[slot].generation);
  }

  /// Takes the object out; its key finds nothing from now on.
  std::unique_ptr<T> erase(Key key) {
    T* found = find(key);
    if (found == nullptr) return nullptr;
    Entry& entry = entries_[slot_of(key)];
    ++entry.generation;
    free_.push_back(slot_of(key));
    --size_;
    return std::move(entry.object);
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::uint32_t slots() const { return static_cast<std::uint32_t>(entries_.size()); }

 private:
  struct Entry {
    std::unique_ptr<T> object;
    std::uint32_t generation = 1;
  };
  static Key make_key(std::uint32_t slot, std::uint32_t generation) {
    return (std::uint64_t{generation} << 32U) | slot;
  }

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  std::size_t size_ = 0;
};

}  // namespace crier

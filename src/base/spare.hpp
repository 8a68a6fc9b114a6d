#pragma once

// Temporary lists that reuse the memory of earlier ones.

#include <utility>
#include <vector>

namespace crier {

/// Gives out temporary lists, which may be nested; each reuses the memory of a list that was
/// dropped before.
template <class T>
class Spares {
 public:
  /// A list, empty at first, whose memory returns to the spares at the end of the scope. The spares
  /// outlive it.
  class List {
   public:
    explicit List(Spares& spares) : spares_(spares) {
      if (spares.lists_.empty()) return;
      items = std::move(spares.lists_.back());
      spares.lists_.pop_back();
    }
    ~List() {
      items.clear();
      if (items.capacity() <= items_max) spares_.lists_.push_back(std::move(items));
    }
    List(const List&) = delete;
    List& operator=(const List&) = delete;

    std::vector<T> items;

   private:
    Spares& spares_;
  };

 private:
  static constexpr std::size_t items_max = 64;  ///< The memory of a longer list is not kept.
  std::vector<std::vector<T>> lists_;
};

}  // namespace crier

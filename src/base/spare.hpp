#pragma once

#include <utility>
#include <vector>

namespace crier {

/// Lists of which one after the other is filled, gone through and dropped, perhaps inside one
/// another: each takes over the memory of one before it.
template <class T>
class Spares {
 public:
  /// A list that is empty at first, until the end of the scope. The spares outlive it.
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
  static constexpr std::size_t items_max = 64;  ///< A longer one is not kept.
  std::vector<std::vector<T>> lists_;
};

}  // namespace crier

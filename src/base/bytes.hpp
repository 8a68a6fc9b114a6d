#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace crier {

/// Immutable bytes, shared by reference count: encoded once, handed to many. Copying is cheap and
/// safe from any thread; the view lives as long as any copy.
class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(std::string data) : data_(std::make_shared<const std::string>(std::move(data))) {}

  [[nodiscard]] std::string_view view() const {
    return data_ ? std::string_view(*data_) : std::string_view();
  }
  [[nodiscard]] std::size_t size() const { return data_ ? data_->size() : 0; }
  [[nodiscard]] bool empty() const { return size() == 0; }

  friend bool operator==(const Bytes& a, const Bytes& b) { return a.view() == b.view(); }

 private:
  std::shared_ptr<const std::string> data_;
};

}  // namespace crier

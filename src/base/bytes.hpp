#pragma once

// Immutable byte strings that are shared by reference count, alone and in chains.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace crier {

/// Immutable bytes, shared by reference count: encoded once, handed to many. Copying is cheap and
/// safe from any thread; the view lives as long as any copy.
class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(std::string data) : data_(std::make_shared<const std::string>(std::move(data))) {}
  /// Refers to a string that is never destroyed; copies need no reference count.
  static Bytes forever(const std::string& data) {
    Bytes bytes;
    bytes.data_ = std::shared_ptr<const std::string>(std::shared_ptr<const void>(), &data);
    return bytes;
  }

  [[nodiscard]] std::string_view view() const {
    return data_ ? std::string_view(*data_) : std::string_view();
  }
  [[nodiscard]] std::size_t size() const { return data_ ? data_->size() : 0; }
  [[nodiscard]] bool empty() const { return size() == 0; }

  friend bool operator==(const Bytes& a, const Bytes& b) { return a.view() == b.view(); }

 private:
  std::shared_ptr<const std::string> data_;
};

/// A sequence of byte strings, read one after the other. Immutable; a copy shares the pieces.
class ByteChain {
 public:
  ByteChain() = default;
  explicit ByteChain(Bytes piece) : one_(std::move(piece)) {}
  explicit ByteChain(std::vector<Bytes> pieces)
      : many_(std::make_shared<const std::vector<Bytes>>(std::move(pieces))) {}

  /// Good as long as this value is.
  [[nodiscard]] std::span<const Bytes> pieces() const {
    if (many_) return *many_;
    return {&one_, one_.empty() ? 0U : 1U};
  }
  [[nodiscard]] std::size_t size() const {
    std::size_t size = 0;
    for (const Bytes& piece : pieces()) size += piece.size();
    return size;
  }
  [[nodiscard]] bool empty() const { return size() == 0; }
  void append_to(std::string& text) const {
    for (const Bytes& piece : pieces()) text.append(piece.view());
  }
  [[nodiscard]] std::string joined() const {
    std::string text;
    append_to(text);
    return text;
  }

 private:
  Bytes one_;  ///< The only piece; unused when `many_` is set.
  std::shared_ptr<const std::vector<Bytes>> many_;
};

}  // namespace crier

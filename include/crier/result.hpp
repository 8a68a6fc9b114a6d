#pragma once

// Result, a value or an error, and Error, the error of the public interface.

#include <cstdlib>
#include <string>
#include <utility>
#include <variant>

namespace crier {

/// Why a request of the application was refused. A value; safe to copy and keep.
struct Error {
  int status = 500;     ///< The HTTP status for this error.
  std::string code;     ///< For programs: snake_case, and stable between releases.
  std::string message;  ///< For people: one sentence. May change between releases.
  std::string path;     ///< JSON Pointer of the offending value; empty when there is none.

  friend bool operator==(const Error&, const Error&) = default;
};

/// Wraps an error so that it converts to any Result with that error type.
template <class E>
struct Unexpected {
  E error;
};
template <class E>
Unexpected(E) -> Unexpected<E>;

/// A value or an error. Members are named as in std::expected, which replaces it with C++23.
/// Reading the absent side ends the process.
template <class T, class E = Error>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  template <class G>
  Result(Unexpected<G> unexpected) : state_(std::in_place_index<1>, std::move(unexpected.error)) {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  [[nodiscard]] T& value() & { return expect<0>(state_); }
  [[nodiscard]] const T& value() const& { return expect<0>(state_); }
  [[nodiscard]] T&& value() && { return std::move(expect<0>(state_)); }
  [[nodiscard]] E& error() & { return expect<1>(state_); }
  [[nodiscard]] const E& error() const& { return expect<1>(state_); }
  [[nodiscard]] E&& error() && { return std::move(expect<1>(state_)); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  template <std::size_t I, class State>
  static auto& expect(State& state) {
    if (state.index() != I) std::abort();
    return *std::get_if<I>(&state);
  }

  std::variant<T, E> state_;
};

/// Success without a value, or an error.
template <class E>
class [[nodiscard]] Result<void, E> {
 public:
  Result() = default;
  template <class G>
  Result(Unexpected<G> unexpected) : state_(std::in_place_index<1>, std::move(unexpected.error)) {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }
  [[nodiscard]] E& error() & { return expect(state_); }
  [[nodiscard]] const E& error() const& { return expect(state_); }

 private:
  template <class State>
  static auto& expect(State& state) {
    if (state.index() != 1) std::abort();
    return *std::get_if<1>(&state);
  }

  std::variant<std::monostate, E> state_;
};

}  // namespace crier

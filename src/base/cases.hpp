#pragma once

namespace crier {

/// One callable for each alternative of a variant, for std::visit(); an alternative that has none
/// does not compile.
template <class... F>
struct Cases : F... {
  using F::operator()...;
};
template <class... F>
Cases(F...) -> Cases<F...>;

}  // namespace crier

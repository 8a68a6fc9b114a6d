#pragma once

// A visitor for std::visit() made of lambdas.

namespace crier {

/// Holds one callable for each alternative of a variant, for std::visit(). An alternative without a
/// callable is a compile error.
template <class... F>
struct Cases : F... {
  using F::operator()...;
};
template <class... F>
Cases(F...) -> Cases<F...>;

}  // namespace crier

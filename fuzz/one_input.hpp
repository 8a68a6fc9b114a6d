#pragma once

// The interface between a fuzz target and the programs that run it.

#include <cstddef>
#include <string_view>

/// Feeds `input` to the parser under test in two pieces, cut at `split` (0 … size), and aborts
/// when a property does not hold. A parser that takes whole values ignores `split`.
void one_input(std::string_view input, std::size_t split);

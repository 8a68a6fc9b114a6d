#pragma once

// An assertion that stays on in release builds.

#include <cstdio>
#include <cstdlib>

/// States what must hold if Crier itself is right; on in every build. Ends the process.
#define CRIER_ASSERT(condition)                                                              \
  do {                                                                                       \
    if (!(condition)) [[unlikely]] {                                                         \
      std::fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)

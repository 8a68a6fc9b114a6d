#pragma once

// The process's limit of open files.

#include <cstddef>
#include <cstdint>

namespace crier::daemon {

/// How many files the process may have open: connections, and a few more.
struct OpenFiles {
  std::uint64_t limit = 0;
  std::uint64_t before = 0;  ///< As the process was started.
};

/// Raises the soft limit to the hard one; leaves it where that fails.
OpenFiles raise_open_files();

/// The files that so many connections need, with those of the listener, the log, the store and
/// Redis.
std::uint64_t files_for(std::uint64_t connections_max);

/// Makes the kernel's table of this process's descriptors large enough for `files` at once. Call it
/// while there is one thread: whenever the table of several threads doubles, the kernel waits until
/// no CPU can be reading the old one, and whoever needs a descriptor waits with it, for some 10 ms
/// at each of 1,024, 2,048, 4,096 … connections. It costs 8 bytes a file.
void grow_descriptor_table(std::uint64_t files);

}  // namespace crier::daemon

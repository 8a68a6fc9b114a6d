// Raises the process's limit of open files and prepares its table of descriptors.

#include "daemon/serve/open_files.hpp"

#include <algorithm>
#include <climits>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace crier::daemon {

OpenFiles raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
  const std::uint64_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return {before, before};
  return {limit.rlim_max, before};
}

std::uint64_t files_for(std::uint64_t connections_max) { return connections_max + 256; }

void grow_descriptor_table(std::uint64_t files) {
  const int any = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (any < 0) return;
  const auto last = static_cast<int>(std::min<std::uint64_t>(files, INT_MAX));
  // The kernel sizes the table for the number that is asked for, and never shrinks it.
  const int high = ::fcntl(any, F_DUPFD_CLOEXEC, last - 1);
  if (high >= 0) ::close(high);
  ::close(any);
}

}  // namespace crier::daemon

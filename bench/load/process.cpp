#include "process.hpp"

#include <dirent.h>
#include <fstream>
#include <sched.h>
#include <string>
#include <sys/resource.h>

namespace load {

std::int64_t cpu_nanoseconds(const std::vector<int>& processes) {
  std::int64_t sum = 0;
  for (const int process : processes) {
    const std::string folder = "/proc/" + std::to_string(process) + "/task";
    DIR* directory = ::opendir(folder.c_str());
    if (directory == nullptr) continue;
    while (const dirent* entry = ::readdir(directory)) {
      if (entry->d_name[0] == '.') continue;
      std::ifstream file(folder + '/' + entry->d_name + "/schedstat");
      std::int64_t spent = 0;
      if (file >> spent) sum += spent;
    }
    ::closedir(directory);
  }
  return sum;
}

std::uint64_t resident_bytes(const std::vector<int>& processes) {
  std::uint64_t sum = 0;
  for (const int process : processes) {
    std::ifstream file("/proc/" + std::to_string(process) + "/status");
    for (std::string word; file >> word;) {
      if (word != "VmRSS:") continue;
      std::uint64_t kibibytes = 0;
      if (file >> kibibytes) sum += kibibytes * 1024;
      break;
    }
  }
  return sum;
}

bool allow_files(std::uint64_t wanted, std::uint64_t& limit) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < wanted) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    ::getrlimit(RLIMIT_NOFILE, &files);
  }
  limit = files.rlim_max;
  return files.rlim_cur >= wanted;
}

bool pin(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(core), &set);
  return ::sched_setaffinity(0, sizeof set, &set) == 0;
}

}  // namespace load

#pragma once

// Looks at the run from time to time: for `--progress`, and for what a report draws over time.

#include "figures.hpp"
#include "loop.hpp"
#include "options.hpp"

#include <cstdint>
#include <functional>

namespace load {

class Watch {
 public:
  /// `events` says how many have happened so far, `clients` how many are connected. Looks only if
  /// somebody asked for it.
  Watch(const Options& options, Loop& loop, Figures& figures, std::function<std::uint64_t()> events,
        std::function<std::uint64_t()> clients);

  /// The window begins: samples are taken from now on.
  void begin();
  /// It ends.
  void end();

 private:
  void sample(std::int64_t now);
  void tell(std::int64_t now);

  const Options& options_;
  Figures& figures_;
  std::function<std::uint64_t()> events_;
  std::function<std::uint64_t()> clients_;
  std::int64_t begin_ = 0;  ///< 0: not in the window.
  std::uint64_t events_at_begin_ = 0;
  std::int64_t cpu_at_begin_ = 0;
  std::int64_t started_;
  std::int64_t told_;
  std::uint64_t events_told_ = 0;
  std::int64_t cpu_told_ = 0;
};

}  // namespace load

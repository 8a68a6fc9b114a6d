#pragma once

// One run: what every command works with, and the window in which it measures.

#include "crowd.hpp"
#include "deliveries.hpp"
#include "figures.hpp"
#include "loop.hpp"
#include "options.hpp"
#include "publisher.hpp"
#include "watch.hpp"

#include <string>

namespace load {

struct Bench {
  const Options& options;
  Loop& loop;
  Errors& errors;
  Deliveries& deliveries;
  Crowd& crowd;
  Publishers& publishers;
  Figures& figures;
  Watch& watch;
  std::uint64_t& happened;  ///< What a command counts besides deliveries.

  /// Connects everybody and notes what that cost; what is wrong when nobody got in, else nothing.
  [[nodiscard]] std::string connect();
  /// Why a command ends early: nobody is left, or nothing is accepted.
  [[nodiscard]] std::string hopeless() const;
  /// Opens nothing yet; what is wrong, or nothing.
  [[nodiscard]] std::string set_up_publishers(std::size_t connections);
};

/// The time, and what the server and this program have spent, since it was made.
class Window {
 public:
  explicit Window(Bench& bench);
  /// Notes seconds, CPU share and idle share.
  void finish();
  [[nodiscard]] double seconds() const { return seconds_; }
  /// `count` things with durations `took` happened in it.
  [[nodiscard]] Count count_of(std::uint64_t count, const Histogram& took) const;

 private:
  Bench& bench_;
  std::int64_t begin_;
  std::int64_t cpu_;
  std::int64_t idle_;
  double seconds_ = 0;
  double cpu_seconds_ = 0;
};

/// The commands. Each fills Bench::figures and returns what kept it from doing so, in one sentence,
/// or nothing.
[[nodiscard]] std::string run_idle(Bench& bench);
[[nodiscard]] std::string run_fanout(Bench& bench);
[[nodiscard]] std::string run_echo(Bench& bench);
[[nodiscard]] std::string run_connect(Bench& bench);
[[nodiscard]] std::string run_publish(Bench& bench);
[[nodiscard]] std::string run_recover(Bench& bench);

}  // namespace load

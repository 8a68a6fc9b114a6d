#include "churn.hpp"

namespace load {

std::string run_connect(Bench& bench) {
  if (!bench.options.duration) return bench.connect();
  Churn churn(bench, [](const Client& /*client*/) { return true; });
  if (!churn.go_on(bench.options.warm_up)) return bench.hopeless();
  churn.clear();
  Window window(bench);
  const bool ran = churn.go_on(bench.options.seconds());
  window.finish();
  bench.crowd.cut();
  Figures& figures = bench.figures;
  figures.connect = window.count_of(churn.completed, churn.took);
  figures.connect_seconds = window.seconds();
  figures.connect_failed = churn.failed;
  if (figures.connect->cpu_microseconds) {
    figures.cpu_seconds_connecting =
        *figures.connect->cpu_microseconds * static_cast<double>(churn.completed) / 1e6;
  }
  return ran ? "" : bench.hopeless();
}

}  // namespace load

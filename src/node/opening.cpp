// Opens the ports of a node when its history answers or the deadline passes.

#include "node/opening.hpp"

#include <utility>

namespace crier::node {

Opening::Opening(web::Worker& worker, std::function<bool()> answered, std::function<void()> open)
    : worker_(worker), answered_(std::move(answered)), open_(std::move(open)) {}

void Opening::begin(std::chrono::milliseconds deadline) {
  open_at_ = worker_.loop().now() + deadline;
  worker_.loop().post([] {});  // a turn, at the end of which the deadline is set
}

void Opening::turn_end() {
  if (open_at_ != never && answered_()) open();
}

void Opening::tick(TimePoint /*now*/) {
  worker_.log(LogLevel::warning, "the history has not answered: clients are let in without it");
  open();
}

void Opening::open() {
  open_at_ = never;
  open_();
}

}  // namespace crier::node

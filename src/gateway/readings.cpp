// Implements the bookkeeping of reads.

#include "gateway/readings.hpp"

namespace crier::gateway {

void Readings::ask(ReadNumber read, bool all) {
  asked_ = read;
  asked_all_ = all;
  wants_all_ = false;
}

void Readings::cover(ReadNumber read, bool all) {
  covered_ = read;
  if (all) all_covered_ = read;
}

bool Readings::count_for(const Asked& asked) const {
  return !asked.needs_new_reads || is_covered_after(asked.begun);
}

bool Readings::all_count_for(const Asked& asked) const {
  return asked.awaited ? all_covered_ >= asked.begun : all_covered_ > asked.begun;
}

void Reads::queue(const std::string& name, Readings& program) {
  if (program.enqueue()) queue_.push_back(name);
}

std::optional<std::string> Reads::next_queued() {
  if (queue_.empty()) return std::nullopt;
  std::string name = std::move(queue_.front());
  queue_.pop_front();
  return name;
}

void Reads::add(history::ReadRequest request, Readings& program) {
  program.ask(latest_ + 1, asks_for_all(request));
  if (asks_for_events(request)) ++whole_count_;
  requests_.push_back(std::move(request));
}

bool Reads::is_added(const Readings& program) const { return program.is_asked_by(latest_ + 1); }

bool Reads::has_room() const {
  return whole_count_ < whole_reads_max && requests_.size() < top_reads_max;
}

void Reads::begin() {
  ++latest_;
  phase_ = Phase::awaited;
  outdated_ = false;
}

std::vector<history::ReadRequest> Reads::end() {
  phase_ = Phase::idle;
  whole_count_ = 0;
  return std::exchange(requests_, {});
}

bool Reads::is_under_way(const Readings& program) const {
  return !is_idle() && program.is_asked_by(latest_);
}

bool Reads::is_awaited(const Readings& program) const {
  return phase_ == Phase::awaited && program.is_asked_by(latest_);
}

bool Reads::is_all_awaited(const Readings& program) const {
  return phase_ == Phase::awaited && program.is_all_asked_by(latest_);
}

Asked Reads::now(bool needs_new_reads) const {
  return {latest_, phase_ == Phase::awaited, needs_new_reads};
}

}  // namespace crier::gateway

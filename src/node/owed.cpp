// Keeps account of the programs that are owed a gap marker.

#include "node/owed.hpp"

#include <utility>

namespace crier::node {

Owed::Owed(std::unique_ptr<OwedRecord> record) : record_(std::move(record)) { take_over(); }

bool Owed::take_over() {
  if (!record_) return true;
  const std::lock_guard lock(mutex_);
  for (const auto& program : record_->take_over()) debts_[program].serial = ++serial_;
  count_.store(debts_.size(), std::memory_order_release);
  if (!record_->was_unreadable()) return true;
  unsure_.store(true, std::memory_order_release);
  asked_.clear();
  return false;
}

void Owed::clear_unreadable() {
  const std::lock_guard lock(mutex_);
  if (record_) record_->clear_unreadable();
}

void Owed::owe(const std::string& program) {
  const std::lock_guard lock(mutex_);
  add(program);
}

void Owed::add(const std::string& program) {
  const auto [debt, is_new] = debts_.try_emplace(program);
  debt->second.serial = ++serial_;
  if (is_new && record_) record_->add(program);
  count_.store(debts_.size(), std::memory_order_release);
}

bool Owed::owes(std::string_view program) const {
  if (!any()) return false;
  const std::lock_guard lock(mutex_);
  return debts_.contains(program);
}

bool Owed::owes_to(const std::string& program) {
  if (!may_owe()) return false;
  const std::lock_guard lock(mutex_);
  if (is_unsure() && asked_.insert(program).second) add(program);
  return debts_.contains(program);
}

std::vector<std::string> Owed::names(std::size_t max) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [program, debt] : debts_) {
    if (names.size() == max) break;
    names.push_back(program);
  }
  return names;
}

std::vector<Owed::Marker> Owed::take(std::size_t max, Which which) {
  std::vector<Marker> taken;
  if (!any()) return taken;
  const std::lock_guard lock(mutex_);
  for (auto& [program, debt] : debts_) {
    if (taken.size() == max) break;
    const bool wanted =
        debt.state == State::fresh || (which == Which::all && debt.state == State::failed);
    if (!wanted) continue;
    debt.state = State::under_way;
    taken.push_back({program, debt.serial});
  }
  return taken;
}

void Owed::settled(const Marker& marker) {
  const std::lock_guard lock(mutex_);
  const auto found = debts_.find(marker.program);
  if (found == debts_.end()) return;
  if (found->second.serial == marker.serial) {
    debts_.erase(found);
    changed_ = true;
  } else {
    found->second.state = State::fresh;  // the marker may stand before what has gone out since
  }
  count_.store(debts_.size(), std::memory_order_release);
}

void Owed::failed(const Marker& marker) {
  const std::lock_guard lock(mutex_);
  const auto found = debts_.find(marker.program);
  if (found != debts_.end()) found->second.state = State::failed;
}

void Owed::save() {
  if (!record_) return;
  const std::lock_guard lock(mutex_);
  if (!std::exchange(changed_, false)) return;
  std::vector<std::string> programs;
  programs.reserve(debts_.size());
  for (const auto& [program, debt] : debts_) programs.push_back(program);
  record_->replace(programs);
}

bool Owed::is_kept() const {
  const std::lock_guard lock(mutex_);
  return !record_ || record_->is_kept();
}

std::string Owed::place() const {
  const std::lock_guard lock(mutex_);
  return record_ ? record_->place() : std::string();
}

}  // namespace crier::node

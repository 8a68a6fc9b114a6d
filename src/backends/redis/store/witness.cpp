// Decides which ids from clients count as evidence of what Redis has numbered.

#include "backends/redis/store/witness.hpp"

#include <algorithm>

namespace crier::redis {

void Witness::begin(TimePoint now) {
  end();
  open_ = true;
  until_ = now + counts_for;
}

void Witness::end() {
  open_ = false;
  epoch_.clear();
  gid_ = 0;
}

void Witness::present(const history::Epoch& epoch, history::Gid gid,
                      std::optional<history::Gid> clock, TimePoint now) {
  if (!open_ || now > until_ || !clock || gid > *clock + ahead_max) return;
  if (!server_.empty() && epoch != server_) return;
  if (epoch_ != epoch) gid_ = 0;
  epoch_ = epoch;
  gid_ = std::max(gid_, gid);
}

void Witness::note(const history::Epoch& epoch) {
  const bool was_known = !server_.empty();
  server_ = epoch;
  if (epoch_.empty() || epoch_ == epoch) return;
  epoch_.clear();
  gid_ = 0;
  if (was_known) open_ = false;  // it has begun a new epoch, perhaps because of the id
}

}  // namespace crier::redis

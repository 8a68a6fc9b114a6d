#include "store_model.hpp"

#include "store_link.hpp"

#include <algorithm>
#include <utility>

namespace crier::simulation {

using history::Gid;
using history::Record;

namespace {

constexpr WallTime wall_start = 1'764'000'000'000'000;

}  // namespace

StoreModel::StoreModel(World& world, const history::Retention& retention, StoreWitness* witness)
    : world_(world), dice_(world.dice().fork("store")), retention_(retention), witness_(witness) {}

WallTime StoreModel::clock() const {
  return wall_start + (world_.now().time_since_epoch() + clock_step_).count();
}

Gid StoreModel::oldest() const {
  return static_cast<Gid>(
      std::max<WallTime>(clock() - std::chrono::microseconds(retention_.ttl).count(), 0));
}

/// Before anything is numbered or read: another instance than the one that numbered last, numbers
/// that have vanished, numbers that have gone back, or an epoch that has come back begin a new one.
void StoreModel::check_epoch(const Caller& caller) {
  const bool back = (data_.epoch == caller.epoch && data_.last < caller.seen_in_epoch) ||
                    caller.seen > std::max(data_.last, data_.floor) ||
                    std::ranges::find(caller.left, data_.epoch) != caller.left.end();
  const bool known = !data_.epoch.empty() && !back;
  if (known && data_.run_id == caller.run_id && data_.replid == replid_) return;
  data_.run_id = caller.run_id;
  data_.replid = replid_;
  data_.epoch = caller.spare_epoch;
  data_.last = std::max(data_.last, caller.seen);
  data_.floor = std::max(data_.last, static_cast<Gid>(clock() - 1));
  world_.trace("store", "epoch " + data_.epoch);
  if (witness_ != nullptr) witness_->epoch_begun(data_.epoch, data_.floor);
}

void StoreModel::trim(const std::string& name, StoreData::Program& program) {
  Gid trimmed = 0;
  while (!program.records.empty() &&
         (program.records.size() > retention_.events_max || program.bytes > retention_.bytes_max ||
          program.records.front().gid < oldest())) {
    trimmed = program.records.front().gid;
    program.bytes -= program.records.front().body.size();
    program.records.pop_front();
  }
  if (trimmed != 0 && witness_ != nullptr) witness_->trimmed(name, trimmed);
}

std::optional<history::Appended> StoreModel::append(const Caller& caller,
                                                    const history::AppendRequest& request,
                                                    const std::string& call, bool own_token) {
  check_epoch(caller);
  const std::string body = own_token ? std::string() : std::string(request.body.view());
  const std::pair key(request.program, request.token);
  const auto known = data_.tokens.find(key);
  if (known != data_.tokens.end() && known->second.until > clock()) {
    if (known->second.body != body) return std::nullopt;
    history::Appended first = known->second.first;
    first.repeated = known->second.call != call;
    return first;
  }
  StoreData::Program& program = data_.programs[request.program];
  if (!program.known) program = {true, 0, 0, {}, 0};
  const Gid gid = std::max(history::next_gid(data_.last, clock()), data_.floor + 1);
  data_.last = gid;
  history::Appended result{
      {data_.epoch, gid, ++program.seq}, std::exchange(program.top, gid), false};
  const Record record{gid, program.seq, result.prev, request.body};
  program.records.push_back(record);
  program.bytes += request.body.size();
  trim(request.program, program);
  const WallTime until = std::max<WallTime>(clock(), static_cast<WallTime>(gid)) +
                         std::chrono::microseconds(retention_.ttl).count();
  data_.tokens[key] = {result, body, call, until};
  if (witness_ != nullptr) witness_->appended(request.program, result.position, record.body.view());
  const int times = repeats_ > 0 ? 2 : 1;
  if (repeats_ > 0) --repeats_;
  for (StoreLink* link : links_) {
    for (int i = 0; i < times; ++i) link->hear({data_.epoch, request.program, record});
  }
  return result;
}

history::ReadReply StoreModel::read(const Caller& caller,
                                    const std::vector<history::ReadRequest>& requests) {
  check_epoch(caller);
  history::ReadReply reply{
      data_.epoch, data_.floor, {}, std::max(static_cast<Gid>(clock()), data_.last), data_.last};
  for (const auto& request : requests) {
    history::Kept kept{request.program, 0, {}, is_broken(request.program)};
    const auto found = data_.programs.find(request.program);
    if (found != data_.programs.end() && found->second.known) {
      trim(request.program, found->second);
      kept.top = found->second.top;
      const Gid after = std::max(request.after, data_.floor);  // what is up to there had other ids
      for (const Record& record : found->second.records) {
        if (record.gid > after && !kept.broken) kept.records.push_back(record);
      }
      if (request.newest_max != 0 && kept.records.size() > request.newest_max) {
        kept.records.erase(kept.records.begin(), kept.records.end() - request.newest_max);
      }
    }
    reply.programs.push_back(std::move(kept));
  }
  return reply;
}

history::Fence StoreModel::claim(const std::string& sid) {
  history::Fence& fence = data_.claims[sid];
  fence = std::max(static_cast<history::Fence>(clock()), fence + 1);
  for (StoreLink* link : links_) link->hear_claim(sid, fence);
  return fence;
}

history::Fence StoreModel::fence(const std::string& sid) const {
  const auto found = data_.claims.find(sid);
  return found == data_.claims.end() ? 0 : found->second;
}

void StoreModel::take_over(const history::SessionPosition& position) { save(position, true); }

void StoreModel::save(const std::vector<history::SessionPosition>& positions) {
  for (const auto& position : positions) save(position, false);
}

void StoreModel::save(const history::SessionPosition& position, bool takes_over) {
  auto& all = data_.sessions[position.user];
  const auto before = all.find(position.session);
  const bool is_held = before != all.end() && !is_old(before->second);
  if (is_held && !takes_over && position.holder != before->second.holder) return;
  all[position.session] = {position.holder, position.value, clock(), ++saves_};
  while (all.size() > retention_.sessions_max) {
    all.erase(
        std::ranges::min_element(all, {}, [](const auto& entry) { return entry.second.order; }));
  }
}

std::string StoreModel::load(const std::string& user, const std::string& session) const {
  const auto found = data_.sessions.find(user);
  if (found == data_.sessions.end()) return {};
  const auto saved = found->second.find(session);
  if (saved == found->second.end() || is_old(saved->second)) return {};
  return saved->second.value;
}

// Faults.

void StoreModel::snapshot() { snapshot_ = data_; }

void StoreModel::restart(Loss loss, Duration down) {
  world_.trace("store", "restart " + std::to_string(static_cast<int>(loss)));
  if (loss == Loss::everything) data_ = {};
  if (loss == Loss::since_snapshot) data_ = snapshot_;
  if (loss != Loss::nothing && witness_ != nullptr) witness_->lost();
  down_until_ = world_.now() + down;
  hangs_until_ = std::min(hangs_until_, world_.now());
  instance_ = "run" + std::to_string(++runs_);
  for (StoreLink* link : links_) link->server_gone();
}

void StoreModel::set_back() {
  world_.trace("store", "set back");
  data_ = snapshot_;
  replid_ = "repl" + std::to_string(++runs_);
  if (witness_ != nullptr) witness_->lost();
}

void StoreModel::flush() {
  world_.trace("store", "flush");
  data_ = {};
  if (witness_ != nullptr) witness_->lost();
}

void StoreModel::evict_numbers() {
  world_.trace("store", "evict numbers");
  data_.run_id.clear();
  data_.epoch.clear();
  data_.last = data_.floor = 0;
  for (auto& [name, program] : data_.programs) program.known = false;
  if (witness_ != nullptr) witness_->lost();
}

void StoreModel::evict_records(const std::string& program) {
  world_.trace("store", "evict " + program);
  const auto found = data_.programs.find(program);
  if (found == data_.programs.end() || found->second.records.empty()) return;
  const Gid last = found->second.records.back().gid;
  found->second.records.clear();
  found->second.bytes = 0;
  if (witness_ != nullptr) witness_->trimmed(program, last);
}

void StoreModel::hang(Duration time) {
  world_.trace("store", "hang");
  hangs_until_ = std::max(hangs_until_, world_.now() + time);
}

}  // namespace crier::simulation

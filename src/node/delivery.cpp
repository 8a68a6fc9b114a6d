// Delivers events from the feed to the sockets of one worker.

#include "node/delivery.hpp"

#include "base/cases.hpp"
#include "catalog/catalog.hpp"

#include <algorithm>
#include <utility>

namespace crier::node {

namespace {

constexpr std::size_t entry_bytes = 128;
constexpr std::size_t encoded_bytes_max = 8 * 1024 * 1024;

std::size_t bytes_of(const sockets::EncodedEvent& event) {
  return entry_bytes + 2 * event.message.size();
}

}  // namespace

std::string room_of(std::string_view program) { return "program:" + std::string(program); }

Delivery::Delivery(const Parts& parts, const Options& options)
    : parts_(parts),
      feed_(
          options.feed,
          [this](const std::string& program) {
            return parts_.sockets.member_count(sockets::main_namespace, room_of(program)) > 0;
          },
          parts.worker.now()),
      flush_window_(options.flush_window),
      replays_({parts.worker, parts.sessions, parts.sockets, feed_,
                [this](const history::Record& record) -> const sockets::EncodedEvent& {
                  return encoded(feed_.epoch(), record);
                }},
               options.replay_bytes_max) {
  parts.worker.add_turn_user(*this);
  parts.bus.listen(*this);
}

Delivery::~Delivery() = default;

// The feed.

std::uint64_t Delivery::ask(gateway::Question question, Answer answer) {
  const std::uint64_t number = ++questions_;
  answers_.emplace(number, std::move(answer));
  feed_.ask(number, std::move(question), parts_.worker.now());
  run();
  return number;
}

void Delivery::withdraw(std::uint64_t question) {
  feed_.withdraw(question);
  answers_.erase(question);
}

void Delivery::admit_blindly(Key socket, const std::vector<std::string>& programs) {
  if (blind_.empty()) blind_reached_ = feed_.reached();
  blind_.insert(socket);
  for (const auto& program : programs) feed_.watch(program);
  run();
}

void Delivery::close_blind() {
  for (const Key socket : std::vector<Key>(blind_.begin(), blind_.end())) {
    const Key session = parts_.sockets.session_of(socket);
    if (session != 0) parts_.sessions.close(session, engineio::CloseReason::forced_close, true);
  }
}

void Delivery::forget(Key socket) {
  replays_.forget(socket);
  blind_.erase(socket);
  floors_.erase(socket);
  if (floors_.empty()) floor_max_ = 0;
}

void Delivery::subscribed(const std::string& program) {
  feed_.subscribed(program);
  run();
}

void Delivery::published(history::Published event) {
  feed_.published(std::move(event), parts_.worker.now());
  run();
}

void Delivery::claims_heard() {
  if (claim_user_ != nullptr) claim_user_->claims_heard();
}

void Delivery::claimed(const std::string& sid, history::Fence fence) {
  if (claim_user_ != nullptr) claim_user_->claimed(sid, fence);
}

void Delivery::lost() {
  feed_.lost();
  run();
}

void Delivery::tick(TimePoint now) {
  if (deliver_at_ <= now) deliver();
  feed_.tick(now);
  run();
}

void Delivery::run() {
  if (std::exchange(running_, true)) return;
  while (feed_.has_command()) {
    auto command = feed_.next_command();
    perform(command);
  }
  running_ = false;
}

Counters Delivery::counters() const {
  Counters counters = counters_;
  counters.deaf = feed_.times_deaf();
  counters.replayed = replays_.sent();
  return counters;
}

void Delivery::perform(gateway::FeedCommand& command) {
  std::visit(Cases{[&](const gateway::Deliver& event) { queue(event); },
                   [&](const gateway::Answered& answered) { answer(answered); },
                   [&](gateway::ReadStore& asked) { read(std::move(asked.reads)); },
                   [&](const gateway::ProbeStore&) { probe(); },
                   [&](const gateway::Subscribe& to) { parts_.bus.subscribe(to.program); },
                   [&](const gateway::Unsubscribe& from) { parts_.bus.unsubscribe(from.program); },
                   [&](const gateway::ListenAgain&) { parts_.bus.listen_again(); },
                   [&](const gateway::MarkGap& gap) {
                     if (parts_.mark_gap) parts_.mark_gap(gap.program);
                   },
                   [&](const gateway::CloseMembers& members) { close(members); }},
             command);
}

void Delivery::answer(const gateway::Answered& answered) {
  const auto found = answers_.find(answered.question);
  if (found == answers_.end()) return;
  const Answer tell = std::move(found->second);
  answers_.erase(found);
  tell(answered.reply);
}

void Delivery::probe() {
  parts_.bus.probe([this](bool heard) {
    if (heard) close_blind();
    feed_.probed(heard);
    run();
  });
}

void Delivery::read(std::vector<history::ReadRequest> reads) {
  for (const auto& read : reads) {
    if (read.after != gateway::after_everything) ++counters_.history_reads;
  }
  parts_.bus.read(std::move(reads), [this](Result<history::ReadReply, history::StoreError> answer) {
    feed_.store_read(std::move(answer), parts_.worker.now());
    run();
  });
}

void Delivery::close(const gateway::CloseMembers& members) {
  deliver();
  if (members.program.empty()) handed_ = 0;  // another epoch counts from the start
  const auto sockets = members.program.empty() ? parts_.sockets.all(sockets::main_namespace)
                                               : parts_.sockets.members(sockets::main_namespace,
                                                                        room_of(members.program));
  if (sockets.empty()) return;
  parts_.worker.log(LogLevel::warning, "closing members, who will come back and be told",
                    {{"program", members.program},
                     {"reason", std::string(members.reason)},
                     {"sockets", std::to_string(sockets.size())}});
  for (const Key socket : sockets) {
    const Key session = parts_.sockets.session_of(socket);
    if (session != 0) parts_.sessions.close(session, engineio::CloseReason::forced_close, true);
  }
}

// Events.

/// An empty event if the store holds what no gateway has written.
sockets::EncodedEvent Delivery::encode(const history::Epoch& epoch, const history::Record& record) {
  const auto id = history::event_id(epoch, record.gid);
  const auto arguments =
      catalog::event_arguments(record.body.view(), history::milliseconds(record.gid), id);
  if (!arguments.empty()) return sockets::encode_event(sockets::main_namespace, arguments);
  parts_.worker.log(LogLevel::warning, "a stored event cannot be read", {{"id", id}});
  return {};
}

const sockets::EncodedEvent& Delivery::encoded(const history::Epoch& epoch,
                                               const history::Record& record) {
  if (encoded_epoch_ != epoch) {
    encoded_.clear();
    encoded_order_.clear();
    encoded_bytes_ = 0;
    encoded_epoch_ = epoch;
  }
  const auto [at, is_new] = encoded_.try_emplace(record.gid);
  if (!is_new) return at->second;
  at->second = encode(epoch, record);
  encoded_bytes_ += bytes_of(at->second);
  encoded_order_.push_back(record.gid);
  while (encoded_bytes_ > encoded_bytes_max && encoded_order_.size() > 1) {
    const auto oldest = encoded_.find(encoded_order_.front());
    encoded_order_.pop_front();
    encoded_bytes_ -= bytes_of(oldest->second);
    encoded_.erase(oldest);
  }
  return at->second;
}

void Delivery::queue(const gateway::Deliver& event) {
  if (parts_.sockets.member_count(sockets::main_namespace, room_of(event.program)) == 0) return;
  sockets::EncodedEvent encoded_event = encode(event.epoch, event.record);
  if (encoded_event.message.view().empty()) return;
  hold({event.program, event.record.gid, std::move(encoded_event)});
}

void Delivery::deliver_unnumbered(const std::string& program, std::string_view body) {
  const history::Gid reached =
      blind_.empty() ? feed_.reached() : std::min(feed_.reached(), blind_reached_);
  // A later event may yet get a number of the same millisecond.
  const std::int64_t time = std::max<std::int64_t>(history::milliseconds(reached) - 1, 0);
  const auto arguments = catalog::event_arguments(body, time, std::string());
  hold({program, 0, sockets::encode_event(sockets::main_namespace, arguments)});
}

// Events that come in one turn leave together, so those that are there already are waited for.
void Delivery::hold(Live live) {
  if (flush_window_ == Duration(0)) {
    parts_.worker.loop().extend_turn();
  } else if (live_.empty()) {
    deliver_at_ = parts_.worker.now() + flush_window_;
  }
  live_.push_back(std::move(live));
}

void Delivery::set_floor(Key socket, history::Gid floor) {
  if (floor == 0) return;
  floors_[socket] = floor;
  floor_max_ = std::max(floor_max_, floor);
}

void Delivery::turn_end() {
  const bool replays = replays_.wants_turn();
  if (flush_window_ == Duration(0) || replays) deliver();
  if (replays) replays_.end_turn();
}

// Neighbours of one program are one batch; the order over programs stays.
void Delivery::deliver() {
  deliver_at_ = never;
  const std::vector<Live> live = std::exchange(live_, {});
  std::vector<sockets::Sockets::Batch> batches;
  const std::string* program = nullptr;
  for (const Live& event : live) {
    if (event.gid != 0 && (event.gid <= floor_max_ || !blind_.empty())) {
      broadcast(batches);
      program = nullptr;
      deliver_late(event);
      continue;
    }
    if (program == nullptr || *program != event.program) {
      batches.push_back({room_of(event.program), {}});
      program = &event.program;
    }
    batches.back().events.push_back(event.encoded);
  }
  broadcast(batches);
  for (const Live& event : live) handed_ = std::max(handed_, event.gid);
}

void Delivery::broadcast(std::vector<sockets::Sockets::Batch>& batches) {
  if (batches.empty()) return;
  counters_.deliveries += parts_.sockets.broadcast(sockets::main_namespace, batches);
  batches.clear();
}

// Some sockets come from a node that had heard more than this one: they have it already. Those that
// were admitted blindly may lack events of one program while events of another go out. A number
// would move their cursor beyond what they lack, so they get none until they come back.
void Delivery::deliver_late(const Live& live) {
  for (const Key socket : parts_.sockets.members(sockets::main_namespace, room_of(live.program))) {
    if (parts_.sockets.is_replaying(socket) || blind_.contains(socket)) continue;
    const auto floor = floors_.find(socket);
    if (floor != floors_.end() && live.gid <= floor->second) continue;
    parts_.sockets.send(socket, live.encoded);
    ++counters_.deliveries;
  }
}

}  // namespace crier::node

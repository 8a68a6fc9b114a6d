// Carries out the commands of gateway::Admission on a worker.

#include "node/admissions.hpp"

#include "base/cases.hpp"
#include "base/json_text.hpp"
#include "gateway/catchup.hpp"

#include <algorithm>
#include <utility>

namespace crier::node {

namespace {

constexpr std::size_t fences_max = 1000;                   // asked for at once
constexpr std::chrono::milliseconds save_interval{1'000};  // between two batches of positions
constexpr std::size_t nonce_bytes = 4;

std::size_t hash_of(std::string_view sid) { return std::hash<std::string_view>()(sid); }

}  // namespace

struct Admissions::Pending {
  Pending(sockets::Ticket t, std::uint64_t s, const gateway::AdmissionOptions& options,
          const access::Verifier& verifier, const gateway::PidSeal& seal)
      : ticket(std::move(t)), serial(s), machine(options, verifier, seal) {}
  sockets::Ticket ticket;
  std::uint64_t serial;
  std::string holder;  ///< Holder of its session; empty: it has taken none over.
  gateway::Admission machine;
  std::uint64_t question = 0;  ///< That the feed may not have answered yet.
  bool claiming = false;       ///< In claiming_.
};

Admissions::Admissions(const Parts& parts, const gateway::AdmissionOptions& options)
    : parts_(parts), options_(options), receipts_(parts.seal, options.session_ttl) {
  parts.worker.add_turn_user(*this);
  parts.delivery.set_claim_user(*this);
}

Admissions::~Admissions() = default;

// Admission.

void Admissions::connect_requested(const sockets::Ticket& ticket, std::string auth) {
  if (ticket.nsp != sockets::main_namespace) {
    counters_.refusals.add("invalid_namespace");
    parts_.sockets.refuse(ticket, "Invalid namespace", {});
    return;
  }
  auto pending =
      std::make_unique<Pending>(ticket, ++serial_, options_, parts_.verifier, parts_.seal);
  Pending& entry = *pending;
  pending_[ticket.session] = std::move(pending);
  perform(ticket.session, entry.machine.start(auth, parts_.wall_clock(), parts_.worker.now()));
}

void Admissions::withdrawn(const sockets::Ticket& ticket) {
  const bool whole_session = ticket.nsp.empty();
  if (!whole_session && ticket.nsp != sockets::main_namespace) return;
  if (!pending_.contains(ticket.session)) return;
  drop(ticket.session);
  if (whole_session) return;
  // What it made us ask is still under way: one that asks and leaves, again and again, must come
  // on a new connection each time.
  parts_.sessions.close(ticket.session, engineio::CloseReason::forced_close, true);
}

Admissions::Pending* Admissions::find(Waiting waiting) const {
  const auto found = pending_.find(waiting.session);
  if (found == pending_.end() || found->second->serial != waiting.serial) return nullptr;
  return found->second.get();
}

void Admissions::drop(Key session) {
  const auto found = pending_.find(session);
  const Pending& pending = *found->second;
  if (pending.question != 0) parts_.delivery.withdraw(pending.question);
  if (pending.claiming) {
    const auto [first, last] = claiming_.equal_range(hash_of(pending.machine.pid_sid()));
    claiming_.erase(std::find_if(
        first, last, [&](const auto& entry) { return entry.second.session == session; }));
  }
  pending_.erase(found);
}

void Admissions::perform(Key session, gateway::Command command) {
  const auto found = pending_.find(session);
  if (found == pending_.end()) return;
  Pending& pending = *found->second;
  const Waiting self{session, pending.serial};
  std::visit(Cases{[&](const gateway::LookUp& wanted) { want(wanted.user, self); },
                   [&](const gateway::Claim& wanted) { claim(pending, wanted.sid); },
                   [&](const gateway::LoadPosition& load) { load_position(pending, load); },
                   [&](gateway::TakeOver& held) { take_over(pending, std::move(held)); },
                   [&](const gateway::Testify& witness) {
                     parts_.claims.witnessed(witness.id.epoch, witness.id.gid);
                     perform(session, pending.machine.witnessed());
                   },
                   [&](gateway::ReadHistory& read) { ask(pending, std::move(read.question)); },
                   [&](const gateway::Wait& wait) { waits_.emplace(wait.at, self); },
                   [&](const gateway::Refuse& refused) { refuse(pending, refused); },
                   [&](const gateway::GiveUp& given_up) { give_up(session, given_up.reason); },
                   [&](gateway::Admit& admitted) { admit(pending, admitted); }},
             command);
}

void Admissions::want(const std::string& user, const Waiting& asker) {
  LookUps& look_ups = look_ups_[user];
  if (look_ups.waiting.empty() && !look_ups.under_way) wanted_.push_back(user);
  look_ups.waiting.push_back(asker);
}

void Admissions::give_up(Key session, std::string_view reason) {
  parts_.worker.log(LogLevel::warning, "admission gave up", {{"reason", std::string(reason)}});
  drop(session);
  parts_.sessions.close(session, engineio::CloseReason::forced_close, false);
}

// A look-up answers those who asked before it began: what it says was true after they came.
void Admissions::look_up_wanted() {
  while (!wanted_.empty()) {
    const auto users = std::exchange(wanted_, {});
    parts_.memberships.together([&] {
      for (const auto& user : users) look_up(user);
    });
  }
}

void Admissions::look_up(const std::string& user) {
  LookUps& look_ups = look_ups_[user];
  look_ups.under_way = true;
  ++counters_.membership_reads;
  parts_.memberships.look_up(
      user, [this, user, askers = std::exchange(look_ups.waiting, {})](const UserAnswer& answer) {
        LookUps& done = look_ups_[user];
        done.under_way = false;
        if (done.waiting.empty()) {
          look_ups_.erase(user);
        } else {
          wanted_.push_back(user);
        }
        looked_up(askers, answer);
      });
}

void Admissions::looked_up(const std::vector<Waiting>& askers, const UserAnswer& answer) {
  for (const Waiting& asker : askers) {
    if (Pending* pending = find(asker)) {
      perform(asker.session, pending->machine.looked_up(answer, parts_.worker.now()));
    }
  }
}

void Admissions::claim(Pending& pending, const std::string& sid) {
  const Waiting self{pending.ticket.session, pending.serial};
  if (!std::exchange(pending.claiming, true)) claiming_.emplace(hash_of(sid), self);
  parts_.claims.claim(sid, [this, self](const Result<history::Fence, history::StoreError>& fence) {
    Pending* claimer = find(self);
    if (claimer == nullptr) return;
    perform(self.session, claimer->machine.claimed(fence, parts_.worker.now()));
  });
}

void Admissions::load_position(Pending& pending, const gateway::LoadPosition& load) {
  save_positions();  // of the same session, whose earlier connection may seem to be open
  const Waiting self{pending.ticket.session, pending.serial};
  parts_.claims.load_position(
      load.user, load.session,
      [this, self](const Result<std::string, history::StoreError>& position) {
        Pending* asker = find(self);
        if (asker == nullptr) return;
        perform(self.session, asker->machine.position_loaded(position, parts_.worker.now()));
      });
}

void Admissions::take_over(Pending& pending, gateway::TakeOver session) {
  if (pending.holder.empty()) pending.holder = parts_.sockets.make_id();
  const Waiting self{pending.ticket.session, pending.serial};
  parts_.claims.take_over(
      receipts_.position_of(
          {session.user, session.session, pending.holder, std::move(session.position)}),
      [this, self](const Result<void, history::StoreError>& result) {
        Pending* holder = find(self);
        if (holder == nullptr) return;
        perform(self.session, holder->machine.taken_over(result, parts_.worker.now()));
      });
}

void Admissions::ask(Pending& pending, gateway::Question question) {
  const Waiting self{pending.ticket.session, pending.serial};
  const auto answer = [this, self](const Result<history::ReadReply, history::StoreError>& reply) {
    read(self, reply);
  };
  if (!parts_.claims.available()) return answer(Unexpected{history::StoreError::unavailable});
  const std::uint64_t number = parts_.delivery.ask(std::move(question), answer);
  Pending* asker = find(self);
  // It may have been answered already, and have led to the next.
  if (asker != nullptr) asker->question = std::max(asker->question, number);
}

/// What the history has of a program that is owed a gap marker is not all that went out.
void Admissions::read(Waiting asker, const Result<history::ReadReply, history::StoreError>& reply) {
  Pending* pending = find(asker);
  if (pending == nullptr) return;
  pending->question = 0;
  if (!reply || !parts_.owed.may_owe()) {
    return perform(asker.session, pending->machine.history_read(reply, parts_.worker.now()));
  }
  history::ReadReply told = *reply;
  for (history::Kept& kept : told.programs) {
    kept.broken = parts_.owed.owes_to(kept.program) || kept.broken;
  }
  perform(asker.session, pending->machine.history_read(std::move(told), parts_.worker.now()));
}

void Admissions::refuse(Pending& pending, const gateway::Refuse& refused) {
  counters_.refusals.add(refused.code);
  const std::string data =
      "{\"code\":" + json::quote(refused.code) + ",\"detail\":" + json::quote(refused.detail) + "}";
  const sockets::Ticket ticket = pending.ticket;
  const std::string message(refused.message);
  drop(ticket.session);
  parts_.sockets.refuse(ticket, message, data);
}

// All that has been delivered here is in the replay, and all that has not is delivered to this
// socket too.
void Admissions::admit(Pending& pending, gateway::Admit& admitted) {
  const sockets::Ticket ticket = pending.ticket;
  std::string holder = pending.holder;
  parts_.delivery.deliver();
  // That has written, and may so have found that this very client has gone.
  if (!parts_.sockets.is_open(ticket)) return;
  drop(ticket.session);
  const std::string nonce =
      admitted.nonce.empty() ? parts_.sockets.make_id().substr(0, nonce_bytes) : admitted.nonce;
  const Key socket = accept(ticket, admitted, std::move(holder), nonce);
  if (parts_.sockets.session_of(socket) == 0) return;
  parts_.delivery.set_floor(socket, admitted.recovery.floor);
  catch_up(socket, admitted, nonce);
  if (parts_.sockets.session_of(socket) == 0) return;
  for (const auto& program : admitted.user.programs) {
    parts_.sockets.join(socket, room_of(program));
  }
  if (!admitted.has_pid) parts_.delivery.admit_blindly(socket, admitted.user.programs);
  parts_.worker.log(LogLevel::debug, "socket admitted",
                    {{"user", admitted.user.id},
                     {"programs", std::to_string(admitted.user.programs.size())},
                     {"recovered", admitted.recovery.recovered ? "true" : "false"},
                     {"replayed", std::to_string(admitted.recovery.replayed)}});
}

/// A session's holder is its socket's id, unless that is recovered.
Key Admissions::accept(const sockets::Ticket& ticket, gateway::Admit& admitted, std::string holder,
                       const std::string& nonce) {
  const bool recovered = admitted.recovery.recovered;
  std::string id = recovered ? admitted.claimed : holder;
  if (id.empty()) id = parts_.sockets.make_id();
  gateway::Pid& next = admitted.recovery.next;
  next.sid = id;
  next.nonce = nonce;
  std::string pid = admitted.pid;
  if (!recovered && admitted.has_pid) pid = parts_.seal.seal(next, admitted.user.id);
  const Key socket = parts_.sockets.accept(ticket, id, pid);
  if (parts_.sockets.session_of(socket) == 0) return socket;
  if (!pid.empty()) owners_.emplace(hash_of(id), Owner{socket, recovered ? admitted.fence : 0});
  if (!admitted.session.empty()) keep(socket, admitted, std::move(holder));
  return socket;
}

/// Saves what differs from what is kept. To lose that costs a repeat: memberships and verdicts do
/// not.
void Admissions::keep(Key socket, gateway::Admit& admitted, std::string holder) {
  receipts_.add(
      socket,
      {admitted.user.id, admitted.session, std::move(holder), std::move(admitted.recovery.next)},
      admitted.is_kept, parts_.worker.now());
  save_positions_soon();
}

void Admissions::catch_up(Key socket, const gateway::Admit& admitted, std::string_view nonce) {
  const gateway::Recovery& recovery = admitted.recovery;
  for (const auto& [program, verdict] : recovery.verdicts) {
    counters_.verdicts.add(to_string(verdict));
  }
  std::string position;
  if (recovery.position) position = gateway::position_text(*recovery.position, nonce);
  std::string catchup = gateway::catchup_arguments(recovery, position);
  if (recovery.replayed == 0) {
    parts_.sockets.send(socket, sockets::encode_event(sockets::main_namespace, catchup));
    return;
  }
  parts_.delivery.replays().begin(socket, {admitted.user.id,
                                           admitted.user.programs,
                                           {recovery.after, recovery.snapshot},
                                           std::move(catchup)});
}

// Sessions whose clients cannot say where they stand.

void Admissions::pinged(Key socket) {
  if (receipts_.empty()) return;
  // One that is still sent what it missed has not been told how it stands.
  if (parts_.delivery.replays().find(socket) != nullptr) return;
  receipts_.pinged(socket, parts_.delivery.handed());
}

void Admissions::ponged(Key socket) {
  if (receipts_.empty()) return;
  receipts_.ponged(socket, parts_.worker.now());
  save_positions_soon();
}

void Admissions::save_positions_soon() {
  if (!receipts_.has_changed() || save_positions_at_ != never) return;
  save_positions_at_ = parts_.worker.now() + save_interval;
}

void Admissions::save_positions() {
  save_positions_at_ = never;
  if (!receipts_.has_changed()) return;
  parts_.claims.save_positions(receipts_.take_changed());
}

// Claims. The highest fence owns a socket id; whoever has it with a lower one loses its transport,
// and comes back if it lives.

void Admissions::claimed(const std::string& sid, history::Fence fence) {
  const auto [first, last] = owners_.equal_range(hash_of(sid));
  std::vector<Key> lower;
  for (auto at = first; at != last; ++at) {
    const Owner& owner = at->second;
    if (owner.fence < fence && parts_.sockets.id(owner.socket) == sid) {
      lower.push_back(owner.socket);
    }
  }
  for (const Key socket : lower) close(socket);

  const auto [begin, end] = claiming_.equal_range(hash_of(sid));
  std::vector<Key> overtaken;
  for (auto at = begin; at != end; ++at) {
    Pending* pending = find(at->second);
    if (pending != nullptr && pending->machine.claim_heard(sid, fence)) {
      overtaken.push_back(at->second.session);
    }
  }
  for (const Key session : overtaken) give_up(session, "another connection claimed its pid");
}

/// What was claimed while nothing was heard has to be asked for.
void Admissions::claims_heard() {
  std::vector<std::string> sids;
  const auto ask_for = [this, &sids] {
    if (sids.empty()) return;
    parts_.claims.fences(
        sids, [this, sids](const Result<std::vector<history::Fence>, history::StoreError>& fences) {
          if (!fences) {
            ask_fences_at_ = parts_.worker.now() + options_.retry;
            return;
          }
          for (std::size_t i = 0; i < sids.size(); ++i) claimed(sids[i], (*fences)[i]);
        });
    sids.clear();
  };
  std::vector<std::string> all;
  all.reserve(owners_.size());
  for (const auto& [hash, owner] : owners_) all.emplace_back(parts_.sockets.id(owner.socket));
  for (const auto& [hash, waiting] : claiming_) {
    if (const Pending* pending = find(waiting)) all.emplace_back(pending->machine.pid_sid());
  }
  std::ranges::sort(all);  // whatever the order of the table
  for (auto& sid : all) {
    sids.push_back(std::move(sid));
    if (sids.size() == fences_max) ask_for();
  }
  ask_for();
}

void Admissions::close(Key socket) {
  const Key session = parts_.sockets.session_of(socket);
  if (session != 0) parts_.sessions.close(session, engineio::CloseReason::forced_close, true);
}

// Time.

void Admissions::tick(TimePoint now) {
  while (!waits_.empty() && waits_.begin()->first <= now) {
    const Waiting waiting = waits_.begin()->second;
    waits_.erase(waits_.begin());
    Pending* pending = find(waiting);
    if (pending != nullptr) perform(waiting.session, pending->machine.tick());
  }
  look_up_wanted();
  if (save_positions_at_ <= now) save_positions();
  if (ask_fences_at_ > now) return;
  ask_fences_at_ = never;
  claims_heard();
}

TimePoint Admissions::deadline() const {
  const TimePoint next = std::min(ask_fences_at_, save_positions_at_);
  return waits_.empty() ? next : std::min(next, waits_.begin()->first);
}

// Sockets.

void Admissions::event(Key socket, socketio::EventReceived& event) {
  ++counters_.client_events_dropped;
  if (!event.id) return;
  parts_.sockets.send(
      socket, socketio::encode_messages(socketio::PacketType::ack, sockets::main_namespace,
                                        event.id, R"([{"error":{"code":"not_allowed"}}])", {}));
}

void Admissions::ack(Key /*socket*/, socketio::AckReceived& /*ack*/) {}

void Admissions::left(Key socket, std::string_view id, std::string_view /*reason*/) {
  parts_.delivery.forget(socket);
  receipts_.remove(socket);
  save_positions();  // before its client comes back
  const auto [first, last] = owners_.equal_range(hash_of(id));
  const auto mine =
      std::find_if(first, last, [&](const auto& entry) { return entry.second.socket == socket; });
  if (mine != last) owners_.erase(mine);
}

}  // namespace crier::node

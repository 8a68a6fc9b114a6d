#include "store_link.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <utility>

namespace crier::simulation {

using history::StoreError;

namespace {

constexpr Duration command_timeout = std::chrono::seconds(2);
constexpr Duration append_deadline = std::chrono::seconds(5);
constexpr Duration witnesses_for = std::chrono::seconds(60);

}  // namespace

StoreLink::StoreLink(net::Loop& loop, StoreModel& store, Random random, std::string name,
                     Duration bus_delay_max)
    : loop_(loop),
      world_(World::current()),
      store_(store),
      random_(std::move(random)),
      dice_(world_.dice().fork("link " + name)),
      name_(std::move(name)),
      bus_delay_max_(bus_delay_max) {
  store_.add(*this);
  connect(commands_);
}

StoreLink::~StoreLink() {
  alive_.reset();
  store_.remove(*this);
}

void StoreLink::post(std::function<void()> task) {
  loop_.post([mark = std::weak_ptr<bool>(alive_), task = std::move(task)] {
    if (!mark.expired()) task();
  });
}

Duration StoreLink::delay() {
  const std::int64_t most = dice_.one_in(30) ? 30'000 : 600;
  return Duration(dice_.between(40, most));
}

// Connections.

void StoreLink::connect(Connection& connection) {
  const std::uint64_t number = ++connection.number;
  world_.after(delay() * 2, [this, &connection, number, mark = std::weak_ptr<bool>(alive_)] {
    if (mark.expired() || number != connection.number) return;
    if (!store_.up() || world_.now() < cut_until_ || world_.now() < store_.answers_from()) {
      return retry(connection);
    }
    connection.silent = false;
    if (&connection == &subscriber_) deaf_until_ = world_.now();
    connection.last_there = connection.last_back = world_.now();
    const std::string run_id = store_.run_id();
    back(connection, [this, &connection, run_id] {
      if (&connection == &commands_) run_id_ = run_id;
      connected(connection);
    });
  });
}

void StoreLink::connected(Connection& connection) {
  connection.up = true;
  connection.failures = 0;
  world_.trace(name_, &connection == &commands_ ? "commands up" : "subscriber up");
  if (&connection == &commands_) {
    witnesses_until_ = world_.now() + witnesses_for;
    std::vector<std::uint64_t> waiting;
    for (const auto& [number, append] : appends_) waiting.push_back(number);
    const std::weak_ptr<bool> mark = alive_;
    if (when_available_) when_available_();
    for (const auto number : waiting) {
      if (!mark.expired()) send(number);
    }
    return;
  }
  round_trip(subscriber_, [this] {
    claims_at_store_ = true;
    return [this] {
      hears_claims_ = true;
      listener_->claims_heard();
    };
  });
  for (const auto& [program, subscription] : wanted_) subscribe_at_store(program);
  keep_alive();
}

/// A connection that is silent is noticed, as backends/redis does.
void StoreLink::keep_alive() {
  world_.after(command_timeout,
               [this, number = subscriber_.number, mark = std::weak_ptr<bool>(alive_)] {
                 if (mark.expired() || number != subscriber_.number || !subscriber_.up) return;
                 probe([](bool) {});
                 keep_alive();
               });
}

void StoreLink::retry(Connection& connection) {
  const std::uint64_t number = ++connection.number;
  const std::int64_t most =
      std::min<std::int64_t>(100LL << std::min(connection.failures++, 5U), 2'000);
  world_.after(std::chrono::milliseconds(dice_.between(most / 2, most)),
               [this, &connection, number, mark = std::weak_ptr<bool>(alive_)] {
                 if (!mark.expired() && number == connection.number) connect(connection);
               });
}

/// `silent`: the node finds out by itself.
void StoreLink::break_connection(Connection& connection, bool silent) {
  if (&connection == &subscriber_) {
    heard_at_store_.clear();
    claims_at_store_ = false;
  }
  if (silent && connection.up) {
    connection.silent = true;
    return;
  }
  const std::uint64_t number = connection.number;
  post([this, &connection, number] {
    if (number == connection.number) down(connection);
  });
}

void StoreLink::down(Connection& connection) {
  const bool was_up = std::exchange(connection.up, false);
  if (&connection == &subscriber_) {
    heard_at_store_.clear();
    claims_at_store_ = false;
  }
  retry(connection);
  if (!was_up) return;
  world_.trace(name_, &connection == &commands_ ? "commands lost" : "subscriber lost");
  if (&connection == &commands_) {
    witnesses_until_ = {};
    witnessed_ = 0;
    const auto failed = std::exchange(calls_, {});
    for (const auto& [number, call] : failed) call.fail();
    std::vector<std::uint64_t> overdue;
    for (const auto& [number, append] : appends_) {
      if (append.deadline <= world_.now()) overdue.push_back(number);
    }
    for (const auto number : overdue) expire(number);
    return;
  }
  hears_claims_ = false;
  for (auto& [program, subscription] : wanted_) subscription.confirmed = false;
  const auto probes = std::exchange(probes_, {});
  listener_->lost();
  for (const auto& [number, done] : probes) done(false);
}

void StoreLink::when_available(std::function<void()> call) {
  CRIER_ASSERT(!when_available_);
  when_available_ = std::move(call);
  if (commands_.up) when_available_();
}

void StoreLink::server_gone() {
  break_connection(commands_, false);
  if (listener_ != nullptr) break_connection(subscriber_, false);
}

void StoreLink::cut(Duration time, bool silent) {
  world_.trace(name_, silent ? "cut off, silently" : "cut off");
  cut_until_ = world_.now() + time;
  break_connection(commands_, silent);
  if (listener_ != nullptr) break_connection(subscriber_, silent);
}

void StoreLink::deafen(Duration time) {
  world_.trace(name_, "deaf");
  deaf_until_ = world_.now() + time;
  const std::uint64_t number = subscriber_.number;
  world_.at(deaf_until_, [this, number, mark = std::weak_ptr<bool>(alive_)] {
    if (!mark.expired() && number == subscriber_.number) break_connection(subscriber_, false);
  });
}

void StoreLink::round_trip(Connection& connection,
                           std::function<std::function<void()>()> at_store) {
  if (connection.silent) return;
  connection.last_there =
      std::max({connection.last_there, world_.now() + delay(), store_.answers_from()});
  world_.at(connection.last_there,
            [this, &connection, number = connection.number, at_store = std::move(at_store),
             server = store_.run_id(), mark = std::weak_ptr<bool>(alive_)]() mutable {
              if (mark.expired() || number != connection.number || connection.silent) return;
              // Also of a node that has died since nothing outlives the server.
              if (server != store_.run_id()) return;
              // It may have begun to hang while this was under way.
              if (world_.now() < store_.answers_from()) {
                return round_trip(connection, std::move(at_store));
              }
              back(connection, at_store());
            });
}

void StoreLink::back(Connection& connection, std::function<void()> at_node) {
  if (connection.silent) return;
  Duration time = delay();
  // Not so late that the call fails.
  if (&connection == &commands_ && world_.now() < answers_late_until_) {
    time += std::chrono::milliseconds(dice_.between(1'200, 1'900));
  }
  if (&connection == &subscriber_ && dice_.one_in(10)) {
    time += Duration(dice_.between(0, bus_delay_max_.count()));
  }
  if (&connection == &subscriber_ && world_.now() < late_until_) {
    time += Duration(dice_.between(0, late_most_.count()));
  }
  if (&connection == &commands_) time += std::exchange(answer_late_, {});
  connection.last_back = std::max(connection.last_back, world_.now() + time);
  world_.at(connection.last_back,
            [this, &connection, number = connection.number, at_node = std::move(at_node),
             mark = std::weak_ptr<bool>(alive_)] {
              if (mark.expired() || number != connection.number || connection.silent) return;
              post([&connection, number, at_node] {
                if (number == connection.number) at_node();
              });
            });
}

// Calls.

Caller StoreLink::caller() {
  const history::Epoch& current = epochs_.current();
  Caller caller{run_id_,       history::new_epoch(random_), seen_, current, seen_in_epoch_,
                epochs_.left()};
  if (witnessed_ != 0 && (current.empty() || current == witnessed_epoch_)) {
    caller.epoch = witnessed_epoch_;
    caller.seen_in_epoch = std::max(seen_in_epoch_, witnessed_);
  }
  return caller;
}

void StoreLink::witnessed(const history::Epoch& epoch, history::Gid gid) {
  if (world_.now() > witnesses_until_) return;
  if (gid > static_cast<history::Gid>(store_.clock()) + 1'000'000) return;
  if (!epochs_.current().empty() && epoch != epochs_.current()) return;
  witnessed_ = std::max(epoch == witnessed_epoch_ ? witnessed_ : 0, gid);
  witnessed_epoch_ = epoch;
}

void StoreLink::note(const history::Epoch& epoch, history::Gid gid) {
  seen_ = std::max(seen_, gid);
  const bool is_new = epochs_.current() != epoch;
  const bool was_known = !epochs_.current().empty();
  if (!epochs_.enter(epoch)) return;
  if (witnessed_ != 0 && epoch != witnessed_epoch_) {
    witnessed_ = 0;
    if (was_known) witnesses_until_ = {};
  }
  seen_in_epoch_ = is_new ? gid : std::max(seen_in_epoch_, gid);
}

void StoreLink::time_out(Connection& connection, std::uint64_t number) {
  const std::uint64_t attempt = connection.number;
  world_.after(command_timeout,
               [this, &connection, number, attempt, mark = std::weak_ptr<bool>(alive_)] {
                 if (mark.expired() || attempt != connection.number) return;
                 const bool waits = &connection == &subscriber_
                                        ? probes_.contains(number)
                                        : calls_.contains(number) || appends_.contains(number);
                 if (!waits) return;
                 break_connection(connection, false);
               });
}

void StoreLink::append(history::AppendRequest request, history::Done<history::Appended> done) {
  if (!available()) return done(Unexpected{StoreError::unavailable});
  const bool own_token = request.token.empty();
  if (own_token) request.token = random_.id20();
  const std::uint64_t number = next_call_++;
  appends_[number] = {std::move(request),
                      std::move(done),
                      history::new_epoch(random_),
                      own_token,
                      world_.now() + append_deadline,
                      0};
  world_.at(appends_[number].deadline, [this, number, mark = std::weak_ptr<bool>(alive_)] {
    if (!mark.expired()) expire(number);
  });
  send(number);
}

void StoreLink::send(std::uint64_t number) {
  Append& append = appends_.at(number);
  ++append.attempts;
  time_out(commands_, number);
  round_trip(commands_, [this, number, request = append.request, call = append.call,
                         own_token = append.own_token, context = caller()] {
    if (store_.is_broken(request.program)) {
      return std::function<void()>([this, number] { refused(number); });
    }
    const auto result = store_.append(context, request, call, own_token);
    return std::function<void()>([this, number, result] { appended(number, result); });
  });
}

void StoreLink::refused(std::uint64_t number) {
  const auto found = appends_.find(number);
  if (found == appends_.end()) return;
  const bool first = found->second.attempts == 1;
  const auto done = std::move(found->second.done);
  appends_.erase(found);
  done(Unexpected{first ? StoreError::unavailable : StoreError::unknown});
}

void StoreLink::appended(std::uint64_t number, const std::optional<history::Appended>& result) {
  const auto found = appends_.find(number);
  if (found == appends_.end()) return;
  const auto done = std::move(found->second.done);
  appends_.erase(found);
  if (!result) return done(Unexpected{StoreError::token_taken});
  note(result->position.epoch, result->position.gid);
  done(*result);
}

void StoreLink::expire(std::uint64_t number) {
  if (!appends_.contains(number) || commands_.up) return;
  post([this, number] {
    const auto found = appends_.find(number);
    if (found == appends_.end() || commands_.up) return;
    const auto done = std::move(found->second.done);
    appends_.erase(found);
    done(Unexpected{StoreError::unknown});
  });
}

void StoreLink::begin(Call call) {
  const std::uint64_t number = next_call_++;
  const auto execute = call.execute;
  calls_[number] = std::move(call);
  time_out(commands_, number);
  round_trip(commands_, [this, number, execute, context = caller()] {
    const auto answer = execute(context);
    return [this, number, answer] {
      if (calls_.erase(number) != 0) answer();
    };
  });
}

void StoreLink::read(std::vector<history::ReadRequest> requests,
                     history::Done<history::ReadReply> done) {
  if (!available()) return done(Unexpected{StoreError::unavailable});
  begin({[this, requests = std::move(requests), done](const Caller& context) {
           auto reply = store_.read(context, requests);
           delay_read(requests);
           return [this, reply = std::move(reply), done] {
             note(reply.epoch, reply.last);
             for (const auto& kept : reply.programs) {
               note(reply.epoch, kept.top);
               world_.print(name_, "read " + kept.program + " " + std::to_string(kept.top) + " " +
                                       std::to_string(kept.records.size()));
             }
             done(reply);
           };
         },
         [done] { done(Unexpected{StoreError::unavailable}); }});
}

void StoreLink::delay_read(const std::vector<history::ReadRequest>& requests) {
  if (!meanwhile_) return;
  const auto whole = std::ranges::find(requests, 0U, &history::ReadRequest::after);
  if (whole == requests.end()) return;
  answer_late_ = read_late_;
  std::exchange(meanwhile_, nullptr)(whole->program);
}

void StoreLink::claim(const std::string& sid, history::Done<history::Fence> done) {
  if (!available()) return done(Unexpected{StoreError::unavailable});
  begin({[this, sid, done](const Caller&) {
           const history::Fence fence = store_.claim(sid);
           return [done, fence] { done(fence); };
         },
         [done] { done(Unexpected{StoreError::unknown}); }});
}

void StoreLink::fences(std::vector<std::string> sids,
                       history::Done<std::vector<history::Fence>> done) {
  if (!available()) return done(Unexpected{StoreError::unavailable});
  begin({[this, sids = std::move(sids), done](const Caller&) {
           std::vector<history::Fence> fences;
           for (const auto& sid : sids) fences.push_back(store_.fence(sid));
           return [done, fences = std::move(fences)] { done(fences); };
         },
         [done] { done(Unexpected{StoreError::unavailable}); }});
}

void StoreLink::take_over(history::SessionPosition position, history::Done<void> done) {
  if (!available()) return done(Unexpected{StoreError::unavailable});
  begin({[this, position = std::move(position), done](const Caller&) {
           store_.take_over(position);
           return [done] { done({}); };
         },
         [done] { done(Unexpected{StoreError::unknown}); }});
}

void StoreLink::save_positions(std::vector<history::SessionPosition> positions) {
  if (!available()) return;
  round_trip(commands_, [this, positions = std::move(positions)] {
    store_.save(positions);
    return [] {};
  });
}

void StoreLink::load_position(const std::string& user, const std::string& session,
                              history::Done<std::string> done) {
  if (!available()) return done(Unexpected{StoreError::unavailable});
  begin({[this, user, session, done](const Caller&) {
           const std::string value = store_.load(user, session);
           return [done, value] { done(value); };
         },
         [done] { done(Unexpected{StoreError::unavailable}); }});
}

// Listening.

void StoreLink::listen(history::BusListener& listener) {
  CRIER_ASSERT(listener_ == nullptr);
  listener_ = &listener;
  connect(subscriber_);
}

void StoreLink::subscribe(const std::string& program) {
  CRIER_ASSERT(wanted_.emplace(program, Subscription{next_call_++, false}).second);
  if (subscriber_.up) subscribe_at_store(program);
}

void StoreLink::subscribe_at_store(const std::string& program) {
  if (world_.now() < subscribes_late_until_) {
    subscriber_.last_there = std::max(subscriber_.last_there, world_.now() + subscribe_late_);
  }
  round_trip(subscriber_, [this, program, number = wanted_.at(program).number] {
    heard_at_store_.insert(program);
    return [this, program, number] {
      const auto found = wanted_.find(program);
      if (found == wanted_.end() || found->second.number != number) return;
      found->second.confirmed = true;
      world_.print(name_, "subscribed " + program);
      listener_->subscribed(program);
    };
  });
}

void StoreLink::unsubscribe(const std::string& program) {
  wanted_.erase(program);
  if (!subscriber_.up) return;
  round_trip(subscriber_, [this, program] {
    heard_at_store_.erase(program);
    return [] {};
  });
}

void StoreLink::hear(history::Published event) {
  if (!heard_at_store_.contains(event.program) || world_.now() < deaf_until_) return;
  if (event.program == unheard_) {
    unheard_.clear();
    return lost_();
  }
  back(subscriber_, [this, event = std::move(event)] {
    note(event.epoch, event.record.gid);
    const auto found = wanted_.find(event.program);
    if (found == wanted_.end() || !found->second.confirmed) return;
    world_.print(name_, "hears " + event.program + " " + std::to_string(event.record.gid));
    listener_->published(event);
  });
}

void StoreLink::hear_claim(const std::string& sid, history::Fence fence) {
  if (!claims_at_store_ || world_.now() < deaf_until_) return;
  back(subscriber_, [this, sid, fence] { listener_->claimed(sid, fence); });
}

void StoreLink::probe(std::function<void(bool)> done) {
  if (!subscriber_.up) return done(false);
  const std::uint64_t number = next_call_++;
  probes_[number] = std::move(done);
  time_out(subscriber_, number);
  round_trip(subscriber_, [this, number] {
    return [this, number] {
      const auto found = probes_.find(number);
      if (found == probes_.end()) return;
      const auto done = std::move(found->second);
      probes_.erase(found);
      done(true);
    };
  });
}

}  // namespace crier::simulation

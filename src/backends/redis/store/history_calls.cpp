// Calls of the Redis history: appends in batches, reads, claims and positions of sessions.

#include "backends/redis/store/redis_history.hpp"
#include "backends/redis/store/session_script.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace crier::redis {

using history::Fence;
using history::ReadReply;
using history::StoreError;

CallContext RedisHistory::context() {
  const history::Epoch& current = epochs_.current();
  CallContext context{run_id_,       history::new_epoch(random_), seen_, current, seen_in_epoch_,
                      epochs_.left()};
  if (!witness_.epoch().empty() && (current.empty() || current == witness_.epoch())) {
    context.epoch = witness_.epoch();
    context.seen_in_epoch = std::max(seen_in_epoch_, witness_.gid());
  }
  return context;
}

void RedisHistory::witnessed(const history::Epoch& epoch, history::Gid gid) {
  witness_.present(epoch, gid, clock_.at(loop_.now()), loop_.now());
}

/// Remembers that this number was given out.
void RedisHistory::note(const history::Epoch& epoch, history::Gid gid) {
  seen_ = std::max(seen_, gid);
  const bool is_new = epochs_.current() != epoch;
  if (!epochs_.enter(epoch)) return;  // heard late, or the server has gone back to it
  witness_.note(epoch);
  seen_in_epoch_ = is_new ? gid : std::max(seen_in_epoch_, gid);
}

void RedisHistory::append(history::AppendRequest request, std::function<void(AppendResult)> done) {
  if (!available_) return done(Unexpected{StoreError::unavailable});
  if (batches_.empty() || !batches_.back().has_room_for(request)) {
    send_batch();
    batches_.push_back({random_.id20(), loop_.now()});
  }
  Batch& batch = batches_.back();
  batch.bytes += request.body.size();
  batch.appends.push_back({std::move(request), std::move(done)});
  if (batch.appends.size() == batch_events_max) return send_batch();
  schedule_batch();
}

/// Appends leave at the end of the turn in which they came, together; while others are under way
/// they wait for the answer, so that more can join them, but no longer than `append_window`.
void RedisHistory::schedule_batch() {
  if (std::exchange(batch_scheduled_, true)) return;
  loop_.post([this, mark = std::weak_ptr<bool>(alive_)] {
    if (!mark.expired()) end_of_turn();
  });
}

void RedisHistory::end_of_turn() {
  batch_scheduled_ = false;
  if (batches_.empty() || !batches_.back().is_open()) return;
  if (!batches_.front().in_flight) return send_batch();
  window_.arm(batches_.back().begun + options_.append_window);
}

/// The newest one, if it has not been sent.
void RedisHistory::send_batch() {
  if (!available_ || scripts_lost_) return;
  if (!batches_.empty() && batches_.back().is_open()) send(std::prev(batches_.end()));
}

void RedisHistory::read(std::vector<history::ReadRequest> requests, history::Done<ReadReply> done) {
  const auto asked = std::make_shared<const std::vector<history::ReadRequest>>(std::move(requests));
  const auto command = [this, asked] {
    auto words = read_arguments(names_, context(), retention_, *asked);
    words.insert(words.begin(), {"EVALSHA", read_sha_});
    return words;
  };
  const auto take = [this, asked, done](const redisReply& reply) {
    auto result = read_result(reply, *asked);
    if (!result) return false;
    clock_.told(result->clock, loop_.now());
    note(result->epoch, result->last);
    for (const history::Kept& kept : result->programs) note(result->epoch, kept.top);
    done(*std::move(result));
    return true;
  };
  begin({command, take, [done](StoreError error) { done(Unexpected{error}); }});
}

void RedisHistory::claim(const std::string& sid, history::Done<Fence> done) {
  if (!available_) return done(Unexpected{StoreError::unavailable});
  claims_.push_back({sid, std::move(done)});
  if (claims_.size() == batch_events_max) return send_claims();
  if (claims_.size() > 1) return;
  loop_.post([this, mark = std::weak_ptr<bool>(alive_)] {
    if (!mark.expired()) send_claims();
  });
}

void RedisHistory::send_claims() {
  if (claims_.empty()) return;
  std::vector<std::string> sids;
  for (const ClaimCall& claim : claims_) sids.push_back(claim.sid);
  const auto command = [this, sids] {
    auto words = claim_arguments(names_, retention_, sids);
    words.insert(words.begin(), {"EVALSHA", claim_sha_});
    return words;
  };
  const auto answer = [claims = std::exchange(claims_, {}), mark = std::weak_ptr<bool>(alive_)](
                          const std::function<Result<Fence, StoreError>(std::size_t)>& result) {
    for (std::size_t i = 0; i < claims.size() && !mark.expired(); ++i) claims[i].done(result(i));
  };
  const auto take = [answer, count = sids.size()](const redisReply& reply) {
    const auto fences = claim_results(reply, count);
    if (fences) answer([&](std::size_t i) { return (*fences)[i]; });
    return fences.has_value();
  };
  const auto fail = [answer](StoreError error) {
    answer([error](std::size_t) { return Unexpected{error}; });
  };
  begin({command, take, fail, StoreError::unknown});
}

void RedisHistory::take_over(history::SessionPosition position, history::Done<void> done) {
  const auto command = [this, position = std::move(position)] {
    auto words = take_over_arguments(names_, retention_, position);
    words.insert(words.begin(), {"EVALSHA", save_sha_});
    return words;
  };
  const auto take = [done](const redisReply& reply) {
    const bool is_done = string_of(reply) == "OK";
    if (is_done) done({});
    return is_done;
  };
  begin(
      {command, take, [done](StoreError error) { done(Unexpected{error}); }, StoreError::unknown});
}

/// Nobody waits for an answer, and none is sent again: the next ones replace them.
void RedisHistory::save_positions(std::vector<history::SessionPosition> positions) {
  std::span<const history::SessionPosition> left = positions;
  while (!left.empty() && available_ && !scripts_lost_) {
    const auto some = left.first(std::min(left.size(), saved_a_call_max));
    left = left.subspan(some.size());
    auto words = save_arguments(names_, retention_, some);
    words.insert(words.begin(), {"EVALSHA", save_sha_});
    connection_.send(words, [this](const redisReply* reply) {
      if (reply != nullptr) judge(*reply);
    });
  }
}

void RedisHistory::load_position(const std::string& user, const std::string& session,
                                 history::Done<std::string> done) {
  const auto command = [this, user, session] {
    auto words = load_arguments(names_, retention_, user, session);
    words.insert(words.begin(), {"EVALSHA", load_sha_});
    return words;
  };
  const auto take = [done](const redisReply& reply) {
    const auto value = string_of(reply);
    if (value) done(std::string(*value));
    return value.has_value();
  };
  begin({command, take, [done](StoreError error) { done(Unexpected{error}); }});
}

void RedisHistory::fences(std::vector<std::string> sids, history::Done<std::vector<Fence>> done) {
  std::vector<std::string> words = {"MGET"};
  for (const std::string& sid : sids) words.push_back(names_.claim(sid));
  if (sids.empty()) words = {"MGET", names_.claim("")};  // it must name a key
  const auto take = [done, count = sids.size(), asked = words.size() - 1](const redisReply& reply) {
    auto fences = fences_result(reply, asked);
    if (!fences) return false;
    fences->resize(count);
    done(*std::move(fences));
    return true;
  };
  begin({[words] { return words; }, take, [done](StoreError error) { done(Unexpected{error}); }});
}

void RedisHistory::begin(Call call) {
  if (!available_) return call.fail(StoreError::unavailable);
  send_claims();  // what was asked for before comes before
  send_batch();
  calls_.push_back(std::move(call));
  if (!scripts_lost_) send(std::prev(calls_.end()));
}

void RedisHistory::send(Batches::iterator batch) {
  ++batch->attempts;
  batch->in_flight = true;
  std::vector<std::string> command =
      append_arguments(names_, context(), retention_, call_of(*batch));
  command.insert(command.begin(), {"EVALSHA", append_sha_});
  connection_.send(command, [this, batch](const redisReply* reply) { on_batch(batch, reply); });
}

void RedisHistory::send(Calls::iterator call) {
  call->in_flight = true;
  connection_.send(call->command(),
                   [this, call](const redisReply* reply) { on_call(call, reply); });
}

AppendBatch RedisHistory::call_of(const Batch& batch) const {
  // The id only has to outlive our retries.
  AppendBatch call{batch.id, 2 * options_.append_deadline, {}};
  for (const Append& append : batch.appends) call.requests.push_back(&append.request);
  return call;
}

void RedisHistory::on_batch(Batches::iterator batch, const redisReply* reply) {
  batch->in_flight = false;
  if (reply == nullptr) return;  // kept for the next connection, until its deadline
  const Answer answer = judge(*reply);
  const bool first_attempt = batch->attempts == 1;
  if (answer == Answer::scripts_lost) --batch->attempts;
  if (answer == Answer::refused && first_attempt) return fail(batch, StoreError::unavailable);
  const StoreError failure = first_attempt ? StoreError::unavailable : StoreError::unknown;
  if (answer == Answer::failed) return fail(batch, failure);
  if (answer != Answer::result) return;  // sent again later
  auto results = append_results(*reply, call_of(*batch));
  if (!results) return connection_.drop(senseless);
  for (std::size_t i = 0; i < results->size(); ++i) {
    AppendResult& result = (*results)[i];
    if (result) note(result->position.epoch, result->position.gid);
    if (result || result.error() != StoreError::unavailable) continue;
    outage_.failure("the key or the numbers of program " + batch->appends[i].request.program +
                    " are not Crier's, or its channel is refused");
    result = Unexpected{failure};
  }
  schedule_batch();
  finish(batch, *std::move(results));
}

void RedisHistory::on_call(Calls::iterator call, const redisReply* reply) {
  call->in_flight = false;
  const Answer answer = reply == nullptr ? Answer::failed : judge(*reply);
  if (answer == Answer::scripts_lost) return;  // sent again later
  const Call taken = std::move(*call);
  calls_.erase(call);
  if (reply == nullptr) return taken.fail(taken.when_lost);
  if (answer != Answer::result) return taken.fail(StoreError::unavailable);
  if (taken.take(*reply)) return;
  const std::weak_ptr<bool> mark = alive_;
  taken.fail(taken.when_lost);
  if (!mark.expired()) connection_.drop(senseless);
}

/// Draws the consequences of an answer, other than for its call.
Answer RedisHistory::judge(const redisReply& reply) {
  const Answer answer = answer_of(reply);
  switch (answer) {
    case Answer::result:
      connection_.settled();
      break;
    case Answer::scripts_lost:
      scripts_lost_ = true;
      break;
    case Answer::refused:
      available_ = false;
      refused_ = "refused a call (" + refusal_text(reply) + ")";
      break;
    case Answer::failed:
      outage_.failure(error_text(reply));
      break;
  }
  settle_when_idle();
  return answer;
}

void RedisHistory::finish(Batches::iterator batch, std::vector<AppendResult> results) {
  const std::vector<Append> appends = std::move(batch->appends);
  batches_.erase(batch);
  const std::weak_ptr<bool> mark = alive_;
  for (std::size_t i = 0; i < appends.size(); ++i) {
    if (!mark.expired()) appends[i].done(std::move(results[i]));
  }
}

void RedisHistory::fail(Batches::iterator batch, StoreError error) {
  finish(batch, std::vector<AppendResult>(batch->appends.size(), Unexpected{error}));
}

/// Answers the calls of batches that were taken off the list.
void RedisHistory::fail(Batches batches, StoreError error) {
  const std::weak_ptr<bool> mark = alive_;
  for (const Batch& batch : batches) {
    for (const Append& append : batch.appends) {
      if (!mark.expired()) append.done(Unexpected{error});
    }
  }
}

/// After the last answer: loads lost scripts again, or gives up a connection that is of no use.
void RedisHistory::settle_when_idle() {
  if ((!scripts_lost_ && refused_.empty()) || !connection_.idle()) return;
  loop_.post([this, mark = std::weak_ptr<bool>(alive_)] {
    if (!mark.expired()) settle();
  });
}

void RedisHistory::settle() {
  if (!connection_.idle()) return;
  if (!refused_.empty()) return connection_.drop(refused_);
  if (!std::exchange(scripts_lost_, false)) return;
  load_scripts();
  send_waiting();
}

void RedisHistory::send_waiting() {
  for (auto batch = batches_.begin(); batch != batches_.end(); ++batch) {
    if (!batch->in_flight) send(batch);
  }
  for (auto call = calls_.begin(); call != calls_.end(); ++call) {
    if (!call->in_flight) send(call);
  }
}

/// Reports appends that nobody could ask about in time.
void RedisHistory::give_up_overdue() {
  Batches overdue;
  while (!batches_.empty() && !batches_.front().in_flight) {
    const TimePoint due = batches_.front().begun + options_.append_deadline;
    if (due > loop_.now()) {
      deadline_.arm(due);
      break;
    }
    overdue.splice(overdue.end(), batches_, batches_.begin());
  }
  fail(std::move(overdue), StoreError::unknown);
}

}  // namespace crier::redis

#include "backends/redis/history.hpp"

#include "backends/redis/batch.hpp"
#include "backends/redis/connection.hpp"
#include "backends/redis/reply.hpp"
#include "backends/redis/script.hpp"
#include "backends/redis/subscriber.hpp"
#include "base/assert.hpp"

#include <algorithm>
#include <list>
#include <optional>
#include <string_view>
#include <utility>

namespace crier::redis {
namespace {

using history::Fence;
using history::ReadReply;
using history::StoreError;

constexpr const char* senseless = "an answer that makes no sense";
constexpr const char* two_servers = "the connections lead to two servers";

constexpr history::Gid far_ahead = std::chrono::microseconds(std::chrono::hours(24)).count();

history::Gid wall_now() {
  return static_cast<history::Gid>(std::chrono::duration_cast<std::chrono::microseconds>(
                                       std::chrono::system_clock::now().time_since_epoch())
                                       .count());
}

struct Claim {
  std::string sid;
  std::function<void(Result<Fence, StoreError>)> done;
};

/// Any call but an append: sent again only if it was not carried out.
struct Call {
  std::function<std::vector<std::string>()> command;
  /// Reports what the reply says. False, and nothing done: it makes no sense.
  std::function<bool(const redisReply&)> take;
  std::function<void(StoreError)> fail;
  StoreError when_lost = StoreError::unavailable;
  bool in_flight = false;
};

class RedisHistory final : public history::HistoryStore,
                           private ConnectionUser,
                           private SubscriberUser {
 public:
  RedisHistory(net::Loop& loop, Url url, const Options& options,
               const history::Retention& retention, Random random, LogSink log);

  void append(history::AppendRequest request, std::function<void(AppendResult)> done) override;
  void read(std::vector<history::ReadRequest> requests,
            std::function<void(Result<ReadReply, StoreError>)> done) override;
  [[nodiscard]] bool available() const override { return available_; }
  void when_available(std::function<void()> call) override;

  void listen(history::Listener& listener) override;
  void subscribe(const std::string& program) override { subscriber_->subscribe(program); }
  void unsubscribe(const std::string& program) override { subscriber_->unsubscribe(program); }
  void probe(std::function<void(bool)> done) override;
  void listen_again() override {
    if (subscriber_) subscriber_->drop("it was deaf");
  }
  [[nodiscard]] bool hears() const override { return subscriber_ && subscriber_->hears(); }

  void claim(const std::string& sid, std::function<void(Result<Fence, StoreError>)> done) override;
  void fences(std::vector<std::string> sids,
              std::function<void(Result<std::vector<Fence>, StoreError>)> done) override;

 private:
  using Batches = std::list<Batch>;
  using Calls = std::list<Call>;

  void on_connected() override;
  void on_lost(const std::string& why) override;
  void ask(std::vector<std::string> command, std::function<bool(const redisReply&)> accept);
  void load_script(const std::string& script, std::string& sha);
  void load_scripts();
  void become_available();
  bool on_run_id(std::string run_id);

  bool on_instance(const std::string& run_id) override;
  void on_fault(const std::string& why) override { log_outage(why); }
  void subscribed(const std::string& program) override { listener_->subscribed(program); }
  void published(history::Published event) override;
  void claims_heard() override;
  void claimed(const std::string& sid, Fence fence) override { listener_->claimed(sid, fence); }
  void lost() override { listener_->lost(); }

  void send(Batches::iterator batch);
  void schedule_batch();
  void end_of_turn();
  void send_batch();
  void send(Calls::iterator call);
  void begin(Call call);
  void send_claims();
  void on_batch(Batches::iterator batch, const redisReply* reply);
  void on_call(Calls::iterator call, const redisReply* reply);
  void finish(Batches::iterator batch, std::vector<AppendResult> results);
  void fail(Batches::iterator batch, StoreError error);
  void fail(Batches batches, StoreError error);
  [[nodiscard]] AppendBatch call_of(const Batch& batch) const;
  void log_failure(std::string code);
  Answer judge(const redisReply& reply);
  void send_waiting();
  void settle_when_idle();
  void settle();
  void give_up_overdue();
  CallContext context();
  void note(const history::Epoch& epoch, history::Gid gid);
  void log_outage(std::string why);
  void log_end_of_outage();

  net::Loop& loop_;
  const Url url_;
  const Options options_;
  const history::Retention retention_;
  const Names names_;
  Random random_;
  const LogSink log_;

  bool available_ = false;
  std::function<void()> when_available_;
  bool told_outage_ = false;
  bool told_failure_ = false;
  bool scripts_lost_ = false;  ///< New calls wait until those in flight are answered, so that none
                               ///< overtakes another; then the scripts are loaded again.
  std::string refused_;        ///< Why this connection is given up once nothing is in flight.
  std::string run_id_;
  std::string append_sha_;
  std::string read_sha_;
  std::string claim_sha_;
  history::Gid seen_ = 0;
  history::Epoch epoch_;  ///< The last that was seen,
  history::Gid seen_in_epoch_ = 0;
  Batches batches_;  ///< In the order in which they were asked for.
  Calls calls_;
  std::vector<Claim> claims_;  ///< Of this turn: they leave as one call.
  bool batch_scheduled_ = false;
  net::Timer window_;  ///< Ends what the newest batch collects.
  net::Timer deadline_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  history::Listener* listener_ = nullptr;
  std::unique_ptr<Subscriber> subscriber_;
  Connection connection_;
};

RedisHistory::RedisHistory(net::Loop& loop, Url url, const Options& options,
                           const history::Retention& retention, Random random, LogSink log)
    : loop_(loop),
      url_(std::move(url)),
      options_(options),
      retention_(retention),
      names_(url_.database, url_.is_cluster()),
      random_(std::move(random)),
      log_(std::move(log)),
      window_(loop, [this] { send_batch(); }),
      deadline_(loop, [this] { give_up_overdue(); }),
      connection_(loop, url_, options, random_, *this) {}

// Connecting. A connection is of use once its run_id is known, the scripts are loaded, and it may
// publish and write.

void RedisHistory::on_connected() {
  ask({"INFO", "server"}, [this](const redisReply& reply) {
    auto run_id = run_id_of(reply);
    return run_id && on_run_id(*std::move(run_id));
  });
  load_scripts();
  // Nothing may be stored that cannot be published.
  ask({names_.publish(), names_.probe_channel(), ""},
      [](const redisReply& reply) { return reply.type == REDIS_REPLY_INTEGER; });
  ask({"HSET", names_.meta(), "probe", "1"}, [this](const redisReply& reply) {
    if (reply.type != REDIS_REPLY_INTEGER) return false;
    become_available();
    return true;
  });
}

void RedisHistory::load_script(const std::string& script, std::string& sha) {
  ask({"SCRIPT", "LOAD", script}, [&sha](const redisReply& reply) {
    sha = string_of(reply).value_or("");
    return !sha.empty();
  });
}

void RedisHistory::load_scripts() {
  load_script(append_script(), append_sha_);
  load_script(read_script(), read_sha_);
  load_script(claim_script(), claim_sha_);
}

/// Sends a command without which the connection is of no use.
void RedisHistory::ask(std::vector<std::string> command,
                       std::function<bool(const redisReply&)> accept) {
  connection_.send(
      command, [this, name = command.front(), accept = std::move(accept)](const redisReply* reply) {
        if (reply == nullptr) return;
        if (reply->type == REDIS_REPLY_ERROR) {
          return connection_.drop("refused " + name + " (" + error_code(*reply) + ")");
        }
        if (!accept(*reply)) connection_.drop("an answer to " + name + " that makes no sense");
      });
}

void RedisHistory::become_available() {
  available_ = true;
  told_failure_ = false;
  log_end_of_outage();
  const std::weak_ptr<bool> mark = alive_;
  if (when_available_) when_available_();
  if (mark.expired()) return;
  send_batch();  // what was asked for in that call goes first
  send_waiting();
}

void RedisHistory::when_available(std::function<void()> call) {
  CRIER_ASSERT(!when_available_);
  when_available_ = std::move(call);
  if (available_) when_available_();
}

void RedisHistory::on_lost(const std::string& why) {
  available_ = false;
  scripts_lost_ = false;
  run_id_.clear();
  log_outage(refused_.empty() ? why : refused_);
  refused_.clear();
  if (!batches_.empty()) deadline_.arm(batches_.front().begun + options_.append_deadline);

  // What was never sent did not happen; what is in flight is told by the connection.
  Batches unsent;
  Calls waiting;
  for (auto at = batches_.begin(); at != batches_.end();) {
    const auto batch = at++;
    if (batch->attempts == 0) unsent.splice(unsent.end(), batches_, batch);
  }
  for (auto at = calls_.begin(); at != calls_.end();) {
    const auto call = at++;
    if (!call->in_flight) waiting.splice(waiting.end(), calls_, call);
  }
  const std::weak_ptr<bool> mark = alive_;
  fail(std::move(unsent), StoreError::unavailable);
  for (Call& call : waiting) {
    if (!mark.expired()) call.fail(StoreError::unavailable);
  }
}

// Both connections must lead to one server, or what is published by one is not heard by the other.
// Which of them is behind, after a failover, cannot be known here. The other one is dropped later,
// because either may be in the middle of its own answers.

bool RedisHistory::on_run_id(std::string run_id) {
  if (subscriber_ && !subscriber_->run_id().empty() && subscriber_->run_id() != run_id) {
    loop_.post([this, mark = std::weak_ptr<bool>(alive_)] {
      if (!mark.expired()) subscriber_->drop(two_servers);
    });
    return false;
  }
  run_id_ = std::move(run_id);
  return true;
}

bool RedisHistory::on_instance(const std::string& run_id) {
  if (run_id_.empty() || run_id_ == run_id) return true;
  loop_.post([this, mark = std::weak_ptr<bool>(alive_)] {
    if (!mark.expired()) connection_.drop(two_servers);
  });
  return false;
}

void RedisHistory::log_outage(std::string why) {
  if (std::exchange(told_outage_, true) || !log_) return;
  log_(LogLevel::warning, "Redis is unavailable",
       {{"server", place_of(url_)}, {"why", std::move(why)}});
}

void RedisHistory::log_end_of_outage() {
  if (!told_outage_ || !available_ || (subscriber_ && !subscriber_->hears())) return;
  told_outage_ = false;
  if (log_) log_(LogLevel::info, "Redis is available again", {{"server", place_of(url_)}});
}

// Listening.

void RedisHistory::listen(history::Listener& listener) {
  CRIER_ASSERT(listener_ == nullptr);
  listener_ = &listener;
  SubscriberUser& user = *this;
  subscriber_ = std::make_unique<Subscriber>(loop_, url_, options_, names_, random_, user, log_);
}

void RedisHistory::probe(std::function<void(bool)> done) {
  if (!subscriber_) return done(false);
  subscriber_->probe(std::move(done));
}

void RedisHistory::published(history::Published event) {
  // Anybody may publish: a number from the far future must not become what all others are above.
  if (event.record.gid > wall_now() + far_ahead) return;
  note(event.epoch, event.record.gid);
  listener_->published(std::move(event));
}

void RedisHistory::claims_heard() {
  log_end_of_outage();
  listener_->claims_heard();
}

// Calls.

CallContext RedisHistory::context() {
  return {run_id_, history::new_epoch(random_), seen_, epoch_, seen_in_epoch_};
}

/// Remembers that this number was given out.
void RedisHistory::note(const history::Epoch& epoch, history::Gid gid) {
  if (epoch_ != epoch) {
    epoch_ = epoch;
    seen_in_epoch_ = 0;
  }
  seen_in_epoch_ = std::max(seen_in_epoch_, gid);
  seen_ = std::max(seen_, gid);
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

void RedisHistory::read(std::vector<history::ReadRequest> requests,
                        std::function<void(Result<ReadReply, StoreError>)> done) {
  const auto asked = std::make_shared<const std::vector<history::ReadRequest>>(std::move(requests));
  const auto command = [this, asked] {
    auto words = read_arguments(names_, context(), retention_, *asked);
    words.insert(words.begin(), {"EVALSHA", read_sha_});
    return words;
  };
  const auto take = [this, asked, done](const redisReply& reply) {
    auto result = read_result(reply, *asked);
    if (!result) return false;
    for (const history::Kept& kept : result->programs) note(result->epoch, kept.top);
    done(*std::move(result));
    return true;
  };
  begin({command, take, [done](StoreError error) { done(Unexpected{error}); }});
}

void RedisHistory::claim(const std::string& sid,
                         std::function<void(Result<Fence, StoreError>)> done) {
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
  for (const Claim& claim : claims_) sids.push_back(claim.sid);
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

void RedisHistory::fences(std::vector<std::string> sids,
                          std::function<void(Result<std::vector<Fence>, StoreError>)> done) {
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
  for (AppendResult& result : *results) {
    if (result) note(result->position.epoch, result->position.gid);
    if (result || result.error() != StoreError::unavailable) continue;
    log_failure("WRONGTYPE");
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
      refused_ = "refused a call (" + std::string(refusal_of(reply)) + ")";
      break;
    case Answer::failed:
      log_failure(error_code(reply));
      break;
  }
  settle_when_idle();
  return answer;
}

void RedisHistory::log_failure(std::string code) {
  if (std::exchange(told_failure_, true) || !log_) return;
  log_(LogLevel::error, "Redis failed a call",
       {{"server", place_of(url_)}, {"code", std::move(code)}});
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

/// Of batches that are no longer in the list.
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

}  // namespace

Result<std::unique_ptr<history::HistoryStore>, std::string> open_history(
    net::Loop& loop, const Options& options, const history::Retention& retention, Random random,
    LogSink log) {
  auto url = checked_url(options);
  if (!url) return Unexpected{std::move(url).error()};
  return std::unique_ptr<history::HistoryStore>(std::make_unique<RedisHistory>(
      loop, std::move(url).value(), options, retention, std::move(random), std::move(log)));
}

}  // namespace crier::redis

// Life of the Redis history: connections, outages, scripts and the bus.

#include "backends/redis/store/history.hpp"

#include "backends/redis/store/redis_history.hpp"
#include "backends/redis/store/script.hpp"
#include "backends/redis/store/session_script.hpp"
#include "base/assert.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace crier::redis {

using history::Fence;
using history::StoreError;

namespace {

constexpr const char* two_servers = "the connections lead to two servers";

constexpr history::Gid far_ahead = std::chrono::microseconds(std::chrono::hours(24)).count();
/// Further apart, two clocks are worth a line in the log.
constexpr std::chrono::seconds offset_max{1};

WallTime wall_now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

RedisHistory::RedisHistory(net::Loop& loop, Url url, const Options& options,
                           const history::Retention& retention, Random random, LogSink log)
    : loop_(loop),
      url_(std::move(url)),
      options_(options),
      retention_(retention),
      names_(url_.database, url_.is_cluster()),
      random_(std::move(random)),
      log_(std::move(log)),
      outage_(log_, place_of(url_)),
      window_(loop, [this] { send_batch(); }),
      deadline_(loop, [this] { give_up_overdue(); }),
      connection_(loop, url_, options.connection, random_, *this) {}

// Connecting. A connection is of use once its run_id is known, the scripts are loaded, and it may
// publish and write.

void RedisHistory::on_connected() {
  ask({"INFO", "server"}, [this](const redisReply& reply) {
    auto run_id = run_id_of(reply);
    if (!run_id) return false;
    on_run_id(*std::move(run_id));
    return true;
  });
  ask_time();
  ask_eviction();
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

void RedisHistory::ask_time() {
  ask({"TIME"}, [this, asked = wall_now()](const redisReply& reply) {
    const auto time = time_of(reply);
    if (time) on_time(asked, *time);
    return time.has_value();
  });
}

/// A server that tells nothing of its memory is of use, too.
void RedisHistory::ask_eviction() {
  connection_.send({"INFO", "memory"}, [this](const redisReply* reply) {
    if (reply == nullptr) return;
    std::string policy = eviction_of(*reply);
    const bool is_new = !policy.empty() && policy != health_.eviction;
    health_.eviction = std::move(policy);
    if (!is_new || !log_) return;
    log_(LogLevel::warning, "Redis may drop what it was to keep: set maxmemory-policy noeviction",
         {{"server", place_of(url_)}, {"policy", health_.eviction}});
  });
}

void RedisHistory::on_time(WallTime asked, history::Gid time) {
  clock_.told(std::max(time, seen_), loop_.now());
  health_.clock_offset = clock_offset(asked, wall_now(), static_cast<WallTime>(time));
  const auto change = std::chrono::abs(health_.clock_offset - told_offset_);
  if (change <= offset_max) return;
  told_offset_ = health_.clock_offset;
  if (!log_) return;
  log_(LogLevel::warning, "the clock of Redis is not this machine's",
       {{"server", place_of(url_)},
        {"ahead_seconds", std::to_string(std::chrono::duration<double>(told_offset_).count())}});
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
  load_script(save_script(), save_sha_);
  load_script(redis::load_script(), load_sha_);
}

/// Sends a command without which the connection is of no use.
void RedisHistory::ask(std::vector<std::string> command,
                       std::function<bool(const redisReply&)> accept) {
  connection_.send(
      command, [this, name = command.front(), accept = std::move(accept)](const redisReply* reply) {
        if (reply == nullptr) return;
        if (reply->type == REDIS_REPLY_ERROR) {
          return connection_.drop("refused " + name + " (" + error_text(*reply) + ")");
        }
        if (!accept(*reply)) connection_.drop("an answer to " + name + " that makes no sense");
      });
}

void RedisHistory::become_available() {
  available_ = true;
  witness_.begin(loop_.now());
  outage_.connected();
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
  witness_.end();
  scripts_lost_ = false;
  run_id_.clear();
  outage_.outage(refused_.empty() ? why : refused_);
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

void RedisHistory::on_run_id(std::string run_id) {
  if (!subscriber_ || subscriber_->run_id().empty() || subscriber_->run_id() == run_id) {
    run_id_ = std::move(run_id);
    return;
  }
  loop_.post([this, mark = std::weak_ptr<bool>(alive_)] {
    if (!mark.expired()) subscriber_->drop(two_servers);
  });
  connection_.drop(two_servers);
}

bool RedisHistory::on_instance(const std::string& run_id) {
  if (run_id_.empty() || run_id_ == run_id) return true;
  loop_.post([this, mark = std::weak_ptr<bool>(alive_)] {
    if (!mark.expired()) connection_.drop(two_servers);
  });
  return false;
}

void RedisHistory::log_end_of_outage() {
  if (available_ && (!subscriber_ || subscriber_->hears())) outage_.end();
}

// Listening.

void RedisHistory::listen(history::BusListener& listener) {
  CRIER_ASSERT(listener_ == nullptr);
  listener_ = &listener;
  SubscriberUser& user = *this;
  subscriber_ =
      std::make_unique<Subscriber>(loop_, url_, options_.connection, names_, random_, user, log_);
}

void RedisHistory::probe(std::function<void(bool)> done) {
  if (!subscriber_) return done(false);
  subscriber_->probe(std::move(done));
}

void RedisHistory::published(history::Published event) {
  // Anybody may publish: a number from the far future must not become what all others are above.
  // While the server's time is not known, nothing was read either that this could follow.
  const auto clock = clock_.at(loop_.now());
  if (!clock || event.record.gid > *clock + far_ahead) return;
  note(event.epoch, event.record.gid);
  listener_->published(std::move(event));
}

void RedisHistory::claims_heard() {
  log_end_of_outage();
  listener_->claims_heard();
}

Result<std::unique_ptr<history::HistoryStore>, std::string> open_history(
    net::Loop& loop, const Options& options, const history::Retention& retention, Random random,
    LogSink log) {
  auto url = checked_url(options.connection);
  if (!url) return Unexpected{std::move(url).error()};
  return std::unique_ptr<history::HistoryStore>(std::make_unique<RedisHistory>(
      loop, std::move(url).value(), options, retention, std::move(random), std::move(log)));
}

}  // namespace crier::redis

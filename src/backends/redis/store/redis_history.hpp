#pragma once

// What open_history() makes: history.cpp connects and listens, history_calls.cpp asks.

#include "backends/redis/client/connection.hpp"
#include "backends/redis/client/reply.hpp"
#include "backends/redis/client/url.hpp"
#include "backends/redis/store/batch.hpp"
#include "backends/redis/store/history.hpp"
#include "backends/redis/store/names.hpp"
#include "backends/redis/store/outage_log.hpp"
#include "backends/redis/store/script.hpp"
#include "backends/redis/store/server_clock.hpp"
#include "backends/redis/store/subscriber.hpp"
#include "backends/redis/store/witness.hpp"
#include "history/epochs.hpp"

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace crier::redis {

constexpr const char* senseless = "an answer that makes no sense";

struct ClaimCall {
  std::string sid;
  history::Done<history::Fence> done;
};

/// Any call but an append: sent again only if it was not carried out.
struct Call {
  std::function<std::vector<std::string>()> command;
  /// Reports what the reply says. False, and nothing done: it makes no sense.
  std::function<bool(const redisReply&)> take;
  std::function<void(history::StoreError)> fail;
  history::StoreError when_lost = history::StoreError::unavailable;
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
            history::Done<history::ReadReply> done) override;
  [[nodiscard]] bool available() const override { return available_; }
  [[nodiscard]] history::StoreHealth health() const override { return health_; }
  void when_available(std::function<void()> call) override;
  void witnessed(const history::Epoch& epoch, history::Gid gid) override;

  void take_over(history::SessionPosition position, history::Done<void> done) override;
  void save_positions(std::vector<history::SessionPosition> positions) override;
  void load_position(const std::string& user, const std::string& session,
                     history::Done<std::string> done) override;

  void listen(history::BusListener& listener) override;
  void subscribe(const std::string& program) override { subscriber_->subscribe(program); }
  void unsubscribe(const std::string& program) override { subscriber_->unsubscribe(program); }
  void probe(std::function<void(bool)> done) override;
  void listen_again() override {
    if (subscriber_) subscriber_->drop("it was deaf");
  }
  [[nodiscard]] bool hears() const override { return subscriber_ && subscriber_->hears(); }

  void claim(const std::string& sid, history::Done<history::Fence> done) override;
  void fences(std::vector<std::string> sids,
              history::Done<std::vector<history::Fence>> done) override;

 private:
  using Batches = std::list<Batch>;
  using Calls = std::list<Call>;

  void on_connected() override;
  void on_lost(const std::string& why) override;
  void ask(std::vector<std::string> command, std::function<bool(const redisReply&)> accept);
  void ask_time();
  void ask_eviction();
  void on_time(WallTime asked, history::Gid time);
  void load_script(const std::string& script, std::string& sha);
  void load_scripts();
  void become_available();
  void on_run_id(std::string run_id);

  bool on_instance(const std::string& run_id) override;
  void on_fault(const std::string& why) override { outage_.outage(why); }
  void subscribed(const std::string& program) override { listener_->subscribed(program); }
  void published(history::Published event) override;
  void claims_heard() override;
  void claimed(const std::string& sid, history::Fence fence) override {
    listener_->claimed(sid, fence);
  }
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
  void fail(Batches::iterator batch, history::StoreError error);
  void fail(Batches batches, history::StoreError error);
  [[nodiscard]] AppendBatch call_of(const Batch& batch) const;
  Answer judge(const redisReply& reply);
  void send_waiting();
  void settle_when_idle();
  void settle();
  void give_up_overdue();
  CallContext context();
  void note(const history::Epoch& epoch, history::Gid gid);
  void log_end_of_outage();

  net::Loop& loop_;
  const Url url_;
  const Options options_;
  const history::Retention retention_;
  const Names names_;
  Random random_;
  const LogSink log_;
  OutageLog outage_;

  bool available_ = false;
  std::function<void()> when_available_;
  bool scripts_lost_ = false;  ///< New calls wait until those in flight are answered, so that none
                               ///< overtakes another; then the scripts are loaded again.
  std::string refused_;        ///< Why this connection is given up once nothing is in flight.
  std::string run_id_;
  std::string append_sha_;
  std::string read_sha_;
  std::string claim_sha_;
  std::string save_sha_;
  std::string load_sha_;
  history::StoreHealth health_;
  std::chrono::microseconds told_offset_{};  ///< The last offset that was logged.
  ServerClock clock_;
  Witness witness_;
  history::Gid seen_ = 0;
  history::Epochs epochs_;
  history::Gid seen_in_epoch_ = 0;  ///< Highest seen in the current epoch.
  Batches batches_;                 ///< In the order in which they were asked for.
  Calls calls_;
  std::vector<ClaimCall> claims_;  ///< Claims of this turn: they leave as one call.
  bool batch_scheduled_ = false;
  net::Timer window_;  ///< Ends what the newest batch collects.
  net::Timer deadline_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  history::BusListener* listener_ = nullptr;
  std::unique_ptr<Subscriber> subscriber_;
  Connection connection_;
};

}  // namespace crier::redis

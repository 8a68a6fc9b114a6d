#pragma once

// The subscriptions of a node to the channels in Redis.

#include "backends/redis/client/connection.hpp"
#include "backends/redis/client/reply.hpp"
#include "backends/redis/client/url.hpp"
#include "backends/redis/store/names.hpp"
#include "base/random.hpp"
#include "crier/log.hpp"
#include "history/store.hpp"
#include "net/loop.hpp"

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace crier::redis {

/// Whom a subscriber serves; may destroy it in any call.
class SubscriberUser : public history::BusListener {
 public:
  /// Connected with the instance of that run_id. False: with another than is of use.
  virtual bool on_instance(const std::string& run_id) = 0;
  /// An attempt failed, or the connection is gone; lost() follows if anything had been confirmed.
  virtual void on_fault(const std::string& why) = 0;

 protected:
  ~SubscriberUser() = default;
};

/// The one connection over which a node hears of events and claims. Comes back by itself and
/// subscribes again. A server that does not answer a PING within `command_timeout` counts as lost;
/// it is asked as often. Messages that are not Crier's are passed over; `log` hears once.
class Subscriber final : private ConnectionUser {
 public:
  /// `random` and `user` outlive it.
  Subscriber(net::Loop& loop, Url url, const ConnectionOptions& options, const Names& names,
             Random& random, SubscriberUser& user, LogSink log);
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  /// These three, and hears(), as history::EventBus has them.
  void subscribe(const std::string& program);
  void unsubscribe(const std::string& program);
  void probe(std::function<void(bool)> done);
  [[nodiscard]] bool hears() const { return claims_heard_; }

  /// Run id of the instance that it is connected with; empty if that is not known.
  [[nodiscard]] const std::string& run_id() const { return run_id_; }

  /// Ends the connection, if there is one, as if it had been lost.
  void drop(const std::string& why) { connection_.drop(why); }

 private:
  /// Kept while it is wanted, or a confirmation is on its way.
  struct Channel {
    std::string program;
    bool wanted = false;
    bool heard = false;    ///< The confirmation of the newest SUBSCRIBE has come.
    bool asked = false;    ///< The newest command for it was SUBSCRIBE.
    bool changed = false;  ///< Its command leaves with this turn's.
    unsigned awaited = 0;  ///< Confirmations of SUBSCRIBE on their way.
  };
  using Channels = std::unordered_map<std::string, Channel>;

  void on_connected() override;
  void on_lost(const std::string& why) override;
  bool on_push(const redisReply& reply) override;

  void on_info(const redisReply& reply);
  void on_subscribed(std::string_view name);
  void on_unsubscribed(std::string_view name);
  void on_message(const Push& push);
  void on_claim(std::string_view text);
  void pass_over();

  void change(Channels::iterator channel);
  void send_changes();
  void send_for(std::string command, const std::vector<std::string>& channels);
  void ping();
  void on_pong(const redisReply& reply);

  net::Loop& loop_;
  const ConnectionOptions options_;
  const Names names_;
  SubscriberUser& user_;
  const LogSink log_;
  const std::string claims_channel_;
  Channels channels_;                 ///< Channels of programs, by name.
  std::vector<std::string> changed_;  ///< Whose commands leave at the end of the turn.
  std::string run_id_;
  bool claims_heard_ = false;
  bool confirmed_ = false;  ///< The user was told of something that a loss would end.
  bool told_foreign_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  net::Timer ping_timer_;
  Connection connection_;
};

}  // namespace crier::redis

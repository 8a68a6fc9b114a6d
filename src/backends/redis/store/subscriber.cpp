// Subscribes to the channels of programs in Redis, and passes their messages on.

#include "backends/redis/store/subscriber.hpp"

#include "backends/redis/store/member.hpp"
#include "base/assert.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace crier::redis {
namespace {

constexpr std::size_t channels_a_command = 1000;
constexpr const char* senseless = "an answer that makes no sense";

}  // namespace

Subscriber::Subscriber(net::Loop& loop, Url url, const ConnectionOptions& options,
                       const Names& names, Random& random, SubscriberUser& user, LogSink log)
    : loop_(loop),
      options_(options),
      names_(names),
      user_(user),
      log_(std::move(log)),
      claims_channel_(names.claims_channel()),
      ping_timer_(loop, [this] { ping(); }),
      connection_(loop, std::move(url), options, random, *this) {}

Subscriber::~Subscriber() = default;

// Connecting. The run_id comes first, because INFO is refused once there are subscriptions.

void Subscriber::on_connected() {
  connection_.send({"INFO", "server"}, [this](const redisReply* reply) {
    if (reply != nullptr) on_info(*reply);
  });
}

void Subscriber::on_info(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_ERROR) {
    return connection_.drop("refused INFO (" + error_text(reply) + ")");
  }
  auto run_id = run_id_of(reply);
  if (!run_id) return connection_.drop("an answer to INFO that makes no sense");
  if (!user_.on_instance(*run_id)) return connection_.drop("the connections lead to two servers");
  run_id_ = *std::move(run_id);
  std::vector<std::string> names = {claims_channel_};
  for (auto& [name, channel] : channels_) {
    channel.asked = true;
    channel.awaited = 1;
    names.push_back(name);
  }
  send_for(names_.subscribe(), names);
  ping();
}

void Subscriber::on_lost(const std::string& why) {
  run_id_.clear();
  claims_heard_ = false;
  changed_.clear();
  ping_timer_.cancel();
  std::erase_if(channels_, [](const auto& entry) { return !entry.second.wanted; });
  for (auto& [name, channel] : channels_) channel = {channel.program, true};
  const bool was_confirmed = std::exchange(confirmed_, false);
  const std::weak_ptr<bool> mark = alive_;
  user_.on_fault(why);
  if (was_confirmed && !mark.expired()) user_.lost();
}

// Subscriptions. Each SUBSCRIBE is confirmed once, in order: so the last confirmation that is on
// its way is that of the newest.

void Subscriber::subscribe(const std::string& program) {
  const auto channel = channels_.try_emplace(names_.program_channel(program)).first;
  CRIER_ASSERT(!channel->second.wanted);
  channel->second.program = program;
  channel->second.wanted = true;
  change(channel);
}

void Subscriber::unsubscribe(const std::string& program) {
  const auto channel = channels_.find(names_.program_channel(program));
  if (channel == channels_.end() || !channel->second.wanted) return;
  channel->second.wanted = channel->second.heard = false;
  change(channel);
}

void Subscriber::change(Channels::iterator channel) {
  if (run_id_.empty()) {
    if (!channel->second.wanted) channels_.erase(channel);
    return;
  }
  if (std::exchange(channel->second.changed, true)) return;
  changed_.push_back(channel->first);
  if (changed_.size() > 1) return;
  loop_.post([this, mark = std::weak_ptr<bool>(alive_)] {
    if (!mark.expired()) send_changes();
  });
}

void Subscriber::send_changes() {
  std::vector<std::string> subscribes;
  std::vector<std::string> unsubscribes;
  for (std::string& name : std::exchange(changed_, {})) {
    const auto found = channels_.find(name);
    CRIER_ASSERT(found != channels_.end());
    Channel& channel = found->second;
    channel.changed = false;
    if (channel.wanted) {
      ++channel.awaited;
      channel.asked = true;
      subscribes.push_back(std::move(name));
      continue;
    }
    const bool was_asked = std::exchange(channel.asked, false);
    if (channel.awaited == 0) channels_.erase(found);
    if (was_asked) unsubscribes.push_back(std::move(name));
  }
  send_for(names_.unsubscribe(), unsubscribes);
  send_for(names_.subscribe(), subscribes);
  if (!subscribes.empty() || !unsubscribes.empty()) ping();
}

void Subscriber::send_for(std::string command, const std::vector<std::string>& channels) {
  for (std::size_t at = 0; at < channels.size(); at += channels_a_command) {
    const std::size_t end = std::min(at + channels_a_command, channels.size());
    std::vector<std::string> words = {command};
    words.insert(words.end(), channels.begin() + static_cast<std::ptrdiff_t>(at),
                 channels.begin() + static_cast<std::ptrdiff_t>(end));
    connection_.send_for_pushes(words);
  }
}

/// Its answer, or an error in its place, shows what became of the commands before it.
void Subscriber::ping() {
  ping_timer_.cancel();
  connection_.send({"PING"}, [this](const redisReply* reply) {
    if (reply != nullptr) on_pong(*reply);
  });
}

void Subscriber::on_pong(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_ERROR) {
    return connection_.drop("refused a subscription (" + error_text(reply) + ")");
  }
  if (!is_pong(reply)) return connection_.drop(senseless);
  ping_timer_.arm(loop_.now() + options_.command_timeout);
}

void Subscriber::probe(std::function<void(bool)> done) {
  if (!claims_heard_) return done(false);
  connection_.send({"PING"}, [this, done = std::move(done),
                              mark = std::weak_ptr<bool>(alive_)](const redisReply* reply) {
    const bool heard = reply != nullptr && is_pong(*reply);
    if (reply != nullptr && !heard) on_pong(*reply);
    if (!mark.expired()) done(heard);
  });
}

// What is heard.

bool Subscriber::on_push(const redisReply& reply) {
  const auto push = push_of(reply);
  if (!push) return false;
  switch (push->kind) {
    case Push::Kind::message:
      on_message(*push);
      break;
    case Push::Kind::subscribed:
      on_subscribed(push->channel);
      break;
    case Push::Kind::unsubscribed:
      on_unsubscribed(push->channel);
      break;
  }
  return true;
}

void Subscriber::on_subscribed(std::string_view name) {
  if (name == claims_channel_) {
    claims_heard_ = confirmed_ = true;
    connection_.settled();
    return user_.claims_heard();
  }
  const auto found = channels_.find(std::string(name));
  if (found == channels_.end() || found->second.awaited == 0) return;
  Channel& channel = found->second;
  if (--channel.awaited != 0) return;
  // One that was taken back in this turn is sent for, or erased, with its changes.
  if (channel.changed) return;
  if (!channel.wanted) {
    channels_.erase(found);
    return;
  }
  channel.heard = confirmed_ = true;
  const std::string program = channel.program;
  user_.subscribed(program);
}

/// A server that ends a subscription of its own accord, as when a cluster's slot moves, is lost.
void Subscriber::on_unsubscribed(std::string_view name) {
  const auto found = channels_.find(std::string(name));
  const bool ended = found != channels_.end() && found->second.asked && found->second.awaited == 0;
  if (name == claims_channel_ || ended) connection_.drop("ended a subscription");
}

void Subscriber::on_message(const Push& push) {
  if (push.channel == claims_channel_) return on_claim(push.message);
  const auto found = channels_.find(std::string(push.channel));
  if (found == channels_.end() || !found->second.heard) return;
  auto published = decode_bus_message(push.message);
  if (!published || published->program != found->second.program) return pass_over();
  user_.published(*std::move(published));
}

void Subscriber::on_claim(std::string_view text) {
  const auto claim = decode_claim(text);
  if (!claim) return pass_over();
  user_.claimed(claim->sid, claim->fence);
}

void Subscriber::pass_over() {
  if (std::exchange(told_foreign_, true) || !log_) return;
  log_(LogLevel::warning, "A message on the bus is not one of Crier's", {});
}

}  // namespace crier::redis

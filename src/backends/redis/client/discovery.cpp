// Asks Sentinels or cluster nodes which server to use.

#include "backends/redis/client/discovery.hpp"

#include "backends/redis/client/topology.hpp"
#include "base/assert.hpp"

#include <utility>

namespace crier::redis {

Discovery::Discovery(net::Loop& loop, const Url& url, std::vector<Host> nodes,
                     const ConnectionOptions& options, Random& random, Done done)
    : loop_(loop),
      url_(url),
      nodes_(std::move(nodes)),
      options_(options),
      random_(random),
      done_(std::move(done)) {
  CRIER_ASSERT(url_.form != Form::single && !nodes_.empty());
  ask_next();
}

void Discovery::ask_next() {
  Url url;
  url.tls = url_.tls;
  url.nodes = {nodes_[next_++]};
  if (url_.is_cluster()) {
    url.credentials = url_.credentials;
  } else if (!options_.sentinel_password.empty()) {
    url.credentials = Credentials{options_.sentinel_user, options_.sentinel_password};
  }
  ConnectionUser& self = *this;
  asking_ = std::make_unique<Connection>(loop_, std::move(url), options_, random_, self);
}

void Discovery::on_connected() {
  const std::vector<std::string> question =
      url_.is_cluster()
          ? std::vector<std::string>{"CLUSTER", "SLOTS"}
          : std::vector<std::string>{"SENTINEL", "GET-MASTER-ADDR-BY-NAME", url_.master};
  asking_->send(question, [this](const redisReply* reply) {
    if (reply != nullptr) on_answer(*reply);
  });
}

void Discovery::on_answer(const redisReply& reply) {
  const char* const command = url_.is_cluster() ? "CLUSTER SLOTS" : "SENTINEL";
  if (reply.type == REDIS_REPLY_ERROR) {
    return on_lost(std::string("refused ") + command + " (" + error_text(reply) + ")");
  }
  if (url_.is_cluster()) {
    auto owner = owner_of(slot_of(hash_tag), reply, nodes_[next_ - 1]);
    if (!owner) return on_lost("knows no node that serves the slot of " + std::string(hash_tag));
    return finish(Found{std::move(owner->primary), std::move(owner->nodes)});
  }
  auto master = master_of(reply);
  if (!master) return on_lost("knows no master of that name");
  finish(Found{*std::move(master), {}});
}

void Discovery::on_lost(const std::string& why) {
  if (next_ < nodes_.size()) return ask_next();
  const std::string nobody = url_.is_cluster() ? "no node of the cluster tells who serves it"
                                               : "no Sentinel tells where " + url_.master + " is";
  finish(Unexpected{nobody + "; the last that was asked, " + place_of(nodes_[next_ - 1]) + ": " +
                    why});
}

void Discovery::finish(Result<Found, std::string> result) {
  asking_.reset();
  const Done done = std::exchange(done_, nullptr);
  done(std::move(result));
}

}  // namespace crier::redis

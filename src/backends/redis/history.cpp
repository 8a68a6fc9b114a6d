#include "backends/redis/history.hpp"

#include "backends/redis/connection.hpp"
#include "backends/redis/script.hpp"
#include "base/assert.hpp"

#include <algorithm>
#include <array>
#include <list>
#include <optional>
#include <string_view>
#include <utility>

namespace crier::redis {
namespace {

using history::Appended;
using history::ReadReply;
using history::StoreError;

constexpr const char* senseless = "an answer that makes no sense";

/// Errors that say that the server, not the call, is the trouble.
constexpr std::array<std::string_view, 14> refusals = {
    "LOADING", "READONLY",   "OOM",         "NOAUTH",    "NOPERM",     "MISCONF", "MASTERDOWN",
    "BUSY",    "NOREPLICAS", "CLUSTERDOWN", "WRONGPASS", "UNKILLABLE", "MOVED",   "TRYAGAIN"};

/// Which refusal an error is; empty if none. Redis before 7 wraps an error of a script's command
/// as `ERR Error running script …: -OOM command not allowed …`.
std::string_view refusal_of(const redisReply& error) {
  const std::string_view text(error.str, static_cast<std::size_t>(error.len));
  const std::string code = error_code(error);
  for (const std::string_view refusal : refusals) {
    if (code == refusal) return refusal;
    if (code == "ERR" && text.find(std::string(" -").append(refusal)) != text.npos) return refusal;
  }
  return {};
}

enum class Answer : std::uint8_t {
  result,
  scripts_lost,  ///< Nothing was done; the script must be loaded first.
  refused,       ///< Nothing was done, nor will be for any other call: the server's state.
  failed,        ///< Nothing was done: this call does not work.
};

Answer answer_of(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_ERROR) return Answer::result;
  if (error_code(reply) == "NOSCRIPT") return Answer::scripts_lost;
  return refusal_of(reply).empty() ? Answer::failed : Answer::refused;
}

std::optional<std::string> string_reply(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_STRING) return std::nullopt;
  return std::string(reply.str, static_cast<std::size_t>(reply.len));
}

/// The value of the line `run_id:…` of INFO.
std::optional<std::string> run_id_of(const redisReply& info) {
  const auto text = string_reply(info);
  if (!text) return std::nullopt;
  constexpr std::string_view name = "run_id:";
  const std::size_t at = text->find(name);
  if (at == std::string::npos) return std::nullopt;
  const std::size_t begin = at + name.size();
  const std::size_t end = std::min(text->find_first_of("\r\n", begin), text->size());
  return end == begin ? std::nullopt : std::optional(text->substr(begin, end - begin));
}

struct Append {
  history::AppendRequest request;
  std::function<void(Result<Appended, StoreError>)> done;
  std::string call;
  std::chrono::milliseconds token_ttl;
  TimePoint deadline;
  unsigned attempts = 0;  ///< That may have been carried out.
  bool in_flight = false;
};

struct Read {
  std::vector<history::ReadRequest> requests;
  std::function<void(Result<ReadReply, StoreError>)> done;
  bool in_flight = false;
};

class RedisHistory final : public history::HistoryStore, private ConnectionUser {
 public:
  RedisHistory(net::Loop& loop, Url url, const Options& options,
               const history::Retention& retention, Random random, LogSink log);

  void append(history::AppendRequest request,
              std::function<void(Result<Appended, StoreError>)> done) override;
  void read(std::vector<history::ReadRequest> requests,
            std::function<void(Result<ReadReply, StoreError>)> done) override;
  [[nodiscard]] bool available() const override { return available_; }

 private:
  using Appends = std::list<Append>;
  using Reads = std::list<Read>;

  void on_connected() override;
  void on_lost(const std::string& why) override;
  void ask(std::vector<std::string> command, std::function<bool(const redisReply&)> accept);
  void load_scripts();
  void become_available();

  void send(Appends::iterator append);
  void send(Reads::iterator read);
  void on_append(Appends::iterator append, const redisReply* reply);
  void on_read(Reads::iterator read, const redisReply* reply);
  void finish(Appends::iterator append, Result<Appended, StoreError> result);
  void finish(Reads::iterator read, Result<ReadReply, StoreError> result);
  Answer judge(const redisReply& reply);
  void send_waiting();
  void settle_when_idle();
  void settle();
  void give_up_overdue();
  CallContext context();
  void log_unavailable(std::string why);

  net::Loop& loop_;
  const Options options_;
  const history::Retention retention_;
  const std::string server_;
  const unsigned database_;
  Random random_;
  const LogSink log_;

  bool available_ = false;
  bool told_unavailable_ = false;
  bool told_failure_ = false;
  bool scripts_lost_ = false;  ///< New calls wait until those in flight are answered, so that none
                               ///< overtakes another; then the scripts are loaded again.
  std::string refused_;        ///< Why this connection is given up once nothing is in flight.
  std::string run_id_;
  std::string append_sha_;
  std::string read_sha_;
  history::Gid seen_ = 0;
  Appends appends_;  ///< In the order in which they were asked for.
  Reads reads_;
  net::Timer deadline_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Connection connection_;
};

RedisHistory::RedisHistory(net::Loop& loop, Url url, const Options& options,
                           const history::Retention& retention, Random random, LogSink log)
    : loop_(loop),
      options_(options),
      retention_(retention),
      server_(place_of(url)),
      database_(url.database),
      random_(std::move(random)),
      log_(std::move(log)),
      deadline_(loop, [this] { give_up_overdue(); }),
      connection_(loop, std::move(url), options, random_, *this) {}

// Connecting. A connection is of use once its run_id is known, the scripts are loaded and a write
// was accepted.

void RedisHistory::on_connected() {
  ask({"INFO", "server"}, [this](const redisReply& reply) {
    auto run_id = run_id_of(reply);
    if (run_id) run_id_ = *std::move(run_id);
    return !run_id_.empty();
  });
  load_scripts();
  ask({"HSET", std::string(meta_key), "probe", "1"}, [this](const redisReply& reply) {
    if (reply.type != REDIS_REPLY_INTEGER) return false;
    become_available();
    return true;
  });
}

void RedisHistory::load_scripts() {
  ask({"SCRIPT", "LOAD", append_script()}, [this](const redisReply& reply) {
    append_sha_ = string_reply(reply).value_or("");
    return !append_sha_.empty();
  });
  ask({"SCRIPT", "LOAD", read_script()}, [this](const redisReply& reply) {
    read_sha_ = string_reply(reply).value_or("");
    return !read_sha_.empty();
  });
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
  if (std::exchange(told_unavailable_, false) && log_) {
    log_(LogLevel::info, "Redis is available again", {{"server", server_}});
  }
  send_waiting();
}

void RedisHistory::on_lost(const std::string& why) {
  available_ = false;
  scripts_lost_ = false;
  run_id_.clear();
  log_unavailable(refused_.empty() ? why : refused_);
  refused_.clear();
  if (!appends_.empty()) deadline_.arm(appends_.front().deadline);

  // What was never sent did not happen; what is in flight is told by the connection.
  Appends unsent;
  Reads waiting;
  for (auto at = appends_.begin(); at != appends_.end();) {
    const auto append = at++;
    if (append->attempts == 0) unsent.splice(unsent.end(), appends_, append);
  }
  for (auto at = reads_.begin(); at != reads_.end();) {
    const auto read = at++;
    if (!read->in_flight) waiting.splice(waiting.end(), reads_, read);
  }
  for (Append& append : unsent) append.done(Unexpected{StoreError::unavailable});
  for (Read& read : waiting) read.done(Unexpected{StoreError::unavailable});
}

void RedisHistory::log_unavailable(std::string why) {
  if (std::exchange(told_unavailable_, true) || !log_) return;
  log_(LogLevel::warning, "Redis is unavailable", {{"server", server_}, {"why", std::move(why)}});
}

// Calls.

CallContext RedisHistory::context() { return {run_id_, history::new_epoch(random_), seen_}; }

void RedisHistory::append(history::AppendRequest request,
                          std::function<void(Result<Appended, StoreError>)> done) {
  if (!available_) return done(Unexpected{StoreError::unavailable});
  // A token of our own only has to outlive our retries.
  const std::chrono::milliseconds token_ttl =
      request.token.empty() ? 2 * options_.append_deadline : retention_.ttl;
  if (request.token.empty()) request.token = random_.id20();
  appends_.push_back({std::move(request), std::move(done), history::new_epoch(random_), token_ttl,
                      loop_.now() + options_.append_deadline});
  if (!scripts_lost_) send(std::prev(appends_.end()));
}

void RedisHistory::read(std::vector<history::ReadRequest> requests,
                        std::function<void(Result<ReadReply, StoreError>)> done) {
  if (!available_) return done(Unexpected{StoreError::unavailable});
  reads_.push_back({std::move(requests), std::move(done)});
  if (!scripts_lost_) send(std::prev(reads_.end()));
}

void RedisHistory::send(Appends::iterator append) {
  ++append->attempts;
  append->in_flight = true;
  std::vector<std::string> command = append_arguments(
      context(), retention_, {&append->request, append->call, append->token_ttl, database_});
  command.insert(command.begin(), {"EVALSHA", append_sha_});
  connection_.send(command, [this, append](const redisReply* reply) { on_append(append, reply); });
}

void RedisHistory::send(Reads::iterator read) {
  read->in_flight = true;
  std::vector<std::string> command = read_arguments(context(), retention_, read->requests);
  command.insert(command.begin(), {"EVALSHA", read_sha_});
  connection_.send(command, [this, read](const redisReply* reply) { on_read(read, reply); });
}

void RedisHistory::on_append(Appends::iterator append, const redisReply* reply) {
  append->in_flight = false;
  if (reply == nullptr) return;  // kept for the next connection, until its deadline
  const Answer answer = judge(*reply);
  const bool first_attempt = append->attempts == 1;
  if (answer == Answer::scripts_lost) --append->attempts;
  if (answer == Answer::refused && first_attempt) {
    return finish(append, Unexpected{StoreError::unavailable});
  }
  if (answer == Answer::failed) {
    return finish(append,
                  Unexpected{first_attempt ? StoreError::unavailable : StoreError::unknown});
  }
  if (answer != Answer::result) return;  // sent again later
  auto result = append_result(*reply, append->call);
  if (!result) return connection_.drop(senseless);
  seen_ = std::max(seen_, result->position.gid);
  finish(append, *std::move(result));
}

void RedisHistory::on_read(Reads::iterator read, const redisReply* reply) {
  read->in_flight = false;
  if (reply == nullptr) return finish(read, Unexpected{StoreError::unavailable});
  const Answer answer = judge(*reply);
  if (answer == Answer::scripts_lost) return;  // sent again later
  if (answer != Answer::result) return finish(read, Unexpected{StoreError::unavailable});
  auto result = read_result(*reply, read->requests);
  if (!result) return connection_.drop(senseless);
  for (const history::Kept& kept : result->programs) seen_ = std::max(seen_, kept.top);
  finish(read, *std::move(result));
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
      if (!std::exchange(told_failure_, true) && log_) {
        log_(LogLevel::error, "Redis failed a call",
             {{"server", server_}, {"code", error_code(reply)}});
      }
      break;
  }
  settle_when_idle();
  return answer;
}

void RedisHistory::finish(Appends::iterator append, Result<Appended, StoreError> result) {
  const auto done = std::move(append->done);
  appends_.erase(append);
  done(std::move(result));
}

void RedisHistory::finish(Reads::iterator read, Result<ReadReply, StoreError> result) {
  const auto done = std::move(read->done);
  reads_.erase(read);
  done(std::move(result));
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
  for (auto append = appends_.begin(); append != appends_.end(); ++append) {
    if (!append->in_flight) send(append);
  }
  for (auto read = reads_.begin(); read != reads_.end(); ++read) {
    if (!read->in_flight) send(read);
  }
}

/// Reports appends that nobody could ask about in time.
void RedisHistory::give_up_overdue() {
  Appends overdue;
  while (!appends_.empty() && !appends_.front().in_flight &&
         appends_.front().deadline <= loop_.now()) {
    overdue.splice(overdue.end(), appends_, appends_.begin());
  }
  if (!appends_.empty() && !appends_.front().in_flight) deadline_.arm(appends_.front().deadline);
  for (Append& append : overdue) append.done(Unexpected{StoreError::unknown});
}

}  // namespace

Result<std::unique_ptr<history::HistoryStore>, std::string> open_history(
    net::Loop& loop, const Options& options, const history::Retention& retention, Random random,
    LogSink log) {
  auto url = parse_url(options.url);
  if (!url) return Unexpected{std::move(url).error()};
  return std::unique_ptr<history::HistoryStore>(std::make_unique<RedisHistory>(
      loop, std::move(url).value(), options, retention, std::move(random), std::move(log)));
}

}  // namespace crier::redis

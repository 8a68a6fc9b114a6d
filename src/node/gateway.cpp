#include "crier/gateway.hpp"

#include "backends/redis/client/connection.hpp"
#include "backends/redis/store/history.hpp"
#include "backends/sqlite/store.hpp"
#include "base/json_text.hpp"
#include "history/memory_store.hpp"
#include "node/node.hpp"
#include "node/options.hpp"
#include "node/owed_file.hpp"
#include "web/certificate.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <optional>
#include <stdexcept>
#include <utility>

namespace crier {

namespace {

/// Whether `Authorization: Bearer KEY` can be: a header holds no control character, and loses
/// blanks at its end.
bool fits_a_header(std::string_view key) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  return std::ranges::none_of(key, is_control) && !key.starts_with(' ') && !key.ends_with(' ');
}

/// What is wrong with the options, as a sentence that begins with the option's name.
std::optional<std::string> problem_with(const GatewayOptions& options) {
  using std::chrono::microseconds;
  using std::chrono::milliseconds;
  if (options.auth.secret.empty()) return "jwt_secret must not be empty.";
  if (options.auth.algorithms.empty()) return "jwt_algorithms must not be empty.";
  for (const auto& name : options.auth.algorithms) {
    if (!node::algorithm(name))
      return "jwt_algorithms may hold HS256, HS384 and HS512, not " + name + ".";
  }
  if (!fits_a_header(options.api.key)) {
    return "api_key must have no blank at its ends and no control character such as a newline: no "
           "header could carry it.";
  }
  if (!options.engine.path.starts_with('/') || !options.engine.path.ends_with('/')) {
    return "path must begin and end with a slash.";
  }
  if (options.server.workers > 64) return "workers must be at most 64.";
  if (options.server.worker_backlog_bytes_max < 65'536) {
    return "worker_backlog_bytes_max must be at least 65536.";
  }
  if (options.engine.ping_interval < milliseconds(100))
    return "ping_interval must be at least 100 ms.";
  if (options.engine.ping_timeout < milliseconds(100))
    return "ping_timeout must be at least 100 ms.";
  if (options.history.ttl < milliseconds(1000) || options.history.ttl > std::chrono::hours(24)) {
    return "history_ttl must be between 1 s and 24 h.";
  }
  if (options.history.events_max == 0) return "history_events_max must be at least 1.";
  if (options.history.bytes_max < 1024) return "history_bytes_max must be at least 1024.";
  if (options.history.unknown_outcomes_max == 0) {
    return "history_unknown_outcomes_max must be at least 1.";
  }
  if (options.history.replay_bytes_max < 1'048'576) {
    return "history_replay_bytes_max must be at least 1048576.";
  }
  if (options.engine.payload_bytes_max < 1024) return "payload_bytes_max must be at least 1024.";
  if (options.engine.backlog_bytes_max < 65'536) return "backlog_bytes_max must be at least 65536.";
  if (options.engine.slow_reader_timeout < milliseconds(1000)) {
    return "slow_reader_timeout must be at least 1 s.";
  }
  if (options.engine.flush_window < microseconds(0) ||
      options.engine.flush_window > milliseconds(1)) {
    return "flush_window must be between 0 and 1 ms.";
  }
  if (options.engine.handshakes_burst == 0) return "handshakes_burst must be at least 1.";
  if (options.http.origins.size() > 1 &&
      std::ranges::find(options.http.origins, "*") != options.http.origins.end()) {
    return "origins must be either `*` alone or a list without it.";
  }
  if (auto problem = web::problem_with_tls(options.tls.certificate_file, options.tls.key_file)) {
    return problem;
  }
  if (!options.redis.url.empty()) {
    const auto url = redis::checked_url(node::redis_options(options).connection);
    if (!url) return "redis_url: " + url.error();
  }
  return std::nullopt;
}

GatewayOptions checked(GatewayOptions options) {
  if (const auto problem = problem_with(options)) throw std::invalid_argument(*problem);
  return options;
}

/// Apart from those of the HTTP API, whose tokens hold no colon.
std::string token_of(const Payload& payload) {
  return payload.idempotency_key.empty() ? std::string() : "own:" + payload.idempotency_key;
}

std::string publish_body(std::string_view event, const Payload& payload) {
  return "{\"event\":" + json::quote(event) + ",\"requestId\":" + json::quote(payload.request_id) +
         ",\"data\":" + std::string(payload.data.text()) +
         ",\"performedBy\":{\"userId\":" + json::quote(payload.user_id) +
         ",\"name\":" + json::quote(payload.user_name) + "}}";
}

WallTime wall_now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::unique_ptr<history::HistoryStore> open_history(const GatewayOptions& options, net::Loop& loop,
                                                    const LogSink& log) {
  const auto retention = node::retention_options(options);
  if (options.redis.url.empty()) {
    return std::make_unique<history::MemoryStore>(retention, wall_now, Random::secure());
  }
  auto store =
      redis::open_history(loop, node::redis_options(options), retention, Random::secure(), log);
  if (!store) throw std::invalid_argument("redis_url: " + store.error());
  return std::move(store).value();
}

/// Null with the history in memory, which never owes anything to the next process.
std::unique_ptr<node::OwedRecord> owed_record(const GatewayOptions& options, const LogSink& log) {
  if (options.redis.url.empty()) return nullptr;
  const std::string& chosen = options.history.owed_file;
  return std::make_unique<node::OwedFile>(chosen.empty() ? options.store.path + ".owed" : chosen,
                                          log);
}

node::Node::Parts parts(const GatewayOptions& options, const web::Certificate& certificate,
                        const LogSink& log) {
  return {[path = options.store.path](net::Loop&) { return sqlite::open_memberships(path); },
          [options, log](net::Loop& loop) { return open_history(options, loop, log); },
          wall_now,
          Random::secure,
          node::feed_options(options),
          certificate.tls(),
          owed_record(options, log)};
}

}  // namespace

class Gateway::Impl {
 public:
  Impl(const GatewayOptions& options, LogSink log)
      : log_(std::move(log)),
        certificate_(checked(options).tls.certificate_file, options.tls.key_file, log_),
        node_(options, parts(options, certificate_, log_), log_),
        certificate_watch_(certificate_, node_.loop()) {}

  void publish(std::string program, std::string body, std::string token,
               std::function<void(Result<Position>)> done);
  /// What became of an event that nobody waits for.
  void emitted(const std::string& program, const Result<Position>& result);

  LogSink log_;
  web::Certificate certificate_;
  node::Node node_;
  web::CertificateWatch certificate_watch_;
  std::atomic<bool> serving_ = false;  ///< From listen() to the end of run().
};

void Gateway::Impl::publish(std::string program, std::string body, std::string token,
                            std::function<void(Result<Position>)> done) {
  if (!serving_) {
    done(Unexpected{Error{503, "not_running", "The gateway does not run.", ""}});
    return;
  }
  node_.publish(std::move(program), std::move(body), std::move(token), std::move(done));
}

void Gateway::Impl::emitted(const std::string& program, const Result<Position>& result) {
  if (result) return;
  // Nobody waits who could publish it again.
  if (result.error().code == "outcome_unknown") node_.mark_gap(program);
  if (!log_) return;
  log_(LogLevel::warning, "event not published",
       {{"code", result.error().code}, {"reason", result.error().message}});
}

Result<void> Gateway::check(const GatewayOptions& options) {
  if (const auto problem = problem_with(options)) {
    return Unexpected{Error{422, "bad_option", *problem, ""}};
  }
  return {};
}

Gateway::Gateway(const GatewayOptions& options, LogSink log)
    : impl_(std::make_unique<Impl>(options, std::move(log))) {}

Gateway::~Gateway() = default;

void Gateway::handle(std::string_view method, std::string_view path, HttpHandler handler) {
  impl_->node_.handle(method, path, handler);
}

Result<void> Gateway::listen() {
  auto listening = impl_->node_.listen();
  if (!listening) return Unexpected{Error{500, "listen_failed", listening.error(), ""}};
  impl_->serving_ = true;
  return {};
}

std::uint16_t Gateway::port() const { return impl_->node_.port(); }

void Gateway::run() {
  impl_->serving_ = true;
  impl_->node_.run();
  impl_->serving_ = false;
}

void Gateway::stop() { impl_->node_.stop(); }

void Gateway::reload_certificate() { impl_->certificate_.reload(); }

void Gateway::emit_to_program(std::string_view program, std::string_view event,
                              Payload payload) noexcept {
  try {
    impl_->publish(std::string(program), publish_body(event, payload), token_of(payload),
                   [impl = impl_.get(), program = std::string(program)](
                       const Result<Position>& result) { impl->emitted(program, result); });
  } catch (...) {
    // Out of memory: the caller's request goes on without its event.
    return;
  }
}

Result<Position> Gateway::publish(std::string_view program, std::string_view event,
                                  const Payload& payload) {
  if (impl_->node_.is_current()) {
    return Unexpected{Error{500, "would_block", "publish() waits for the loop it runs on.", ""}};
  }
  auto promise = std::make_shared<std::promise<Result<Position>>>();
  auto future = promise->get_future();
  impl_->publish(std::string(program), publish_body(event, payload), token_of(payload),
                 [promise](Result<Position> result) { promise->set_value(std::move(result)); });
  return future.get();
}

void Gateway::publish_json(std::string_view program, std::string body,
                           std::function<void(Result<Position>)> done) {
  impl_->publish(std::string(program), std::move(body), {}, std::move(done));
}

}  // namespace crier

// crier::Gateway: the public methods of the gateway.

#include "crier/gateway.hpp"

#include "backends/redis/client/connection.hpp"
#include "backends/redis/store/history.hpp"
#include "backends/sqlite/store.hpp"
#include "base/json_text.hpp"
#include "crier/settings.hpp"
#include "history/memory_store.hpp"
#include "node/node.hpp"
#include "node/options.hpp"
#include "node/owed_file.hpp"
#include "web/certificate.hpp"

#include <atomic>
#include <future>
#include <stdexcept>
#include <utility>

namespace crier {

namespace {

Error bad_option(std::string sentence, std::string pointer) {
  return {422, "bad_option", std::move(sentence), std::move(pointer)};
}

/// Whether each option is within its bounds, and those fit together that must.
Result<void> check(GatewayOptions options) {
  if (auto within = check_settings(settings_of(options)); !within) return within;
  if (options.auth.secret.empty()) {
    return Unexpected{bad_option("auth.secret must not be empty.", "/auth/secret")};
  }
  const auto& tls = options.tls;
  if (auto problem = web::problem_with_tls(tls.certificate_file, tls.key_file)) {
    return Unexpected{bad_option(*std::move(problem), "/tls")};
  }
  if (options.redis.url.empty()) return {};
  const auto url = redis::checked_url(node::redis_options(options).connection);
  if (!url) return Unexpected{bad_option("redis.url: " + url.error(), "/redis/url")};
  return {};
}

GatewayOptions checked(GatewayOptions options) {
  if (const auto fit = check(options); !fit) throw std::invalid_argument(fit.error().message);
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
  if (!store) throw std::invalid_argument("redis.url: " + store.error());
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

Result<void> Gateway::check(const GatewayOptions& options) { return crier::check(options); }

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

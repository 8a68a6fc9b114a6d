#include "crier/gateway.hpp"

#include "backends/redis/connection.hpp"
#include "backends/redis/history.hpp"
#include "backends/sqlite/store.hpp"
#include "base/json_text.hpp"
#include "history/memory_store.hpp"
#include "server/door.hpp"
#include "server/options.hpp"
#include "server/programs.hpp"
#include "server/publish_api.hpp"
#include "server/publisher.hpp"
#include "server/routes.hpp"
#include "server/shutdown.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

namespace crier {

namespace {

using server::Connection;

WallTime wall_now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::optional<access::Algorithm> algorithm(std::string_view name) {
  if (name == "HS256") return access::Algorithm::hs256;
  if (name == "HS384") return access::Algorithm::hs384;
  if (name == "HS512") return access::Algorithm::hs512;
  return std::nullopt;
}

redis::Options redis_options(const GatewayOptions& options) {
  redis::Options redis;
  redis.url = options.redis_url;
  redis.ca_file = options.redis_ca_file;
  redis.certificate_file = options.redis_certificate_file;
  redis.key_file = options.redis_key_file;
  redis.sentinel_user = options.redis_sentinel_user;
  redis.sentinel_password = options.redis_sentinel_password;
  return redis;
}

/// What is wrong with the options, as a sentence that begins with the option's name.
std::optional<std::string> problem_with(const GatewayOptions& options) {
  using std::chrono::milliseconds;
  if (options.jwt_secret.empty()) return "jwt_secret must not be empty.";
  if (options.jwt_algorithms.empty()) return "jwt_algorithms must not be empty.";
  for (const auto& name : options.jwt_algorithms) {
    if (!algorithm(name))
      return "jwt_algorithms may hold HS256, HS384 and HS512, not " + name + ".";
  }
  if (!options.path.starts_with('/') || !options.path.ends_with('/')) {
    return "path must begin and end with a slash.";
  }
  if (options.ping_interval < milliseconds(100)) return "ping_interval must be at least 100 ms.";
  if (options.ping_timeout < milliseconds(100)) return "ping_timeout must be at least 100 ms.";
  if (options.history_ttl < milliseconds(1000) || options.history_ttl > std::chrono::hours(24)) {
    return "history_ttl must be between 1 s and 24 h.";
  }
  if (options.history_events_max == 0) return "history_events_max must be at least 1.";
  if (options.history_bytes_max < 1024) return "history_bytes_max must be at least 1024.";
  if (options.payload_bytes_max < 1024) return "payload_bytes_max must be at least 1024.";
  if (options.backlog_bytes_max < 65'536) return "backlog_bytes_max must be at least 65536.";
  if (options.handshakes_burst == 0) return "handshakes_burst must be at least 1.";
  if (options.origins.size() > 1 &&
      std::ranges::find(options.origins, "*") != options.origins.end()) {
    return "origins must be either `*` alone or a list without it.";
  }
  if (!options.redis_url.empty()) {
    const auto url = redis::checked_url(redis_options(options));
    if (!url) return "redis_url: " + url.error();
  }
  return std::nullopt;
}

GatewayOptions checked(GatewayOptions options) {
  if (const auto problem = problem_with(options)) throw std::invalid_argument(*problem);
  return options;
}

history::Retention retention(const GatewayOptions& options) {
  return {options.history_ttl, options.history_events_max, options.history_bytes_max};
}

std::unique_ptr<history::HistoryStore> open_history(const GatewayOptions& options, net::Loop& loop,
                                                    const LogSink& log) {
  if (options.redis_url.empty()) {
    return std::make_unique<history::MemoryStore>(retention(options), wall_now, Random::secure());
  }
  auto store =
      redis::open_history(loop, redis_options(options), retention(options), Random::secure(), log);
  if (!store) throw std::invalid_argument("redis_url: " + store.error());
  return std::move(store).value();
}

std::vector<access::Key> keys(const GatewayOptions& options) {
  access::Key key{options.jwt_secret, {}, {}};
  for (const auto& name : options.jwt_algorithms) key.algorithms.push_back(*algorithm(name));
  return {std::move(key)};
}

access::TokenPolicy policy(const GatewayOptions& options) {
  access::TokenPolicy policy;
  policy.issuer = options.jwt_issuer;
  policy.audience = options.jwt_audience;
  policy.leeway = options.jwt_leeway;
  policy.token_bytes_max = options.token_bytes_max;
  return policy;
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

}  // namespace

class Gateway::Impl {
 public:
  Impl(GatewayOptions options, LogSink log);
  ~Impl() { door_->close(); }

  void add_operational_routes();
  HttpResponse ready();
  HttpResponse metrics();
  void tell_what_is_missing();
  void begin_stop();
  void publish(std::string program, std::string body, std::string token,
               std::function<void(Result<Position>)> done);
  /// What became of an event that nobody waits for.
  void emitted(const std::string& program, const Result<Position>& result);

  GatewayOptions options_;
  LogSink log_;
  server::Worker worker_;
  std::shared_ptr<server::Door> door_;
  Random random_ = Random::secure();
  socketio::ClientOptions client_options_;
  server::Sockets sockets_;
  server::Engine engine_;
  std::unique_ptr<access::MembershipSource> memberships_;
  std::unique_ptr<history::HistoryStore> history_;
  access::Verifier verifier_;
  catalog::Catalog catalog_ = catalog::Catalog::built_in();
  gateway::PidSeal seal_;
  server::Delivery delivery_;
  server::Programs programs_;
  server::Publisher publisher_;
  server::PublishApi api_;
  server::Routes routes_;
  server::Shutdown shutdown_;
  std::atomic<bool> serving_ = false;  ///< From listen() to the end of run().
  std::atomic<std::thread::id> thread_;
};

Gateway::Impl::Impl(GatewayOptions options, LogSink log)
    : options_(checked(std::move(options))),
      log_(std::move(log)),
      worker_(server::worker_options(options_), log_),
      door_(std::make_shared<server::Door>(worker_.loop())),
      client_options_(server::client_options(options_)),
      sockets_(worker_, client_options_, random_),
      engine_(worker_, server::session_options(options_), options_.fragments_max, sockets_,
              random_),
      memberships_(sqlite::open_memberships(options_.store)),
      history_(open_history(options_, worker_.loop(), log_)),
      verifier_(keys(options_), policy(options_)),
      seal_(options_.jwt_secret),
      delivery_({worker_, engine_, sockets_, *history_}, server::feed_options(options_)),
      programs_({worker_, engine_, sockets_, *memberships_, *history_, delivery_, verifier_, seal_,
                 wall_now},
                {options_.admission_deadline, std::chrono::milliseconds(250),
                 options_.replay_timestamp_max, options_.payload_bytes_max / 2}),
      publisher_({worker_, *history_, delivery_, catalog_, random_, wall_now},
                 options_.outage_policy, options_.backlog_bytes_max),
      api_(worker_, publisher_, options_.api_key, options_.body_bytes_max),
      routes_(worker_, door_),
      shutdown_(worker_, {&engine_}, [this] { return publisher_.idle(); },
                {500, std::chrono::milliseconds(10), options_.shutdown_timeout}) {
  sockets_.attach(engine_, programs_);
  engine_.limit_handshakes(options_.handshakes_per_second, options_.handshakes_burst);
  worker_.route(options_.path, engine_);
  worker_.route(std::string(server::PublishApi::prefix), api_);
  add_operational_routes();
}

void Gateway::Impl::add_operational_routes() {
  routes_.add("GET", "/healthz", [](const HttpRequest&, const HttpReply& reply) {
    reply({200, "text/plain; charset=utf-8", "ok\n", {}});
  });
  routes_.add("GET", "/readyz",
              [this](const HttpRequest&, const HttpReply& reply) { reply(ready()); });
  routes_.add("GET", "/metrics",
              [this](const HttpRequest&, const HttpReply& reply) { reply(metrics()); });
}

HttpResponse Gateway::Impl::ready() {
  const bool store = memberships_->available();
  const bool history = history_->available();
  const bool hears = history_->hears();
  const bool redis = !options_.redis_url.empty();
  const auto word = [](bool up) { return up ? "\"up\"" : "\"down\""; };
  std::string body = "{\"store\":";
  body += word(store);
  body += ",\"history\":";
  body += word(history);
  body += ",\"broker\":";
  body += redis ? word(hears) : "\"none\"";
  body += ",\"stopping\":";
  body += shutdown_.begun() ? "true}\n" : "false}\n";
  const bool ready = store && history && hears && !shutdown_.begun();
  return {ready ? 200 : 503, "application/json", std::move(body), {}};
}

HttpResponse Gateway::Impl::metrics() {
  server::Gauges gauges;
  gauges.connections = worker_.connection_count();
  gauges.sessions = engine_.session_count();
  gauges.sockets = sockets_.count();
  gauges.rooms = sockets_.room_count("/");
  gauges.store_up = memberships_->available();
  gauges.history_up = history_->available();
  return {200,
          "text/plain; version=0.0.4; charset=utf-8",
          server::exposition(worker_.metrics(), gauges),
          {}};
}

void Gateway::Impl::tell_what_is_missing() {
  if (!memberships_->available()) {
    worker_.log(LogLevel::warning, "the membership store cannot be read: nobody can connect",
                {{"path", options_.store}});
  }
  if (options_.api_key.empty()) {
    worker_.log(LogLevel::warning, "no API key is set: nobody can publish over HTTP");
  }
}

void Gateway::Impl::begin_stop() {
  worker_.update_now();
  publisher_.refuse_publishes();
  api_.refuse_all();
  shutdown_.begin();
}

void Gateway::Impl::publish(std::string program, std::string body, std::string token,
                            std::function<void(Result<Position>)> done) {
  auto not_running = [] {
    return Unexpected{Error{503, "not_running", "The gateway does not run.", ""}};
  };
  if (!serving_) {
    done(not_running());
    return;
  }
  auto shared = std::make_shared<std::function<void(Result<Position>)>>(std::move(done));
  const bool posted = door_->post([this, program = std::move(program), body = std::move(body),
                                   token = std::move(token), shared] {
    worker_.update_now();
    publisher_.publish(program, body, token, *shared);
  });
  if (!posted) (*shared)(not_running());
}

void Gateway::Impl::emitted(const std::string& program, const Result<Position>& result) {
  if (result) return;
  // Nobody waits who could publish it again.
  if (result.error().code == "outcome_unknown") publisher_.mark_gap(program);
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

Gateway::Gateway(GatewayOptions options, LogSink log)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(log))) {}

Gateway::~Gateway() = default;

void Gateway::handle(std::string_view method, std::string_view path, HttpHandler handler) {
  impl_->routes_.add(method, path, std::move(handler));
}

Result<void> Gateway::listen() {
  auto listening = impl_->worker_.listen();
  if (!listening) return Unexpected{Error{500, "listen_failed", listening.error(), ""}};
  impl_->serving_ = true;
  return {};
}

std::uint16_t Gateway::port() const { return impl_->worker_.port(); }

void Gateway::run() {
  impl_->thread_ = std::this_thread::get_id();
  impl_->serving_ = true;
  impl_->tell_what_is_missing();
  impl_->worker_.run();
  impl_->serving_ = false;
  // Whoever waits for a publish that was posted too late gets its answer.
  impl_->door_->close();
  impl_->worker_.loop().post([impl = impl_.get()] { impl->worker_.stop(); });
  impl_->worker_.run();
}

void Gateway::stop() {
  impl_->door_->post([impl = impl_.get()] { impl->begin_stop(); });
}

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
  if (impl_->thread_.load() == std::this_thread::get_id()) {
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

// crier::Server: the public methods of the general library.

#include "crier/server.hpp"

#include "app/library.hpp"
#include "crier/settings.hpp"
#include "net/door.hpp"
#include "sockets/session_options.hpp"
#include "sockets/shutdown.hpp"
#include "web/certificate.hpp"
#include "web/worker_options.hpp"

#include <map>
#include <stdexcept>
#include <utility>

namespace crier {

namespace {

web::WorkerOptions worker_options(const ServerOptions& options,
                                  const web::Certificate& certificate) {
  web::WorkerOptions worker = web::worker_options(options.http, options.engine.slow_reader_timeout);
  worker.tls = certificate.tls();
  return worker;
}

socketio::ClientOptions client_options(const ServerOptions& options) {
  socketio::ClientOptions client;
  client.connect_timeout = options.engine.connect_timeout;
  client.reassembly_bytes_max = options.engine.payload_bytes_max;
  return client;
}

sockets::Shutdown::Steps shutdown_steps(const ServerOptions& options) {
  sockets::Shutdown::Steps steps;
  steps.timeout = options.http.shutdown_timeout;
  return steps;
}

ServerOptions checked(ServerOptions options) {
  const auto within = check_settings(settings_of(options));
  if (!within) throw std::invalid_argument(within.error().message);
  const auto problem = web::problem_with_tls(options.tls.certificate_file, options.tls.key_file);
  if (problem) throw std::invalid_argument(*problem);
  return options;
}

}  // namespace

class Server::Impl {
 public:
  Impl(const ServerOptions& options, const LogSink& log)
      : certificate_(options.tls.certificate_file, options.tls.key_file, log),
        worker_(worker_options(options, certificate_), log),
        certificate_watch_(certificate_, worker_.loop()),
        door_(std::make_shared<net::Door>(worker_.loop())),
        client_options_(client_options(options)),
        sockets_(worker_, client_options_, random_),
        sessions_(worker_, sockets::session_options(options.engine),
                  sockets::session_limits(options), sockets_, random_),
        owner_(worker_, sockets_),
        shutdown_(worker_, {&sessions_}, [] { return true; }, shutdown_steps(options)) {
    sockets_.attach(sessions_, owner_);
    worker_.route(options.engine.path, sessions_);
  }
  ~Impl() { door_->close(); }

  web::Certificate certificate_;
  web::Worker worker_;
  web::CertificateWatch certificate_watch_;
  std::shared_ptr<net::Door> door_;
  Random random_ = Random::secure();
  socketio::ClientOptions client_options_;
  sockets::Sockets sockets_;
  sockets::Sessions sessions_;
  Socket::Owner owner_;
  sockets::Shutdown shutdown_;
  std::map<std::string, std::unique_ptr<Namespace::State>> namespaces_;
};

Server::Server(ServerOptions options, LogSink log)
    : impl_(std::make_unique<Impl>(checked(options), log)) {}

Server::~Server() = default;

Namespace Server::of(std::string_view path) {
  const std::string name = path.starts_with('/') ? std::string(path) : "/" + std::string(path);
  auto& state = impl_->namespaces_[name];
  if (!state) {
    state = std::make_unique<Namespace::State>(impl_->owner_, name);
    impl_->owner_.on_connect(name);
  }
  return Namespace(*state);
}

Result<void> Server::listen() {
  auto listening = impl_->worker_.listen();
  if (!listening) return Unexpected{Error{500, "listen_failed", listening.error(), ""}};
  return {};
}

std::uint16_t Server::port() const { return impl_->worker_.port(); }

void Server::run() { impl_->worker_.run(); }

void Server::reload_certificate() { impl_->certificate_.reload(); }

void Server::stop() {
  impl_->door_->post([impl = impl_.get()] { impl->shutdown_.begin(); });
}

}  // namespace crier

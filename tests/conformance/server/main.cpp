// crier-conformance --port P: what the official Engine.IO and Socket.IO protocol suites expect of
// a server. Socket.IO with their handlers under /socket.io/, an Engine.IO echo under /engine.io/.

#include "app/library.hpp"
#include "crier/server.hpp"
#include "sockets/sessions.hpp"
#include "sockets/sockets.hpp"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

using crier::Key;

class Echo final : public crier::sockets::MessageLayer {
 public:
  void attach(crier::sockets::Sessions& sessions) { sessions_ = &sessions; }
  void opened(Key /*session*/) override {}
  void received(Key session, bool binary, std::string_view data) override {
    std::string message = binary ? std::string(data) : "4" + std::string(data);
    sessions_->send(session, {binary, crier::Bytes(std::move(message)), {}, false});
  }
  void route_changed(Key /*session*/, int /*descriptor*/) override {}
  void closed(Key /*session*/, std::string_view /*reason*/) override {}

 private:
  crier::sockets::Sessions* sessions_ = nullptr;
};

void serve_suite(crier::Socket socket) {
  socket.emit("auth", {"[" + socket.auth() + "]", {}});
  socket.on("message", [socket](const crier::Arguments& arguments, const crier::Ack&) mutable {
    socket.emit("message-back", arguments);
  });
  socket.on("message-with-ack", [](const crier::Arguments& arguments, const crier::Ack& ack) {
    if (ack) ack(arguments);
  });
}

void serve_custom(crier::Socket socket) { socket.emit("auth", {"[" + socket.auth() + "]", {}}); }

crier::engineio::SessionOptions suite_timers() {
  crier::engineio::SessionOptions options;
  options.ping_interval = std::chrono::milliseconds(300);
  options.ping_timeout = std::chrono::milliseconds(200);
  return options;
}

int run(std::uint16_t port) {
  using namespace crier::sockets;
  using namespace crier::web;
  WorkerOptions options;
  options.address = {"127.0.0.1", port};
  options.cors.origins = {"*"};
  Worker worker(options, {});
  crier::Random random = crier::Random::secure();
  crier::socketio::ClientOptions client_options;
  client_options.connect_timeout = std::chrono::milliseconds(1000);
  Sockets sockets(worker, client_options, random);
  Sessions sessions(worker, suite_timers(), {}, sockets, random);
  crier::Socket::Owner owner(worker, sockets);
  sockets.attach(sessions, owner);
  owner.on_connect("/") = serve_suite;
  owner.on_connect("/custom") = serve_custom;
  Echo echo;
  Sessions echo_sessions(worker, suite_timers(), {}, echo, random);
  echo.attach(echo_sessions);
  worker.route("/socket.io/", sessions);
  worker.route("/engine.io/", echo_sessions);
  if (const auto listening = worker.listen(); !listening) {
    std::fprintf(stderr, "crier-conformance: %s\n", listening.error().c_str());
    return 1;
  }
  std::printf("listening on 127.0.0.1 port %u\n", static_cast<unsigned>(worker.port()));
  std::fflush(stdout);
  worker.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || std::string_view(argv[1]) != "--port") {
    std::fprintf(stderr, "usage: crier-conformance --port PORT\n");
    return 2;
  }
  return run(static_cast<std::uint16_t>(std::atoi(argv[2])));
}

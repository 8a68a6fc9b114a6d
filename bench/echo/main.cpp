// crier-echo PORT: answers each `echo` event with its own arguments, for the echo row of bench/run:
// the gateway takes no events from clients, so there it is the library that is measured.

#include "crier/server.hpp"

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  crier::ServerOptions options;
  options.http.address = "127.0.0.1";
  if (argc > 1) options.http.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  crier::Server server(options, {});
  server.of("/").on_connect([](crier::Socket socket) {
    socket.on("echo", [](const crier::Arguments& arguments, const crier::Ack& ack) {
      if (ack) ack(arguments);
    });
  });
  if (const auto listening = server.listen(); !listening) {
    std::fprintf(stderr, "%s\n", listening.error().message.c_str());
    return 1;
  }
  server.run();
}

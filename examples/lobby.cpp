// A general Socket.IO server: every client joins the lobby, and each message goes to all in it.
//
//   lobby [PORT]
//
// A client: const socket = io("http://localhost:3000"); socket.on("said", console.log);
//           socket.emit("say", "hello", (answer) => console.log(answer));

#include "crier/server.hpp"

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  crier::ServerOptions options;
  if (argc > 1) options.http.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  options.http.origins = {"*"};  // any page may connect
  crier::Server server(options, {});

  crier::Namespace lobby = server.of("/");
  lobby.on_connect([lobby](crier::Socket socket) {
    socket.join("lobby");
    socket.on("say", [lobby](const crier::Arguments& arguments, const crier::Ack& ack) mutable {
      lobby.emit_to("lobby", "said", arguments);
      if (ack) ack({R"(["heard"])", {}});
    });
  });

  if (const auto listening = server.listen(); !listening) {
    std::fprintf(stderr, "%s\n", listening.error().message.c_str());
    return 1;
  }
  std::printf("listening on port %u\n", static_cast<unsigned>(server.port()));
  std::fflush(stdout);
  server.run();  // until stop(), which any thread may call
}

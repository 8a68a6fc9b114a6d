// Embeds the gateway in an application, and publishes each line of standard input to program-1.
//
//   crier user add alice && crier member add program-1 alice
//   JWT_ACCESS_SECRET=… embed_gateway [PORT]

#include "crier/gateway.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <thread>

namespace {

void to_stderr(crier::LogLevel level, std::string_view message,
               std::initializer_list<crier::LogField> fields) {
  if (level == crier::LogLevel::debug) return;
  std::string line(message);
  for (const auto& field : fields) line.append(" ").append(field.key).append("=" + field.value);
  std::fprintf(stderr, "%s\n", line.c_str());
}

void publish(crier::Gateway& gateway, const std::string& line, const std::string& request) {
  const auto text = crier::Json::string(line);
  if (!text) return;  // not UTF-8
  auto data = crier::Json::parse("{\"text\":" + std::string(text.value().text()) + "}");
  if (!data) return;
  const crier::Payload payload{request, *data, "system", "The application"};
  // emit_to_program() would return at once, and only log a failure.
  const auto position = gateway.publish("program-1", "notification:created", payload);
  const std::string& outcome = position ? position.value().id : position.error().message;
  std::printf("%s\n", outcome.empty() ? "delivered, but not kept" : outcome.c_str());
}

int run(const crier::GatewayOptions& options) {
  crier::Gateway gateway(options, to_stderr);
  gateway.handle("GET", "/about", [](const crier::HttpRequest&, const crier::HttpReply& reply) {
    reply({200, "text/plain; charset=utf-8", "an application with a gateway in it\n", {}});
  });
  if (const auto listening = gateway.listen(); !listening) {
    std::fprintf(stderr, "%s\n", listening.error().message.c_str());
    return 1;
  }
  std::thread loop([&gateway] { gateway.run(); });

  std::string line;
  for (int count = 1; std::getline(std::cin, line); ++count) {
    publish(gateway, line, "line-" + std::to_string(count));
  }

  gateway.stop();
  loop.join();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const char* const secret = std::getenv("JWT_ACCESS_SECRET");
  crier::GatewayOptions options;
  options.auth.secret = secret == nullptr ? "" : secret;
  options.store.path = "crier.db";
  if (argc > 1) options.http.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  try {
    return run(options);
  } catch (const std::exception& error) {  // invalid options
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

// The simulated client does what the npm client was recorded to do: see npm_client.mjs.

#include "client.hpp"

#include "network.hpp"
#include "world.hpp"

#include <array>
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

namespace crier::simulation {
namespace {

struct Script {
  std::string name;
  std::vector<std::vector<std::string>> sessions;
  std::vector<std::string> expected;
};

std::vector<Script> recorded() {
  std::vector<Script> scripts;
  std::ifstream file(NPM_CLIENT_RECORD);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("# ")) {
      scripts.push_back({line.substr(2), {}, {}});
    } else if (line == "session") {
      scripts.back().sessions.emplace_back();
    } else if (line.starts_with("> ")) {
      scripts.back().sessions.back().push_back(line.substr(2));
    } else if (line.starts_with("= ")) {
      scripts.back().expected.push_back(line);
    }
  }
  return scripts;
}

const std::string pong = "= sent pong";

using Note = std::function<void(const std::string&)>;

/// The scripted server of npm_client.mjs.
class Server {
 public:
  Server(World& world, Script script, Note note)
      : script_(std::move(script)), note_(std::move(note)) {
    Host& host = world.current_host();
    port = world.network().bind(host, {});
    world.network().listen(host, port, this, [this](std::shared_ptr<Wire> wire) {
      ends_.push_back(std::make_unique<End>(*this, std::move(wire)));
    });
  }

  std::uint16_t port = 0;

 private:
  struct End final : EndUser {
    End(Server& owner, std::shared_ptr<Wire> connection)
        : server(owner), wire(std::move(connection)) {
      wire->set_user(1, this);
      wire->wait_readable(1);
    }
    void end_readable() override {
      std::array<char, 4096> buffer;
      const auto result = wire->read(1, buffer);
      if (result.status != net::IoStatus::done) return;
      input.append(buffer.data(), result.bytes);
      while (take()) {
      }
      wire->wait_readable(1);
    }
    void end_writable() override {}

    bool take() {
      const std::size_t head = input.find("\r\n\r\n");
      if (head == std::string::npos) return false;
      const std::string start = input.substr(0, input.find("\r\n"));
      const std::size_t length_at = input.find("Content-Length: ");
      const std::size_t length =
          length_at < head ? std::stoul(input.substr(length_at + 16)) : std::size_t{0};
      if (input.size() < head + 4 + length) return false;
      const std::string body = input.substr(head + 4, length);
      input.erase(0, head + 4 + length);
      server.request(*this, start, body);
      return true;
    }
    void answer(const std::string& status, const std::string& body) const {
      wire->write(1, "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
                         "\r\n\r\n" + body);
    }

    Server& server;
    std::shared_ptr<Wire> wire;
    std::string input;
  };

  void request(const End& end, const std::string& start, const std::string& body) {
    const std::size_t sid_at = start.find("&sid=");
    if (start.starts_with("POST")) {
      if (body == "3") note_(pong);
      end.answer("200 OK", "ok");
    } else if (sid_at == std::string::npos) {
      end.answer("200 OK", "0{\"sid\":\"" + std::to_string(opened_++) +
                               "\",\"upgrades\":[],\"pingInterval\":9000,\"pingTimeout\":9000}");
    } else {
      poll(end, std::stoul(start.substr(sid_at + 5)));
    }
  }

  void poll(const End& end, std::size_t session) {
    auto& payloads = script_.sessions.at(session);
    if (!payloads.empty()) {
      std::string payload = payloads.front();
      payloads.erase(payloads.begin());
      for (char& c : payload) c = c == '^' ? '\x1E' : c;
      end.answer("200 OK", payload);
    } else if (session + 1 < script_.sessions.size()) {
      end.answer("400 Bad Request", "{}");
    }
  }

  Script script_;
  Note note_;
  std::size_t opened_ = 0;
  std::vector<std::unique_ptr<End>> ends_;
};

/// Notes what npm_client.mjs notes.
class Noting final : public Application {
 public:
  explicit Noting(Note note) : note_(std::move(note)) {}
  void connecting(Client& /*client*/, std::string_view auth) override {
    note_("= sent " + std::string(auth));
  }
  void connected(Client& /*client*/, bool recovered) override {
    note_(recovered ? "= connect recovered" : "= connect anew");
  }
  void event(Client& /*client*/, std::string_view /*name*/,
             const std::vector<std::string_view>& arguments) override {
    std::string text;
    for (const auto argument : arguments) {
      text += (text.empty() ? "[" : ",") + std::string(argument);
    }
    note_("= event " + text + "]");
  }
  void disconnected(Client& /*client*/, std::string_view reason) override {
    note_("= disconnect " + std::string(reason));
  }
  void refused(Client& /*client*/, std::string_view why) override {
    note_("= refused " + std::string(why));
  }

 private:
  Note note_;
};

TEST(Client, DoesWhatTheNpmClientWasRecordedToDo) {
  const auto scripts = recorded();
  ASSERT_GE(scripts.size(), 8U);
  for (const Script& script : scripts) {
    World world(1);
    std::vector<std::string> notes;
    const Note note = [&](const std::string& line) { notes.push_back(line); };
    Noting application(note);
    Server server(world, script, note);
    Client client(
        world, "client", {"u", "t", Transports::polling, CursorKind::none},
        [&] { return server.port; }, application);
    client.start();
    world.run_until(world.now() + std::chrono::seconds(9));
    // A pong takes its own way to the server: only that it came is the same.
    std::vector<std::string> expected = script.expected;
    EXPECT_EQ(std::erase(notes, pong), std::erase(expected, pong)) << script.name;
    EXPECT_EQ(notes, expected) << script.name;
  }
}

}  // namespace
}  // namespace crier::simulation

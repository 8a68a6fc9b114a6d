// The application of a socket.io-client-cpp client, for run.mjs: URL TOKEN SESSION. Prints what its
// handlers see.

#include <cstdint>
#include <iostream>
#include <sio_client.h>
#include <string>
#include <unistd.h>

static void handle(const std::string&, const sio::message::ptr& body) {
  std::cout << "event " << body->get_map().at("requestId")->get_string() << std::endl;
}

static void load(const std::string& program) { std::cout << "load " << program << std::endl; }

static void drop(const std::string& program) { std::cout << "drop " << program << std::endl; }

static void load_all() { std::cout << "load all" << std::endl; }

// docs/recovery.md shows what follows, down to the end of connect().
/// An id is `epoch.number`, and within an epoch the numbers rise.
static bool is_repeat(const std::string& id) {
  static std::string latest_epoch;
  static std::uint64_t latest = 0;
  const std::size_t dot = id.find('.');
  const std::string epoch = id.substr(0, dot);
  const std::uint64_t number = std::stoull(id.substr(dot + 1));
  if (epoch == latest_epoch && number <= latest) return true;
  latest_epoch = epoch;
  latest = number;
  return false;
}

static void on_catchup(const sio::message::ptr& body) {
  const auto& members = body->get_map();
  for (const auto& program : members.at("programs")->get_map()) {
    const std::string& verdict = program.second->get_string();
    if (verdict == "left")
      drop(program.first);
    else if (verdict != "recovered")
      load(program.first);
  }
  const auto others = members.find("others");
  const bool unnamed = others != members.end() && others->second->get_string() != "recovered";
  if (unnamed || members.count("changed") > 0) load_all();
}

static void on_event(sio::event& event) {
  const sio::message::list& args = event.get_messages();
  if (event.get_name() == "catchup") return on_catchup(args.at(0));
  if (args.size() < 2 || !is_repeat(args.at(1)->get_string())) {
    handle(event.get_name(), args.at(0));
  }
}

static void connect(sio::client& client, const std::string& url, const std::string& token,
                    const std::string& session) {
  const sio::message::ptr auth = sio::object_message::create();
  auth->get_map()["token"] = sio::string_message::create(token);
  auth->get_map()["session"] = sio::string_message::create(session);
  client.set_reconnect_delay(50);
  client.set_reconnect_delay_max(500);
  client.connect(url, auth);
  client.socket()->on_any(on_event);  // after connect(): a socket has the `auth` of its making
}

int main(int, char** args) {
  sio::client client;
  client.set_logs_quiet();
  client.set_socket_open_listener([](const std::string&) { std::cout << "connect" << std::endl; });
  connect(client, args[1], args[2], args[3]);
  for (;;) pause();
}

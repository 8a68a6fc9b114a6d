// What admits a client, without the network.

#include "access/jwt.hpp"
#include "backends/sqlite/store.hpp"
#include "gateway/admission.hpp"
#include "http/parser.hpp"
#include "websocket/handshake.hpp"

#include <benchmark/benchmark.h>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <variant>

namespace {

using namespace crier;

constexpr std::string_view secret = "a secret of at least thirty-two bytes";
constexpr WallTime wall = 1'795'505'340'000'000;

std::string token(const std::string& user) {
  return access::sign_hs256(secret,
                            R"({"iat":1795505000,"exp":1895505340,"sub":")" + user + R"("})");
}

const access::Verifier& verifier() {
  static const access::Verifier verifier({{std::string(secret), {access::Algorithm::hs256}, {}}},
                                         {});
  return verifier;
}

void verify_token(benchmark::State& state) {
  const std::string text = token("u1");
  for (auto _ : state) {
    const auto claims = verifier().verify(text, wall);
    if (!claims) state.SkipWithError("refused");
  }
}
BENCHMARK(verify_token);

void parse_upgrade(benchmark::State& state) {
  constexpr std::string_view request =
      "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: "
      "websocket\r\n"
      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  for (auto _ : state) {
    http::Parser parser{{}};
    std::string_view input = request;
    parser.receive(input);
    const auto& head = parser.request();
    benchmark::DoNotOptimize(websocket::accept_response(
        {head.header("sec-websocket-version"), head.header("sec-websocket-key"), {}}));
  }
}
BENCHMARK(parse_upgrade);

/// A store with 20,000 users, each in one of 500 programs.
class People {
 public:
  static constexpr std::size_t users = 20'000;

  People() {
    auto store = sqlite::Store::open(path(), sqlite::Store::Mode::create);
    if (!store) std::abort();
    std::stringstream lines;
    for (std::size_t i = 0; i < users; ++i) {
      const std::string id = "u" + std::to_string(i);
      lines << R"({"user":{"id":")" << id << R"(","name":"N","role":"r","active":true}})" << '\n';
      lines << R"({"member":{"programId":"p)" << i % 500 << R"(","userId":")" << id
            << R"(","active":true}})" << '\n';
    }
    if (!(*store)->import(lines)) std::abort();
  }
  ~People() { std::filesystem::remove_all(folder_); }
  People(const People&) = delete;
  People& operator=(const People&) = delete;

  [[nodiscard]] std::string path() const { return folder_ + "/store.db"; }

 private:
  static std::string make_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "crier-micro-XXXXXX").string();
    return mkdtemp(name.data());
  }
  std::string folder_ = make_folder();
};

/// So many look-ups that come in one turn of the loop; the time is of one.
void look_up_member(benchmark::State& state) {
  static const People people;
  const auto source = sqlite::open_memberships(people.path());
  std::size_t next = 0;
  std::size_t found = 0;
  for (auto _ : state) {
    source->together([&] {
      for (std::int64_t i = 0; i < state.range(0); ++i) {
        source->look_up("u" + std::to_string(next++ * 7919 % People::users),
                        [&](const auto& user) { found += user && *user ? 1 : 0; });
      }
    });
  }
  if (found != next) state.SkipWithError("not found");
  state.SetItemsProcessed(static_cast<std::int64_t>(found));
}
BENCHMARK(look_up_member)->Arg(1)->Arg(32);

/// From the CONNECT packet to the sealed pid; the user and the history answer at once.
void admit(benchmark::State& state) {
  const gateway::AdmissionOptions options;
  const gateway::PidSeal seal(secret);
  const std::string auth = R"({"token":")" + token("u1") + R"("})";
  const access::User user{"u1", "N", "r", true, {"alpha", "beta"}, {1, 1}};
  const history::ReadReply reply{
      "AbCdEfGh", 1'795'505'000'000'000, {{"alpha", 0, {}}, {"beta", 0, {}}}};
  for (auto _ : state) {
    gateway::Admission admission(options, verifier(), seal);
    admission.start(auth, wall, {});
    admission.looked_up(std::optional(user), {});
    const gateway::Command command = admission.history_read(reply, {});
    const auto* admitted = std::get_if<gateway::Admit>(&command);
    if (admitted == nullptr) {
      state.SkipWithError("not admitted");
      break;
    }
    gateway::Pid pid = admitted->recovery.next;
    pid.sid = "AAAAAAAAAAAAAAAAAAAA";
    benchmark::DoNotOptimize(seal.seal(pid, user.id));
  }
}
BENCHMARK(admit);

}  // namespace

// Connections over TLS to a real redis-server.

#include "net/test_certificates.hpp"
#include "tests/support/redis_user.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>

namespace crier::redis {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class RedisTls : public testing::Test, public TestUser {
 protected:
  static void SetUpTestSuite() { certificates = std::make_unique<net::TestCertificates>(); }
  static void TearDownTestSuite() { certificates.reset(); }

  void SetUp() override { options.ca_file = path("ca.crt"); }
  void start(const std::string& certificate, const std::string& auth_clients = "no") {
    port = free_port();
    server = std::make_unique<TestServer>(std::vector<std::string>{
        "--tls-port", std::to_string(port), "--tls-cert-file", path(certificate + ".crt"),
        "--tls-key-file", path(certificate + ".key"), "--tls-ca-cert-file", path("ca.crt"),
        "--tls-auth-clients", auth_clients});
  }
  [[nodiscard]] std::string url(const std::string& host = "127.0.0.1",
                                const std::string& credentials = {}) const {
    return "rediss://" + credentials + host + ":" + std::to_string(port);
  }
  static std::string path(const std::string& file) { return certificates->path(file); }

  static std::unique_ptr<net::TestCertificates> certificates;
  std::unique_ptr<TestServer> server;
  std::uint16_t port = 0;
};
std::unique_ptr<net::TestCertificates> RedisTls::certificates;

TEST_F(RedisTls, CarriesCommandsOfAnySize) {
  start("good");
  connect(url());
  ASSERT_TRUE(wait([&] { return connects == 1; })) << last_loss();
  const std::string large(3'000'000, 'x');
  EXPECT_EQ(ask({"SET", "k", large}), "OK");
  EXPECT_EQ(ask({"GET", "k"}), large);
  EXPECT_EQ(server->text({"STRLEN", "k"}), "3000000");
}

TEST_F(RedisTls, ConnectsByNameToo) {
  start("good");
  connect(url("localhost"));
  ASSERT_TRUE(wait([&] { return connects == 1; })) << last_loss();
  EXPECT_EQ(ask({"PING"}), "PONG");
}

TEST_F(RedisTls, SendsUserAndPasswordDecodedAndShowsThemNowhere) {
  start("good");
  server->command({"ACL", "SETUSER", "me@x", "on", ">p:w/d%1", "+ping"});
  connect(url("127.0.0.1", "me%40x:p%3Aw%2Fd%251@"));
  ASSERT_TRUE(wait([&] { return connects == 1; })) << last_loss();
  EXPECT_EQ(ask({"PING"}), "PONG");

  connect(url("127.0.0.1", "me%40x:wr0ng%20secret@"));
  ASSERT_TRUE(wait([&] { return !losses.empty(); }));
  EXPECT_EQ(last_loss(),
            "refused AUTH (WRONGPASS invalid username-password pair or user is disabled.)");
}

TEST_F(RedisTls, ComesBackWhenTheServerDoes) {
  start("good");
  connect(url());
  ASSERT_TRUE(wait([&] { return connects == 1; })) << last_loss();
  server->restart();
  ASSERT_TRUE(wait([&] { return connects == 2; })) << last_loss();
  EXPECT_EQ(ask({"PING"}), "PONG");
}

TEST_F(RedisTls, RefusesAServerThatCannotProveItself) {
  certificates->issue("expired", "IP:127.0.0.1", -1);
  certificates->issue("other", "DNS:redis.example");
  certificates->run(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout own.key "
      "-out own.crt -subj /CN=redis -addext subjectAltName=IP:127.0.0.1 -days 1");
  struct Case {
    const char* certificate;
    const char* why;
  };
  const Case cases[] = {{"expired", "certificate has expired"},
                        {"other", "IP address mismatch"},
                        {"own", "self-signed certificate"}};
  for (const Case& c : cases) {
    start(c.certificate);
    server->command({"CONFIG", "SET", "requirepass", "hunter2"});
    losses.clear();
    connect(url("127.0.0.1", ":hunter2@"));
    ASSERT_TRUE(wait([&] { return !losses.empty(); }));
    EXPECT_EQ(losses[0], "cannot connect to 127.0.0.1 port " + std::to_string(port) +
                             ": its certificate is not accepted: " + c.why);
    EXPECT_EQ(connects, 0);
  }
}

TEST_F(RedisTls, RefusesAPortWithoutTls) {
  start("good");
  connect("rediss://:hunter2@127.0.0.1:" + std::to_string(server->port()));
  ASSERT_TRUE(wait([&] { return !losses.empty(); }));
  EXPECT_THAT(losses[0], StartsWith("cannot connect to 127.0.0.1 port"));
  EXPECT_EQ(connects, 0);
}

TEST_F(RedisTls, ShowsItsCertificateToAServerThatAsks) {
  certificates->issue("client", "DNS:crier");
  start("good", "yes");
  options.certificate_file = path("client.crt");
  options.key_file = path("client.key");
  connect(url());
  ASSERT_TRUE(wait([&] { return connects == 1; })) << last_loss();
  EXPECT_EQ(ask({"PING"}), "PONG");

  options.certificate_file.clear();
  options.key_file.clear();
  losses.clear();
  connect(url());
  ASSERT_TRUE(wait([&] { return !losses.empty(); }));
  EXPECT_THAT(losses[0], HasSubstr("certificate required"));
}

TEST_F(RedisTls, ReadsItsFilesAgainAtEachConnect) {
  start("good");
  options.ca_file = path("later.crt");
  auto parsed = parse_url(url());
  ASSERT_TRUE(parsed);
  connection = std::make_unique<Connection>(loop, *std::move(parsed), options, random, *this);
  ASSERT_TRUE(wait([&] { return !losses.empty(); }));
  certificates->run("cp ca.crt later.crt");
  ASSERT_TRUE(wait([&] { return connects == 1; })) << last_loss();
}

TEST_F(RedisTls, NamesTheFileThatCannotBeUsedAtOnceAndLater) {
  options.url = "rediss://:hunter2@127.0.0.1:1";
  options.ca_file = path("none");
  const auto checked = checked_url(options);
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error(), AllOf(StartsWith("For Redis the CA file " + path("none")),
                                     EndsWith("."), Not(HasSubstr("hunter2"))));
  options.url = "redis://127.0.0.1:1";
  EXPECT_EQ(checked_url(options).error(),
            "The Redis URL must begin with rediss: files for TLS are named.");

  options.url = "rediss://127.0.0.1:1";
  auto url = parse_url(options.url);
  ASSERT_TRUE(url);
  connection = std::make_unique<Connection>(loop, *std::move(url), options, random, *this);
  EXPECT_TRUE(losses.empty()) << "from the constructor";
  ASSERT_TRUE(wait([&] { return losses.size() == 2; }));
  EXPECT_THAT(losses[0], StartsWith("the CA file " + path("none") + " cannot be used"));
}

}  // namespace
}  // namespace crier::redis

#include "net/tls.hpp"

#include "net/loopback.hpp"
#include "net/test_certificates.hpp"
#include "net/test_tls_peer.hpp"

#include <array>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <vector>

namespace crier::net {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using testing::EndsWith;
using testing::HasSubstr;

class TlsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { certificates = std::make_unique<TestCertificates>(); }
  static void TearDownTestSuite() { certificates.reset(); }

  ~TlsTest() override {
    peer.reset();
    SSL_CTX_free(context);
  }

  /// A server that shows `name`.crt.
  void serve(const std::string& name = "good", std::size_t piece = SIZE_MAX) {
    context = SSL_CTX_new(TLS_server_method());
    ASSERT_EQ(SSL_CTX_use_certificate_chain_file(context, path(name + ".crt").c_str()), 1);
    ASSERT_EQ(SSL_CTX_use_PrivateKey_file(context, path(name + ".key").c_str(), SSL_FILETYPE_PEM),
              1);
    listen([this, piece](Stream accepted) {
      peer = std::make_unique<TlsPeer>(std::move(accepted), context, piece);
    });
  }
  void listen(std::function<void(Stream)> accept) {
    auto opened = Listener::open(loop, {"127.0.0.1", 0}, std::move(accept));
    ASSERT_TRUE(opened);
    listener = std::move(opened).value();
  }

  /// Connects; with what comes of it, `stream` or `error`.
  void connect(const std::string& host = "127.0.0.1", TlsFiles files = {path("ca.crt"), {}, {}},
               Duration timeout = 10s) {
    auto tls = TlsClient::load(files);
    ASSERT_TRUE(tls) << tls.error();
    bool done = false;
    const Connecting connecting(
        loop, host, listener->port(), timeout,
        [&](Result<Stream, std::string> result) {
          done = true;
          if (result) {
            stream.emplace(std::move(result).value());
            stream->set_user(user);
          } else {
            error = result.error();
          }
        },
        std::move(tls).value());
    ASSERT_TRUE(run_until(loop, [&] { return done; }));
  }
  void open(std::size_t piece = SIZE_MAX) {
    serve("good", piece);
    connect();
    ASSERT_TRUE(stream) << error;
    ASSERT_TRUE(run_until(loop, [&] { return peer->is_open(); }));
  }

  /// Reads until the stream says something else than done or would_block, or `size` bytes came.
  IoStatus read(std::size_t size, std::size_t room = 65536) {
    IoStatus status = IoStatus::would_block;
    std::string into(room, '\0');
    user.when_readable = [&] {
      while (received.size() < size) {
        const IoResult result = stream->read(into);
        status = result.status;
        if (status == IoStatus::would_block) return stream->wait_readable();
        if (status != IoStatus::done) return;
        received.append(into, 0, result.bytes);
        if (room < 1000) return stream->wait_readable();  // what is left must be told again
      }
    };
    stream->wait_readable();
    EXPECT_TRUE(run_until(loop, [&] {
      return received.size() >= size || status == IoStatus::closed || status == IoStatus::failed;
    }));
    user.when_readable = nullptr;
    return status;
  }

  static std::string path(const std::string& file) { return certificates->path(file); }

  static std::unique_ptr<TestCertificates> certificates;
  Loop loop;
  Recorder user;
  SSL_CTX* context = nullptr;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<TlsPeer> peer;
  std::optional<Stream> stream;
  std::string received;
  std::string error;
};
std::unique_ptr<TestCertificates> TlsTest::certificates;

TEST_F(TlsTest, CarriesBytesBothWaysEncrypted) {
  open();
  EXPECT_EQ(stream->write("a secret word").bytes, 13U);
  ASSERT_TRUE(run_until(loop, [&] { return peer->received == "a secret word"; }));
  EXPECT_THAT(peer->raw, testing::Not(HasSubstr("secret")));
  peer->send("an answer");
  read(9);
  EXPECT_EQ(received, "an answer");
}

TEST_F(TlsTest, TellsTheServerWhichHostIsMeant) {
  open();
  EXPECT_EQ(peer->asked_name(), "") << "an address is not a name";
  connect("localhost");
  ASSERT_TRUE(run_until(loop, [&] { return peer->is_open(); }));
  EXPECT_EQ(peer->asked_name(), "localhost");
}

TEST_F(TlsTest, TakesTheHandshakeAndTheRestByteByByte) {
  open(1);
  peer->send("one by one");
  read(10);
  EXPECT_EQ(received, "one by one");
}

TEST_F(TlsTest, RefusesACertificateThatDoesNotProveTheServer) {
  certificates->issue("expired", "IP:127.0.0.1", -1);
  certificates->issue("other", "DNS:other.example,IP:127.0.0.2");
  certificates->run(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout own.key "
      "-out own.crt -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 1");
  struct Case {
    const char* certificate;
    const char* host;
    const char* why;
  };
  const Case cases[] = {
      {"expired", "127.0.0.1", "certificate has expired"},
      {"other", "127.0.0.1", "IP address mismatch"},
      {"other", "localhost", "hostname mismatch"},
      {"own", "localhost", "self-signed certificate"},
  };
  for (const Case& c : cases) {
    serve(c.certificate);
    connect(c.host);
    EXPECT_FALSE(stream) << c.certificate;
    EXPECT_EQ(error, std::string("cannot connect to ") + c.host + " port " +
                         std::to_string(listener->port()) +
                         ": its certificate is not accepted: " + c.why);
    peer.reset();
    SSL_CTX_free(std::exchange(context, nullptr));
  }
}

TEST_F(TlsTest, TrustsNobodyElsesAuthority) {
  serve();
  connect("127.0.0.1", {});
  EXPECT_FALSE(stream);
  EXPECT_THAT(error, HasSubstr("its certificate is not accepted: "));
}

TEST_F(TlsTest, RefusesAServerWithoutTls) {
  std::optional<Stream> accepted;
  listen([&](Stream plain) {
    accepted.emplace(std::move(plain));
    accepted->write("-ERR not TLS\r\n");
  });
  connect();
  EXPECT_FALSE(stream);
  EXPECT_THAT(error, EndsWith(": TLS failed: wrong version number"));
}

TEST_F(TlsTest, GivesUpAServerThatEndsOrIsSilent) {
  listen([](Stream gone) { gone.shut_down_write(); });
  connect();
  EXPECT_THAT(error, HasSubstr("cannot connect to 127.0.0.1 port"));
  std::optional<Stream> accepted;
  listen([&](Stream silent) { accepted.emplace(std::move(silent)); });
  connect("127.0.0.1", {path("ca.crt"), {}, {}}, 30ms);
  EXPECT_THAT(error, EndsWith("there was no answer in time"));
}

TEST_F(TlsTest, ShowsItsOwnCertificateWhereThatIsAskedFor) {
  certificates->issue("client", "DNS:client");
  serve();
  SSL_CTX_load_verify_file(context, path("ca.crt").c_str());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  connect("127.0.0.1", {path("ca.crt"), path("client.crt"), path("client.key")});
  ASSERT_TRUE(stream) << error;
  EXPECT_TRUE(run_until(loop, [&] { return peer->is_open(); }));

  stream.reset();
  connect();
  ASSERT_TRUE(stream) << "the server's refusal comes later";
  EXPECT_EQ(read(1), IoStatus::failed);
  EXPECT_THAT(stream->failure(), HasSubstr("certificate required"));
}

TEST_F(TlsTest, WaitsForRoomAndLosesNothing) {
  open();
  peer->reads = false;
  std::string all;
  while (all.size() < 12'000'000) all += static_cast<char>('a' + all.size() % 23);
  std::size_t written = 0;
  bool blocked = false;
  user.when_writable = [&] {
    while (written < all.size()) {
      const IoResult result = stream->write(std::string_view(all).substr(written, 300'000));
      written += result.bytes;
      if (result.status == IoStatus::done) continue;
      ASSERT_EQ(result.status, IoStatus::would_block);
      blocked = true;
      peer->reads = true;
      peer->on_readable();
      return stream->wait_writable();
    }
  };
  stream->wait_writable();
  ASSERT_TRUE(run_until(loop, [&] { return peer->received.size() == all.size(); }));
  EXPECT_TRUE(blocked);
  EXPECT_EQ(peer->received, all);
}

TEST_F(TlsTest, TellsOfBytesThatWereDecryptedAlready) {
  open();
  const std::string all(100'000, 'x');
  peer->send(all);
  read(all.size(), 100);
  EXPECT_EQ(received, all);
}

TEST_F(TlsTest, FollowsWhenTheServerRenewsItsKeys) {
  open();
  peer->send("before ");
  peer->renew_keys();
  peer->send("after");
  read(12);
  EXPECT_EQ(received, "before after");
  stream->write("too");
  EXPECT_TRUE(run_until(loop, [&] { return peer->received == "too"; }));
}

TEST_F(TlsTest, GathersPieces) {
  open();
  const std::array<std::string, 4> texts = {"one ", "", "two ", "three"};
  std::vector<iovec> pieces;
  for (const std::string& text : texts) {
    pieces.push_back({const_cast<char*>(text.data()), text.size()});
  }
  EXPECT_EQ(stream->write(pieces).bytes, 13U);
  EXPECT_EQ(stream->write("").status, IoStatus::done);
  EXPECT_TRUE(run_until(loop, [&] { return peer->received == "one two three"; }));
}

TEST_F(TlsTest, TellsAnEndFromACut) {
  open();
  peer->end();
  EXPECT_EQ(read(1), IoStatus::closed);
  stream.reset();
  connect();
  ASSERT_TRUE(run_until(loop, [&] { return peer->is_open(); }));
  peer->cut();
  EXPECT_EQ(read(1), IoStatus::failed) << "somebody between may have cut it";
}

TEST_F(TlsTest, TellsTheServerOfItsEnd) {
  for (const bool destroyed : {false, true}) {
    open();
    destroyed ? stream.reset() : stream->shut_down_write();
    EXPECT_TRUE(run_until(loop, [&] { return peer->was_told_the_end(); }));
    peer.reset();
    stream.reset();
    SSL_CTX_free(std::exchange(context, nullptr));
  }
}

TEST_F(TlsTest, FailsOnBytesThatAreNotOfThePeer) {
  open();
  peer->send_raw("\x17\x03\x03\x00\x20 forged, and of 32 bytes in all."sv);
  EXPECT_EQ(read(1), IoStatus::failed);
  EXPECT_THAT(stream->failure(), HasSubstr("bad record mac"));
}

TEST_F(TlsTest, HasNoDescriptorForDirectSends) {
  open();
  EXPECT_EQ(stream->descriptor(), -1);
}

TEST_F(TlsTest, NamesTheFileThatCannotBeUsed) {
  certificates->run("openssl ec -in good.key -aes128 -passout pass:x -out locked.key");
  certificates->run("touch empty");
  certificates->issue("second", "DNS:x");
  struct Case {
    TlsFiles files;
    std::string why;
  };
  const std::string ca = path("ca.crt");
  const std::string good = path("good.crt");
  const std::string missing = path("missing");
  const Case cases[] = {
      {{missing, "", ""}, "the CA file " + missing + " cannot be used: no such file or directory"},
      {{path("empty"), "", ""}, "the CA file " + path("empty") + " cannot be used: "},
      {{ca, missing, ""}, "the certificate file " + missing + " cannot be used: no such file"},
      {{ca, path("good.key"), ""}, "the certificate file " + path("good.key")},
      {{ca, "", path("good.key")}, "the key file " + path("good.key") + " needs a certificate"},
      {{ca, good, ""}, "the key file " + good + " cannot be used: "},
      {{ca, good, missing}, "the key file " + missing + " cannot be used: no such file"},
      {{ca, good, path("locked.key")}, "the key file " + path("locked.key") + " cannot be used: "},
      {{ca, good, path("second.key")}, "the key file " + path("second.key") + " cannot be used: "},
  };
  for (const Case& c : cases) {
    const auto client = TlsClient::load(c.files);
    ASSERT_FALSE(client) << c.why;
    EXPECT_THAT(client.error(), testing::StartsWith(c.why));
  }
  certificates->run("cat good.crt good.key > both.pem");
  EXPECT_TRUE(TlsClient::load({ca, path("both.pem"), ""}));
}

TEST_F(TlsTest, LeavesNothingBehindWhenGivenUp) {
  std::optional<Stream> accepted;
  listen([&](Stream silent) { accepted.emplace(std::move(silent)); });
  auto tls = TlsClient::load({path("ca.crt"), {}, {}});
  ASSERT_TRUE(tls);
  std::optional<Connecting> connecting;
  int calls = 0;
  connecting.emplace(
      loop, "127.0.0.1", listener->port(), 10s,
      [&](const Result<Stream, std::string>&) { ++calls; }, *tls);
  ASSERT_TRUE(run_until(loop, [&] { return accepted.has_value(); }));
  connecting.reset();
  run_ready(loop);
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace crier::net

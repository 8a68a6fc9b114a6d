// What a listener does with TLS, against clients of our own and OpenSSL's.

#include "net/loopback.hpp"
#include "net/test_certificates.hpp"
#include "net/test_tls_peer.hpp"
#include "net/tls.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <vector>

namespace crier::net {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::HasSubstr;
using testing::StartsWith;

class TlsServerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { certificates = std::make_unique<TestCertificates>(); }
  static void TearDownTestSuite() { certificates.reset(); }

  void SetUp() override {
    context.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_load_verify_file(context.get(), path("ca.crt").c_str());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    serve("good");
  }

  /// Listens with `name`.crt, and reads whatever comes.
  void serve(const std::string& name) {
    auto loaded = TlsServer::load(path(name + ".crt"), path(name + ".key"));
    ASSERT_TRUE(loaded) << loaded.error();
    tls = std::move(loaded).value();
    auto opened = Listener::open(
        loop, {"127.0.0.1", 0},
        [this](Stream stream) {
          server.emplace(std::move(stream));
          server->set_user(user);
          status = IoStatus::would_block;
          server->wait_readable();
        },
        tls);
    ASSERT_TRUE(opened) << opened.error();
    listener = std::move(opened).value();
    user.when_readable = [this] { read(); };
  }

  void read() {
    if (!server) return;
    for (;;) {
      const IoResult result = server->read(std::span(buffer).first(room));
      status = result.status;
      if (status == IoStatus::would_block) break;
      if (status != IoStatus::done) return;
      got.append(buffer.data(), result.bytes);
      if (result.bytes < room || once) break;  // what is left must be told again
    }
    if (!once) server->wait_readable();
  }

  std::optional<Stream> connect_plainly() {
    std::optional<Stream> plain;
    bool done = false;
    const Connecting connecting(loop, "127.0.0.1", listener->port(), 10s,
                                [&](Result<Stream, std::string> result) {
                                  done = true;
                                  if (result) plain.emplace(std::move(result).value());
                                });
    EXPECT_TRUE(run_until(loop, [&] { return done; }));
    return plain;
  }

  /// OpenSSL's client.
  void meet(std::size_t piece = SIZE_MAX, SSL_SESSION* session = nullptr) {
    auto plain = connect_plainly();
    ASSERT_TRUE(plain);
    peer = std::make_unique<TlsPeer>(std::move(*plain), context.get(), piece, session);
  }
  void open(std::size_t piece = SIZE_MAX, SSL_SESSION* session = nullptr) {
    meet(piece, session);
    ASSERT_TRUE(run_until(loop, [&] { return peer->is_open(); }));
  }
  /// Both have seen the other's last word of the handshake, tickets included.
  void settle() {
    peer->send("x");
    ASSERT_TRUE(run_until(loop, [&] { return got == "x"; }));
    server->write("y");
    ASSERT_TRUE(run_until(loop, [&] { return peer->received == "y"; }));
  }

  /// Our own client.
  std::optional<Stream> connect() {
    auto client = TlsClient::load({path("ca.crt"), {}, {}});
    std::optional<Stream> stream;
    bool done = false;
    const Connecting connecting(
        loop, "localhost", listener->port(), 10s,
        [&](Result<Stream, std::string> result) {
          done = true;
          if (result) stream.emplace(std::move(result).value());
        },
        std::move(client).value());
    EXPECT_TRUE(run_until(loop, [&] { return done; }));
    return stream;
  }

  /// Whether the connection itself ends for the peer, and what the server learns.
  bool ends() {
    return run_until(loop, [&] {
      if (status == IoStatus::failed) server.reset();
      return peer->ended || peer->was_told_the_end();
    });
  }

  static std::string path(const std::string& file) { return certificates->path(file); }
  static std::string serial(const TlsPeer& peer) {
    const X509* const shown = SSL_get0_peer_certificate(peer.tls());
    const ASN1_INTEGER* const number = X509_get0_serialNumber(shown);
    return {reinterpret_cast<const char*>(number->data), static_cast<std::size_t>(number->length)};
  }

  static std::unique_ptr<TestCertificates> certificates;
  Loop loop;
  Recorder user;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{nullptr, SSL_CTX_free};
  std::shared_ptr<TlsServer> tls;
  std::unique_ptr<Listener> listener;
  std::optional<Stream> server;
  std::unique_ptr<TlsPeer> peer;
  IoStatus status = IoStatus::would_block;
  std::string got;
  bool once = false;
  std::size_t room = 65536;
  std::array<char, 65536> buffer{};
};
std::unique_ptr<TestCertificates> TlsServerTest::certificates;

TEST_F(TlsServerTest, CarriesBytesBothWaysEncrypted) {
  open();
  peer->send("a question");
  ASSERT_TRUE(run_until(loop, [&] { return got == "a question"; }));
  EXPECT_EQ(server->write("an answer").bytes, 9U);
  ASSERT_TRUE(run_until(loop, [&] { return peer->received == "an answer"; }));
  EXPECT_THAT(peer->raw, testing::Not(HasSubstr("answer")));
  EXPECT_EQ(server->descriptor(), -1);
  EXPECT_EQ(server->peer_address(), "127.0.0.1");
}

TEST_F(TlsServerTest, ServesOurOwnClient) {
  auto client = connect();
  ASSERT_TRUE(client);
  EXPECT_EQ(client->write("hello").bytes, 5U);
  EXPECT_TRUE(run_until(loop, [&] { return got == "hello"; }));
  client.reset();
  EXPECT_TRUE(run_until(loop, [&] { return status == IoStatus::closed; }));
}

TEST_F(TlsServerTest, TakesTheHandshakeAndTheRestByteByByte) {
  open(1);
  peer->send("one by one");
  EXPECT_TRUE(run_until(loop, [&] { return got == "one by one"; }));
}

TEST_F(TlsServerTest, LosesNothingWhenBothSendMuchAndReadSlowly) {
  open();
  std::string all;
  while (all.size() < 8'000'000) all += static_cast<char>('a' + all.size() % 23);
  peer->reads = false;
  bool blocked = false;
  std::size_t written = 0;
  user.when_writable = [&] {
    while (written < all.size()) {
      std::vector<iovec> pieces;  // more of them each time that they are offered
      for (std::size_t at = written; at < all.size() && pieces.size() < 20; at += 5000) {
        pieces.push_back({all.data() + at, std::min<std::size_t>(5000, all.size() - at)});
      }
      const IoResult result = server->write(pieces);
      written += result.bytes;
      if (result.status == IoStatus::done) continue;
      ASSERT_EQ(result.status, IoStatus::would_block);
      blocked = true;
      if (!std::exchange(peer->reads, true)) {
        peer->send(all);
        peer->on_readable();
      }
      return server->wait_writable();
    }
  };
  server->wait_writable();
  ASSERT_TRUE(run_until(
      loop, [&] { return peer->received.size() == all.size() && got.size() == all.size(); }));
  EXPECT_TRUE(blocked);
  EXPECT_EQ(peer->received, all);
  EXPECT_EQ(got, all);
}

TEST_F(TlsServerTest, MakesOneRecordOfSeveralPieces) {
  auto client = connect();
  ASSERT_TRUE(client);
  client->write("x");
  ASSERT_TRUE(run_until(loop, [&] { return got == "x"; }));
  std::string text(700, 'a');
  const std::vector<iovec> pieces(20, iovec{text.data(), text.size()});
  EXPECT_EQ(server->write(pieces).bytes, 14'000U);
  Recorder reader;
  client->set_user(reader);
  client->wait_readable();
  ASSERT_TRUE(run_until(loop, [&] { return reader.readable > 0; }));
  EXPECT_EQ(client->read(buffer).bytes, 14'000U) << "a read returns one record's bytes at most";
  const std::vector<iovec> more(64, iovec{text.data(), text.size()});
  EXPECT_EQ(server->write(more).bytes, 16'384U);
  EXPECT_EQ(server->write(std::span<const iovec>()).status, IoStatus::done);
}

TEST_F(TlsServerTest, ToldOfBytesThatWereDecryptedOrReadAlready) {
  room = 100;
  open();
  const std::string all(100'000, 'x');
  peer->send(all);
  EXPECT_TRUE(run_until(loop, [&] { return got == all; }));
}

TEST_F(TlsServerTest, GoesOnOnAnotherLoopWithBytesInsideOpenSsl) {
  open();
  room = 3;
  once = true;
  peer->send("before");
  ASSERT_TRUE(run_until(loop, [&] { return got == "bef"; }));
  Detached detached = std::move(*server).detach();
  server.reset();
  Loop other;
  server = attach(other, std::move(detached));
  server->set_user(user);
  room = 65536;
  once = false;
  server->wait_readable();
  EXPECT_TRUE(run_until(other, [&] { return got == "before"; }));
  peer->send(" and after");
  run_ready(loop);
  EXPECT_TRUE(run_until(other, [&] { return got == "before and after"; }));
  server->write("back");
  EXPECT_TRUE(run_until(loop, [&] { return peer->received == "back"; }));
  server.reset();
}

TEST_F(TlsServerTest, SaysGoodbyeWhenItIsDroppedBetweenTwoLoops) {
  open();
  settle();
  {
    const Detached dropped = std::move(*server).detach();
  }
  server.reset();
  EXPECT_TRUE(run_until(loop, [&] { return peer->was_told_the_end(); }));
}

TEST_F(TlsServerTest, WritesOnToAClientThatHasEndedItsSending) {
  open();
  peer->send("last");
  peer->end();
  ASSERT_TRUE(run_until(loop, [&] { return status == IoStatus::closed; }));
  EXPECT_EQ(got, "last");
  EXPECT_EQ(server->write("still").bytes, 5U);
  server->shut_down_write();
  EXPECT_TRUE(run_until(loop, [&] { return peer->was_told_the_end(); }));
  EXPECT_EQ(peer->received, "still");
}

TEST_F(TlsServerTest, TakesAnEndWithoutAGoodbyeForAnEnd) {
  open();
  settle();
  peer->cut();
  EXPECT_TRUE(run_until(loop, [&] { return status == IoStatus::closed; }));
}

TEST_F(TlsServerTest, FailsOnWhatIsNoTls) {
  struct Case {
    std::string bytes;
    std::string why;
  };
  const Case cases[] = {
      {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "http request"},
      {"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"s, "TLS failed: "},
      {std::string(5000, '\0'), "TLS failed: "},
      {std::string(5000, '\xFF'), "TLS failed: "},
  };
  for (const Case& c : cases) {
    auto plain = connect_plainly();
    ASSERT_TRUE(plain);
    plain->write(c.bytes);
    ASSERT_TRUE(run_until(loop, [&] { return status == IoStatus::failed; })) << c.why;
    EXPECT_THAT(server->failure(), HasSubstr(c.why));
    EXPECT_EQ(server->read(buffer).status, IoStatus::failed);
    EXPECT_EQ(server->write("x").status, IoStatus::failed);
    server.reset();
    Recorder told;
    plain->set_user(told);
    plain->wait_readable();
    EXPECT_TRUE(run_until(loop, [&] { return told.readable > 0; }));
  }
}

TEST_F(TlsServerTest, LeavesNothingOfAHandshakeThatIsCut) {
  for (std::size_t size : {1, 5, 50, 150}) {
    auto plain = connect_plainly();
    ASSERT_TRUE(plain);
    std::unique_ptr<SSL, decltype(&SSL_free)> half(SSL_new(context.get()), SSL_free);
    SSL_set_bio(half.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(half.get());
    SSL_do_handshake(half.get());
    std::string hello(size, '\0');
    ASSERT_EQ(BIO_read(SSL_get_wbio(half.get()), hello.data(), static_cast<int>(size)),
              static_cast<int>(size));
    plain->write(hello);
    run_ready(loop);
    EXPECT_EQ(status, IoStatus::would_block);
    plain.reset();
    EXPECT_TRUE(run_until(loop, [&] { return status != IoStatus::would_block; }));
    server.reset();
  }
}

TEST_F(TlsServerTest, SpeaksNothingOlderThan12) {
  SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION);
  meet();
  EXPECT_TRUE(ends());
  EXPECT_FALSE(peer->is_open());

  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  open();
  EXPECT_THAT(SSL_get_cipher_name(peer->tls()), StartsWith("ECDHE-"));
}

TEST_F(TlsServerTest, RefusesToRenegotiate) {
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  open();
  ASSERT_EQ(SSL_renegotiate(peer->tls()), 1);
  SSL_do_handshake(peer->tls());
  peer->on_readable();
  EXPECT_TRUE(run_until(loop, [&] { return SSL_get_state(peer->tls()) == TLS_ST_CW_CLNT_HELLO; }));
  run_ready(loop);
  EXPECT_FALSE(peer->is_open());
}

TEST_F(TlsServerTest, SpeaksHttp11AndNothingElse) {
  constexpr std::string_view both = "\x02h2\x08http/1.1";
  const auto offer = [&](std::string_view protocols) {
    SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                            static_cast<unsigned int>(protocols.size()));
  };
  offer(both);
  open();
  const unsigned char* chosen = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(peer->tls(), &chosen, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "http/1.1");
  offer(both.substr(0, 3));
  meet();
  EXPECT_TRUE(ends());
  EXPECT_FALSE(peer->is_open());
}

TEST_F(TlsServerTest, GivesTicketsThatSpareAHandshake) {
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT);
  open();
  server->write("x");
  ASSERT_TRUE(run_until(loop, [&] { return peer->received == "x"; }));
  const std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> session(
      SSL_get1_session(peer->tls()), SSL_SESSION_free);
  peer->end();
  open(SIZE_MAX, session.get());
  EXPECT_EQ(SSL_session_reused(peer->tls()), 1);
}

TEST_F(TlsServerTest, ShowsAnotherCertificateToNewConnectionsOnceReloaded) {
  certificates->issue("renewed", "DNS:localhost");
  certificates->run("cp renewed.crt served.crt; cp renewed.key served.key");
  serve("served");
  EXPECT_FALSE(tls->files_changed());
  open();
  const std::string before = serial(*peer);
  const auto old_peer = std::move(peer);
  auto old_server = std::exchange(server, std::nullopt);

  certificates->issue("renewed", "DNS:localhost", 30);
  certificates->run("cp renewed.crt served.crt; cp renewed.key served.key");
  EXPECT_TRUE(tls->files_changed());
  const std::string valid_before = tls->valid_until();
  EXPECT_TRUE(tls->reload());
  EXPECT_FALSE(tls->files_changed());
  EXPECT_LT(valid_before, tls->valid_until());
  open();
  EXPECT_NE(serial(*peer), before);
  old_server->write("still here");
  EXPECT_TRUE(run_until(loop, [&] { return old_peer->received == "still here"; }));
}

TEST_F(TlsServerTest, KeepsItsCertificateWhenTheFilesAreBroken) {
  certificates->run("cp good.crt broken.crt; cp good.key broken.key");
  serve("broken");
  open();
  const std::string before = serial(*peer);
  certificates->run("echo nonsense > broken.crt");
  EXPECT_TRUE(tls->files_changed());
  const auto reloaded = tls->reload();
  ASSERT_FALSE(reloaded);
  EXPECT_THAT(reloaded.error(),
              StartsWith("the certificate file " + path("broken.crt") + " cannot be used: "));
  EXPECT_FALSE(tls->files_changed()) << "said once";
  open();
  EXPECT_EQ(serial(*peer), before);
  certificates->run("rm broken.crt");
  EXPECT_TRUE(tls->files_changed());
  EXPECT_FALSE(tls->reload());
}

TEST_F(TlsServerTest, NamesTheFileThatCannotBeUsed) {
  certificates->issue("second", "DNS:x");
  const auto why = [&](const std::string& certificate, const std::string& key) {
    const auto loaded = TlsServer::load(path(certificate), path(key));
    return loaded ? "" : loaded.error();
  };
  EXPECT_EQ(why("missing", "good.key"), "the certificate file " + path("missing") +
                                            " cannot be used: no such file or directory");
  EXPECT_THAT(why("good.crt", "missing"),
              StartsWith("the key file " + path("missing") + " cannot be used: "));
  EXPECT_THAT(why("good.crt", "second.key"),
              StartsWith("the key file " + path("second.key") + " cannot be used: "));
}

}  // namespace
}  // namespace crier::net

#include "options.hpp"

#include <cstdio>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace {

using load::Command;
using load::parse_options;
using load::Parsed;
using load::Transport;

const std::vector<std::string> to_server{"--url", "http://127.0.0.1:3000"};

Parsed parse(std::vector<std::string> arguments, std::vector<std::string> rest = to_server) {
  arguments.insert(arguments.end(), rest.begin(), rest.end());
  return parse_options(arguments);
}

std::string refusal(const std::vector<std::string>& arguments) {
  const Parsed parsed = parse(arguments);
  EXPECT_EQ(parsed.verdict, Parsed::Verdict::refused);
  EXPECT_EQ(parsed.text.find('\n'), std::string::npos) << parsed.text;
  return parsed.text;
}

class TokenFile {
 public:
  explicit TokenFile(const std::string& text)
      : name_(::testing::TempDir() + "tokens" + std::to_string(::getpid())) {
    std::ofstream(name_) << text;
  }
  ~TokenFile() { std::remove(name_.c_str()); }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_;
};

TEST(Options, HaveTheirDefaults) {
  const Parsed parsed = parse({"idle"});
  ASSERT_EQ(parsed.verdict, Parsed::Verdict::run) << parsed.text;
  const load::Options& options = parsed.options;
  EXPECT_EQ(options.command, Command::idle);
  EXPECT_EQ(options.url.port, 3000);
  EXPECT_EQ(options.clients, 1);
  EXPECT_EQ(options.path, "/socket.io/");
  EXPECT_EQ(options.transport, Transport::websocket);
  EXPECT_EQ(options.connecting, 128);
  EXPECT_EQ(options.warm_up, 0.5);
  EXPECT_EQ(options.seconds(), 3);
  EXPECT_EQ(options.window, 1);
  EXPECT_EQ(options.publishers, 1);
  EXPECT_EQ(options.bytes, 200);
  EXPECT_EQ(options.event, "echo");
  EXPECT_EQ(options.auth_of(0), "");
}

TEST(Options, MayBeRepeatedWhereTheContractSaysSo) {
  const Parsed parsed =
      parse({"fanout", "--publish", "http://a:1/x", "--publish", "http://b:2/y", "--publish-header",
             "A: b", "--publish-header", "C: d", "--publish-body", R"({"now":"{now}","n":{n}})"});
  ASSERT_EQ(parsed.verdict, Parsed::Verdict::run) << parsed.text;
  EXPECT_EQ(parsed.options.publish_urls.size(), 2);
  EXPECT_EQ(parsed.options.publish_headers, (std::vector<std::string>{"A: b", "C: d"}));
  EXPECT_EQ(parsed.options.publish_body, R"({"now":"{now}","n":{n}})");
}

TEST(Options, PutEachClientsTokenIntoItsAuth) {
  const TokenFile file("one\ntwo\n");
  const Parsed parsed = parse(
      {"idle", "--clients", "2", "--tokens", file.name(), "--auth", R"({"t":"{token}","v":1})"});
  ASSERT_EQ(parsed.verdict, Parsed::Verdict::run) << parsed.text;
  EXPECT_EQ(parsed.options.auth_of(0), R"({"t":"one","v":1})");
  EXPECT_EQ(parsed.options.auth_of(1), R"({"t":"two","v":1})");
}

TEST(Options, PutOneTokenIntoEverybodysAuth) {
  const Parsed parsed = parse({"idle", "--clients", "2", "--token", "secret"});
  EXPECT_EQ(parsed.options.auth_of(1), R"({"token":"secret"})");
}

TEST(Options, AreRefusedInOneSentence) {
  const std::vector<std::vector<std::string>> bad{
      {},
      {"dance"},
      {"idle", "--clients", "many"},
      {"idle", "--clients", "0"},
      {"idle", "--clients", "-1"},
      {"idle", "--transport", "pigeon"},
      {"idle", "--auth", "token"},
      {"idle", "--auth", R"({"token":"{token}"})"},
      {"idle", "--tokens", "/no/such/file"},
      {"idle", "--server-pid", "99999999"},
      {"idle", "--slow", "0.1"},
      {"idle", "--path", "socket.io"},
      {"idle", "--no-such-option"},
      {"fanout"},
      {"fanout", "--publish", "ftp://a/x"},
      {"fanout", "--publish", "http://a/x", "--rate", "5", "--window", "2"},
      {"fanout", "--publish", "http://a/x", "--publish-header", "nothing"},
      {"fanout", "--publish", "http://a/x", "--slow", "1.1"},
      {"fanout", "--publish", "http://a/x", "--count", "5"},
      {"publish", "--publish", "http://a/x", "--rate", "5"},
      {"echo", "--duration", "0"},
  };
  for (const auto& arguments : bad) {
    EXPECT_NE(refusal(arguments), "") << ::testing::PrintToString(arguments);
  }
}

TEST(Options, SayWhatIsWrong) {
  EXPECT_EQ(refusal({"fanout"}), "fanout needs --publish URL");
  EXPECT_EQ(refusal({"dance"}),
            "dance is no command; there are idle, fanout, echo, connect, publish and recover");
  const TokenFile file("one\n");
  EXPECT_EQ(refusal({"idle", "--clients", "2", "--tokens", file.name()}),
            "--tokens: " + file.name() + " has 1 lines for 2 clients");
}

TEST(Options, NeedAUrlWithAHostAndAPort) {
  for (const std::string text : {"", "127.0.0.1:3000", "http://", "http://a:0", "http://a:65536",
                                 "http://a:b", "http://[::1"}) {
    EXPECT_EQ(parse({"idle"}, {"--url", text}).verdict, Parsed::Verdict::refused) << text;
  }
}

TEST(Options, OfAUrlAreTakenApart) {
  load::Url url;
  ASSERT_TRUE(load::parse_url("https://example.org/a?b=c#d", url));
  EXPECT_TRUE(url.tls);
  EXPECT_EQ(url.port, 443);
  EXPECT_EQ(url.path, "/a?b=c");
  EXPECT_EQ(url.authority(), "example.org:443");
  ASSERT_TRUE(load::parse_url("http://[::1]:8080", url));
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.path, "/");
  EXPECT_EQ(url.authority(), "[::1]:8080");
}

}  // namespace

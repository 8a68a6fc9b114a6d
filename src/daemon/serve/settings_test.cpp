#include "daemon/serve/settings.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

namespace crier::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() {
    std::string name = (std::filesystem::temp_directory_path() / "crier-test-XXXXXX").string();
    folder = mkdtemp(name.data());
  }
  ~SettingsTest() override { std::filesystem::remove_all(folder); }

  std::string file(std::string_view text) const {
    const std::string path = folder + "/crier.toml";
    std::ofstream(path) << text;
    return path;
  }
  Result<Settings, std::string> read(const std::string& path) const {
    return read_settings(path, [this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      if (found == environment.end()) return std::nullopt;
      return found->second;
    });
  }
  std::string error_of(std::string_view text) const {
    const auto settings = read(file(text));
    return settings ? "no error" : settings.error();
  }

  std::string folder;
  std::map<std::string, std::string> environment;
};

TEST_F(SettingsTest, DefaultsAreTheLibrarys) {
  const auto settings = read("");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->gateway.http.port, 3000);
  EXPECT_EQ(settings->gateway.http.address, "0.0.0.0");
  EXPECT_EQ(settings->gateway.server.workers, 1U);
  EXPECT_EQ(settings->gateway.engine.ping_timeout, std::chrono::seconds(60));
  EXPECT_EQ(settings->log_level, "info");
}

TEST_F(SettingsTest, IssuedAtIsABoundOnlyWhenADurationSaysSo) {
  const auto unsaid = read("");
  ASSERT_TRUE(unsaid);
  EXPECT_EQ(unsaid->gateway.auth.iat_leeway, std::nullopt);
  const auto off = read(file("[auth]\niat_leeway = \"off\"\n"));
  ASSERT_TRUE(off) << off.error();
  EXPECT_EQ(off->gateway.auth.iat_leeway, std::nullopt);
  const auto set = read(file("[auth]\niat_leeway = \"2m\"\nnbf_leeway = \"0s\"\n"));
  ASSERT_TRUE(set) << set.error();
  EXPECT_EQ(set->gateway.auth.iat_leeway, std::chrono::minutes(2));
  EXPECT_EQ(set->gateway.auth.nbf_leeway, std::chrono::seconds(0));
  EXPECT_THAT(error_of("[auth]\niat_leeway = \"never\"\n"), HasSubstr("auth.iat_leeway: must be"));
}

TEST_F(SettingsTest, TheFileSetsWhatItNames) {
  const auto settings =
      read(file("[http]\nport = 8080\norigins = [\"https://a\", \"https://b\"]\n"
                "[history]\nttl = \"10m\"\nbytes_max = 2048\n"));
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_EQ(settings->gateway.http.port, 8080);
  EXPECT_THAT(settings->gateway.http.origins, ElementsAre("https://a", "https://b"));
  EXPECT_EQ(settings->gateway.history.ttl, std::chrono::minutes(10));
  EXPECT_EQ(settings->gateway.history.bytes_max, 2048U);
}

TEST_F(SettingsTest, TheNamesOfExistingDeploymentsWork) {
  environment = {{"PORT", "4000"},
                 {"JWT_ACCESS_SECRET", "s"},
                 {"CLIENT_URL", "https://app, https://other"},
                 {"REDIS_URL", "redis://r"},
                 {"CRIER_API_KEY", "k"},
                 {"CRIER_STORE", "x.db"}};
  const auto settings = read("");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->gateway.http.port, 4000);
  EXPECT_EQ(settings->gateway.auth.secret, "s");
  EXPECT_THAT(settings->gateway.http.origins, ElementsAre("https://app", "https://other"));
  EXPECT_EQ(settings->gateway.redis.url, "redis://r");
  EXPECT_EQ(settings->gateway.api.key, "k");
  EXPECT_EQ(settings->gateway.store.path, "x.db");
}

TEST_F(SettingsTest, RedisIsDescribedByTheFileOrTheEnvironment) {
  environment = {{"CRIER_REDIS_URL", "rediss+sentinel://a,b/m"},
                 {"CRIER_REDIS_SENTINEL_USER", "guard"},
                 {"CRIER_REDIS_SENTINEL_PASSWORD", "p"}};
  const auto settings =
      read(file("[redis]\nurl = \"redis://r\"\nca_file = \"ca\"\ncertificate_file = "
                "\"c\"\nkey_file = \"k\"\n"));
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_EQ(settings->gateway.redis.url, "rediss+sentinel://a,b/m");
  EXPECT_EQ(settings->gateway.redis.ca_file, "ca");
  EXPECT_EQ(settings->gateway.redis.certificate_file, "c");
  EXPECT_EQ(settings->gateway.redis.key_file, "k");
  EXPECT_EQ(settings->gateway.redis.sentinel_user, "guard");
  EXPECT_EQ(settings->gateway.redis.sentinel_password, "p");
}

TEST_F(SettingsTest, TlsIsDescribedByTheFileOrTheEnvironment) {
  environment = {{"CRIER_TLS_KEY_FILE", "k"}};
  const auto settings = read(file("[tls]\ncertificate_file = \"c\"\nkey_file = \"other\"\n"));
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_EQ(settings->gateway.tls.certificate_file, "c");
  EXPECT_EQ(settings->gateway.tls.key_file, "k");
}

TEST_F(SettingsTest, TheEnvironmentWinsOverTheFileAndTheLongNameOverTheShort) {
  environment = {
      {"PORT", "4000"}, {"CRIER_HTTP_PORT", "5000"}, {"CRIER_ENGINE_PING_INTERVAL", "1s"}};
  const auto settings = read(file("[http]\nport = 8080\n[engine]\nping_interval = \"9s\"\n"));
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->gateway.http.port, 5000);
  EXPECT_EQ(settings->gateway.engine.ping_interval, std::chrono::seconds(1));
}

TEST_F(SettingsTest, AnEmptyVariableIsNone) {
  environment = {{"PORT", ""}};
  EXPECT_EQ(read("")->gateway.http.port, 3000);
}

TEST_F(SettingsTest, ErrorsNameLineAndKey) {
  EXPECT_THAT(error_of("[http]\n\nprot = 1\n"), HasSubstr("crier.toml:3: http.prot: unknown key"));
  EXPECT_THAT(error_of("[htp]\nport = 1\n"), HasSubstr("crier.toml:1: htp: unknown section"));
  EXPECT_THAT(error_of("port = 1\n"), HasSubstr("crier.toml:1: port: unknown key"));
  EXPECT_THAT(error_of("[http]\nport = \"x\"\n"),
              HasSubstr(":2: http.port: must be a whole number"));
  EXPECT_THAT(error_of("[http]\nport = 1.5\n"), HasSubstr(":2: http.port: is of the wrong type"));
  EXPECT_THAT(error_of("[log]\nlevel = \"loud\"\n"), HasSubstr("log.level: must be debug"));
  EXPECT_THAT(error_of("[history]\nttl = 5\n"), HasSubstr("history.ttl: must be a duration"));
  EXPECT_THAT(error_of("[http\n"), HasSubstr("crier.toml:1: TOML:"));
  const std::string both = error_of("[http]\nb = 1\na = 2\n");
  EXPECT_LT(both.find("http.b"), both.find("http.a")) << both;
}

TEST_F(SettingsTest, AFileThatIsNotThereIsAnError) {
  const auto settings = read(folder + "/none.toml");
  ASSERT_FALSE(settings);
  EXPECT_THAT(settings.error(), HasSubstr("none.toml: cannot be read"));
}

TEST_F(SettingsTest, AVariableThatMakesNoSenseIsNamed) {
  environment = {{"PORT", "65536"}};
  const auto settings = read("");
  ASSERT_FALSE(settings);
  EXPECT_THAT(settings.error(), HasSubstr("PORT: must be a whole number from 0 to 65535"));
}

TEST_F(SettingsTest, BoundsHoldInTheFile) {
  EXPECT_TRUE(read(file("[history]\nttl = \"24h\"\nbytes_max = 1024\n")));
  EXPECT_THAT(error_of("[history]\nttl = \"25h\"\n"),
              HasSubstr(":2: history.ttl: must be a duration from 1s to 24h"));
  EXPECT_THAT(error_of("[history]\nbytes_max = 1023\n"),
              HasSubstr(":2: history.bytes_max: must be a whole number from 1024 to 1073741824"));
  EXPECT_THAT(error_of("[engine]\npath = \"socket.io\"\n"),
              HasSubstr(":2: engine.path: must begin and end with a slash"));
}

TEST_F(SettingsTest, CompressionIsOffUnlessItIsTurnedOn) {
  EXPECT_FALSE(read("")->gateway.websocket.deflate);
  const auto settings = read(file("[websocket]\ndeflate = true\ndeflate_bytes_min = 0\n"));
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_TRUE(settings->gateway.websocket.deflate);
  EXPECT_EQ(settings->gateway.websocket.deflate_bytes_min, 0U);
  EXPECT_FALSE(read(file("[websocket]\ndeflate = false\n"))->gateway.websocket.deflate);
  EXPECT_TRUE(read(file("[websocket]\ndeflate_bytes_min = 1073741824\n")));
  EXPECT_FALSE(read(file("[websocket]\ndeflate_bytes_min = 1073741825\n")));
  EXPECT_THAT(error_of("[websocket]\ndeflate = \"yes\"\n"),
              HasSubstr(":2: websocket.deflate: must be true or false"));
  EXPECT_THAT(error_of("[websocket]\ndeflate = 1\n"), HasSubstr("must be true or false"));
  EXPECT_THAT(error_of("[websocket]\ndeflate_bytes_min = true\n"), HasSubstr("whole number"));
  environment = {{"CRIER_WEBSOCKET_DEFLATE", "true"}};
  EXPECT_TRUE(read("")->gateway.websocket.deflate);
}

TEST_F(SettingsTest, TheFlushWindowMayBeInMicroseconds) {
  using std::chrono::microseconds;
  EXPECT_EQ(read("")->gateway.engine.flush_window, microseconds(0));
  EXPECT_EQ(read(file("[engine]\nflush_window = \"250us\"\n"))->gateway.engine.flush_window,
            microseconds(250));
  EXPECT_EQ(read(file("[engine]\nflush_window = \"1ms\"\n"))->gateway.engine.flush_window,
            microseconds(1000));
  EXPECT_THAT(error_of("[engine]\nping_interval = \"250us\"\n"),
              HasSubstr("engine.ping_interval: must be a duration"));
}

TEST_F(SettingsTest, TheOutagePolicyIsOneOfTwoWords) {
  EXPECT_EQ(read(file("[history]\noutage_policy = \"refuse\"\n"))->gateway.history.outage_policy,
            OutagePolicy::refuse);
  EXPECT_EQ(read(file("[history]\noutage_policy = \"deliver\"\n"))->gateway.history.outage_policy,
            OutagePolicy::deliver);
  EXPECT_THAT(error_of("[history]\noutage_policy = \"Refuse\"\n"),
              HasSubstr(":2: history.outage_policy: must be deliver or refuse"));
}

TEST_F(SettingsTest, TheExampleIsAllComments) {
  const auto settings = read(file(example_settings()));
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_EQ(settings->gateway.http.port, 3000);
}

TEST_F(SettingsTest, TheExamplesValuesAreTheDefaults) {
  std::string text = example_settings();
  for (std::size_t at = 0; (at = text.find("# ", at)) != std::string::npos;) {
    // A line `# key = value` becomes a setting; the sentence above it stays a comment.
    const auto line = text.substr(at + 2, text.find('\n', at) - at - 2);
    const bool assigns = line.find(" = ") != std::string::npos && std::islower(line[0]) != 0;
    if (assigns) text.erase(at, 2);
    at = text.find('\n', at);
  }
  const auto settings = read(file(text));
  ASSERT_TRUE(settings) << settings.error();
  GatewayOptions read_back = settings->gateway;
  GatewayOptions defaults;
  EXPECT_EQ(example_file(settings_of(read_back)), example_file(settings_of(defaults)));
  EXPECT_EQ(settings->log_level, "info");
  EXPECT_EQ(settings->gateway.history.ttl, defaults.history.ttl);
  EXPECT_EQ(settings->gateway.http.connections_max, defaults.http.connections_max);
}

}  // namespace
}  // namespace crier::daemon

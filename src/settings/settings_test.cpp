// Holds what the options say of themselves against the options: names, bounds, defaults.

#include "crier/settings.hpp"

#include <algorithm>
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

namespace crier {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr std::size_t bytes_most = 1'073'741'824;
constexpr std::uint32_t count_most = 10'000'000;

std::string text_of(std::uint64_t number) { return std::to_string(number); }
std::string text_of(milliseconds duration) { return std::to_string(duration.count()) + "ms"; }
std::string text_of(microseconds duration) { return std::to_string(duration.count()) + "us"; }

class SettingsTest : public testing::Test {
 protected:
  const Setting& at(std::string_view path) const {
    const auto found =
        std::ranges::find_if(all, [&](const Setting& setting) { return setting.path() == path; });
    if (found == all.end()) throw std::logic_error("no setting " + std::string(path));
    return *found;
  }
  std::string error_of(std::string_view path, const std::string& text) const {
    const auto read = at(path).read(text);
    return read ? "no error" : read.error();
  }

  /// `value` is taken, as a text and as an option.
  template <class T>
  void takes(std::string_view path, T& value, T taken) {
    EXPECT_TRUE(at(path).read(text_of(taken))) << path << " " << text_of(taken);
    EXPECT_EQ(value, taken) << path;
    EXPECT_TRUE(check_settings(all)) << path << " " << text_of(taken);
  }
  template <class T>
  void refuses(std::string_view path, T& value, T refused) {
    EXPECT_FALSE(at(path).read(text_of(refused))) << path << " " << text_of(refused);
    EXPECT_NE(value, refused) << path;
    const T before = std::exchange(value, refused);
    const auto fit = check_settings(all);
    value = before;
    ASSERT_FALSE(fit) << path << " " << text_of(refused);
    EXPECT_THAT(fit.error().message, testing::StartsWith(std::string(path) + " must be a "));
  }
  template <class T>
  void holds_from(std::string_view path, T& value, T least) {
    bounded.insert(std::string(path));
    takes(path, value, least);
    if (least != T()) refuses(path, value, static_cast<T>(least - T(1)));
  }
  template <class T>
  void holds(std::string_view path, T& value, T least, T most) {
    holds_from(path, value, least);
    takes(path, value, most);
    refuses(path, value, static_cast<T>(most + T(1)));
  }

  void listener_and_tokens_hold() {
    takes<std::uint16_t>("http.port", options.http.port, 0);
    takes<std::uint16_t>("http.port", options.http.port, 65'535);
    EXPECT_EQ(error_of("http.port", "65536"), "must be a whole number from 0 to 65535");
    bounded.insert("http.port");
    auto& http = options.http;
    holds<std::size_t>("http.header_bytes_max", http.header_bytes_max, 1'024, bytes_most);
    holds<std::uint32_t>("http.headers_max", http.headers_max, 1, count_most);
    holds<std::uint32_t>("http.connections_max", http.connections_max, 1, count_most);
    auto& server = options.server;
    holds<std::uint32_t>("server.workers", server.workers, 0, 64);
    holds<std::size_t>("server.worker_backlog_bytes_max", server.worker_backlog_bytes_max, 65'536,
                       bytes_most);
    holds<std::size_t>("auth.token_bytes_max", options.auth.token_bytes_max, 64, bytes_most);
    holds<std::size_t>("api.body_bytes_max", options.api.body_bytes_max, 1'024, bytes_most);
  }
  void history_holds() {
    auto& history = options.history;
    holds<milliseconds>("history.ttl", history.ttl, seconds(1), hours(24));
    holds<std::uint32_t>("history.events_max", history.events_max, 1, count_most);
    holds<std::size_t>("history.bytes_max", history.bytes_max, 1'024, bytes_most);
    holds<std::size_t>("history.replay_bytes_max", history.replay_bytes_max, 1'048'576, bytes_most);
    holds<std::uint32_t>("history.unknown_outcomes_max", history.unknown_outcomes_max, 1,
                         count_most);
    holds<std::uint32_t>("replay.timestamp_max", options.replay.timestamp_max, 1, count_most);
  }
  void sessions_hold() {
    auto& engine = options.engine;
    holds_from<milliseconds>("engine.ping_interval", engine.ping_interval, milliseconds(100));
    holds_from<milliseconds>("engine.ping_timeout", engine.ping_timeout, milliseconds(100));
    holds<std::size_t>("engine.payload_bytes_max", engine.payload_bytes_max, 1'024, bytes_most);
    holds<std::size_t>("engine.backlog_bytes_max", engine.backlog_bytes_max, 65'536, bytes_most);
    holds_from<milliseconds>("engine.slow_reader_timeout", engine.slow_reader_timeout, seconds(1));
    holds<microseconds>("engine.flush_window", engine.flush_window, microseconds(0),
                        milliseconds(1));
    refuses("engine.flush_window", engine.flush_window, microseconds(-1));
    holds<std::uint32_t>("engine.fragments_max", engine.fragments_max, 1, count_most);
    holds<std::uint32_t>("engine.attachments_max", engine.attachments_max, 0, 1'000);
    holds<std::uint32_t>("engine.namespaces_max", engine.namespaces_max, 1, 1'000);
    holds<std::uint32_t>("engine.json_depth_max", engine.json_depth_max, 1, 10'000);
    holds<std::uint32_t>("engine.handshakes_per_second", engine.handshakes_per_second, 0,
                         count_most);
    holds<std::uint32_t>("engine.handshakes_burst", engine.handshakes_burst, 1, count_most);
    holds<std::size_t>("websocket.deflate_bytes_min", options.websocket.deflate_bytes_min, 0,
                       bytes_most);
  }

  GatewayOptions options;
  const std::vector<Setting> all = settings_of(options);
  std::set<std::string> bounded;  ///< Paths that a test has looked at.
};

TEST_F(SettingsTest, EachBoundHoldsAtItsEdgesAsATextAndAsAnOption) {
  listener_and_tokens_hold();
  history_holds();
  sessions_hold();
  for (const Setting& setting : all) {
    if (setting.bounds.empty() || setting.path() == "history.outage_policy") continue;
    EXPECT_TRUE(bounded.contains(setting.path())) << setting.path() << " has no test";
  }
}

TEST_F(SettingsTest, AliasesAreTheNamesOfExistingDeployments) {
  std::map<std::string, std::string> aliases;
  for (const Setting& setting : all) {
    if (!setting.alias.empty()) aliases.emplace(setting.path(), setting.alias);
  }
  const std::map<std::string, std::string> expected{{"http.port", "PORT"},
                                                    {"http.origins", "CLIENT_URL"},
                                                    {"auth.secret", "JWT_ACCESS_SECRET"},
                                                    {"store.path", "CRIER_STORE"},
                                                    {"redis.url", "REDIS_URL"}};
  EXPECT_EQ(aliases, expected);
  EXPECT_EQ(at("api.key").variable(), "CRIER_API_KEY");
}

TEST_F(SettingsTest, TextsThatCannotBeAreNamed) {
  options.engine.path = "/socket.io";
  const auto fit = check_settings(all);
  ASSERT_FALSE(fit);
  EXPECT_EQ(fit.error().code, "bad_option");
  EXPECT_EQ(fit.error().message, "engine.path must begin and end with a slash.");
  EXPECT_EQ(fit.error().path, "/engine/path");
  EXPECT_THAT(error_of("engine.path", "socket.io/"), HasSubstr("must begin and end with a slash"));
  EXPECT_THAT(error_of("auth.algorithms", ""), HasSubstr("must not be empty"));
  EXPECT_EQ(error_of("auth.algorithms", "HS512,none"), "may hold HS256, HS384 and HS512, not none");
  EXPECT_THAT(error_of("http.origins", "https://a,*"), HasSubstr("`*` alone"));
  EXPECT_EQ(error_of("http.origins", "*"), "no error");
  EXPECT_THAT(error_of("api.key", "k\n"), HasSubstr("no control character such as a newline"));
  EXPECT_THAT(error_of("api.key", " k"), HasSubstr("no blank at its ends"));
  EXPECT_EQ(error_of("api.key", "a b"), "no error");
}

TEST_F(SettingsTest, AServersSettingsAreThoseOfAGatewayThatItHas) {
  ServerOptions server;
  const auto its = settings_of(server);
  EXPECT_TRUE(check_settings(its));
  for (const Setting& setting : its) {
    const Setting& same = at(setting.path());
    EXPECT_EQ(setting.bounds, same.bounds) << setting.path();
    EXPECT_EQ(setting.meaning, same.meaning) << setting.path();
    const bool own = setting.path() == "engine.ping_timeout";
    EXPECT_EQ(setting.toml(), own ? "\"20s\"" : same.toml()) << setting.path();
  }
}

}  // namespace
}  // namespace crier

#include "backends/redis/store/script.hpp"

#include "backends/redis/store/member.hpp"
#include "tests/support/redis_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace crier::redis {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t second = 1'000'000;

/// Runs the scripts by hand, so that what they find can be arranged.
class RedisServerScript : public testing::Test {
 protected:
  void SetUp() override { server().command({"FLUSHALL"}); }

  static TestServer& server() {
    static TestServer one;
    return one;
  }

  static TestServer::Reply eval(const std::string& script, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"EVAL", script});
    return server().command(arguments);
  }

  /// One call for all; `id`: as a retry of that call.
  std::vector<AppendResult> append_all(const std::vector<history::AppendRequest>& requests,
                                       std::string id = {}) {
    if (id.empty()) id = "batch-" + std::to_string(++calls);
    AppendBatch batch{id, milliseconds(60'000), {}};
    for (const auto& request : requests) batch.requests.push_back(&request);
    const auto reply = eval(append_script(), append_arguments(names, context, retention, batch));
    return append_results(*reply, batch).value_or(std::vector<AppendResult>());
  }
  static history::AppendRequest request(std::string program, std::string token = {},
                                        std::string body = "{}") {
    return {std::move(program), Bytes(std::move(body)), std::move(token)};
  }

  std::optional<history::Appended> append(const std::string& program = "p",
                                          const std::string& token = {},
                                          const std::string& body = "{}") {
    const auto results = append_all({request(program, token, body)});
    if (results.empty() || !results[0]) return std::nullopt;
    return *results[0];
  }

  std::optional<history::ReadReply> read(const std::vector<history::ReadRequest>& requests) {
    return read_result(*eval(read_script(), read_arguments(names, context, retention, requests)),
                       requests);
  }

  std::vector<history::Fence> claims(const std::vector<std::string>& sids) {
    const auto reply = eval(claim_script(), claim_arguments(names, retention, sids));
    return claim_results(*reply, sids.size()).value_or(std::vector<history::Fence>());
  }

  static std::int64_t clock() {
    const auto reply = server().command({"TIME"});
    return std::stoll(reply->element[0]->str) * second + std::stoll(reply->element[1]->str);
  }
  static void set_meta(const std::string& field, const std::string& value) {
    server().command({"HSET", "socket:events:meta", field, value});
  }
  static std::string meta(const std::string& field) {
    return server().text({"HGET", "socket:events:meta", field});
  }

  const Names names{0, false};
  CallContext context{"run-1", "epoch--1"};
  history::Retention retention;
  int calls = 0;
};

TEST_F(RedisServerScript, GivesTheClockAsNumber) {
  const std::int64_t before = clock();
  const auto appended = append();
  const std::int64_t after = clock();
  ASSERT_TRUE(appended.has_value());
  EXPECT_GE(appended->position.gid, static_cast<history::Gid>(before));
  EXPECT_LE(appended->position.gid, static_cast<history::Gid>(after + 1)) << "an even number";
  EXPECT_EQ(appended->position.gid % 2, 0U);
}

TEST_F(RedisServerScript, NumbersAsNextGidDoes) {
  struct Case {
    const char* name;
    std::int64_t last;  ///< Relative to the clock.
    bool next_millisecond;
  };
  const Case cases[] = {
      {"half a second ahead", second / 2, true},
      {"just within a second", second * 9 / 10, true},
      {"a second and a half ahead", second * 3 / 2, false},
      {"an hour ahead", 3600 * second, false},
      {"ten years ahead", 315'360'000 * second, false},
  };
  ASSERT_TRUE(append().has_value());
  for (const Case& c : cases) {
    const auto last = static_cast<history::Gid>(clock() + c.last);
    set_meta("last", std::to_string(last));
    const auto appended = append();
    ASSERT_TRUE(appended.has_value()) << c.name;
    EXPECT_EQ(appended->position.gid,
              c.next_millisecond ? (last / 1000 + 1) * 1000 : last + 1 + last % 2)
        << c.name;
    EXPECT_EQ(meta("last"), std::to_string(appended->position.gid)) << c.name;
  }
  EXPECT_EQ(read({{"p", 0, 0}})->programs[0].records.size(), 6U) << "all kept, however far ahead";
}

TEST_F(RedisServerScript, WritesAnEpochBeforeItNumbersOrReads) {
  EXPECT_EQ(read({})->epoch, "epoch--1");
  EXPECT_EQ(meta("run_id"), "run-1");
  context = {"run-1", "epoch--2"};
  EXPECT_EQ(append()->position.epoch, "epoch--1") << "the instance is the same";
  context = {"run-2", "epoch--3"};
  EXPECT_EQ(append()->position.epoch, "epoch--3");
  context = {"run-3", "epoch--4"};
  EXPECT_EQ(read({})->epoch, "epoch--4");
  EXPECT_EQ(meta("run_id"), "run-3");
}

TEST_F(RedisServerScript, WritesAnEpochWhenTheReplicationIdIsNotKnown) {
  EXPECT_EQ(append()->position.epoch, "epoch--1");
  const std::string replid = meta("replid");
  EXPECT_THAT(server().text({"INFO", "replication"}), testing::HasSubstr(replid + "\r\n"));
  server().command({"HDEL", "socket:events:meta", "replid"});
  context = {"run-1", "epoch--2"};
  EXPECT_EQ(read({})->epoch, "epoch--2") << "an earlier version did not write it";
  EXPECT_EQ(meta("replid"), replid);
}

TEST_F(RedisServerScript, GoesOnWhenAMasterThatFollowedNobodyTakesAnotherReplicationId) {
  EXPECT_EQ(append()->position.epoch, "epoch--1");
  const std::string replid = meta("replid");
  set_meta("replid", "another");
  context = {"run-1", "epoch--2"};
  EXPECT_EQ(append()->position.epoch, "epoch--1");
  EXPECT_EQ(meta("replid"), replid);
  set_meta("replid", "another");
  EXPECT_EQ(read({})->epoch, "epoch--1");
  EXPECT_EQ(meta("replid"), replid);
}

TEST_F(RedisServerScript, WritesAnEpochWhenNumbersThatTheCallerSawAreGone) {
  const auto first = append();
  ASSERT_TRUE(append().has_value());
  const history::Gid last = std::stoull(meta("last"));
  context = {"run-1", "epoch--2", 0, "epoch--1", last};
  EXPECT_EQ(read({})->epoch, "epoch--1") << "all are there";
  context.seen_in_epoch = last + 1;
  EXPECT_EQ(read({})->epoch, "epoch--2");
  EXPECT_EQ(append()->position.epoch, "epoch--2");
  context = {"run-1", "epoch--3", 0, "epoch--1", last + 1'000'000'000};
  EXPECT_EQ(append()->position.epoch, "epoch--2") << "what is known of another epoch says nothing";
  EXPECT_NE(first->position.epoch, "epoch--2");
}

TEST_F(RedisServerScript, RaisesTheFloorWithTheEpoch) {
  const auto first = read({});
  const auto appended = append();
  EXPECT_GT(appended->position.gid, first->floor);
  EXPECT_EQ(read({})->floor, first->floor);
  context = {"run-2", "epoch--2"};
  const auto second_reply = read({});
  EXPECT_GE(second_reply->floor, appended->position.gid);
  EXPECT_GT(append()->position.gid, second_reply->floor);
}

TEST_F(RedisServerScript, ReadsNothingThatHadTheIdsOfAnEarlierEpoch) {
  const auto early = append();
  const auto late = append();
  const std::vector<history::ReadRequest> reads = {
      {"p", 0, 0}, {"p", 0, 50}, {"p", early->position.gid, 0}};
  ASSERT_EQ(read(reads)->programs[0].records.size(), 2U);
  context = {"run-2", "epoch--2"};
  const auto nothing = read(reads);
  for (const history::Kept& kept : nothing->programs) {
    EXPECT_TRUE(kept.records.empty());
    EXPECT_EQ(kept.top, late->position.gid) << "who lacks it can tell";
  }
  const auto next = append();
  const auto one = read(reads);
  for (const history::Kept& kept : one->programs) {
    ASSERT_EQ(kept.records.size(), 1U);
    EXPECT_EQ(kept.records[0].gid, next->position.gid);
    EXPECT_EQ(kept.records[0].prev, late->position.gid);
  }
}

TEST_F(RedisServerScript, NumbersAboveWhatTheNodeKnowsWhenDataWasLost) {
  context.seen = static_cast<history::Gid>(clock() + 3600 * second);
  const auto appended = append();
  EXPECT_EQ(appended->position.gid, context.seen + 1 + context.seen % 2);
}

TEST_F(RedisServerScript, WritesAnEpochWhenTheCallerHasSeenAGreaterNumberOfWhateverEpoch) {
  const auto first = append();
  const history::Gid last = first->position.gid;
  context = {"run-1", "epoch--2", last, "epoch--9", last};
  EXPECT_EQ(read({})->epoch, "epoch--1") << "all are there";
  context.seen = last + 1;
  const auto reply = read({});
  EXPECT_EQ(reply->epoch, "epoch--2");
  EXPECT_GE(reply->floor, last + 1);
  EXPECT_EQ(reply->last, last + 1);
  context = {"run-1", "epoch--3", reply->floor};
  EXPECT_EQ(append()->position.epoch, "epoch--2") << "this epoch began after all of these";
  const auto ahead = static_cast<history::Gid>(clock() + 3600 * second);
  context = {"run-1", "epoch--4", ahead};
  EXPECT_EQ(append()->position.gid, ahead + 1 + ahead % 2);
  context.spare_epoch = "epoch--5";
  EXPECT_EQ(append()->position.epoch, "epoch--4") << "once, however far ahead that clock was";
  EXPECT_EQ(read({})->epoch, "epoch--4");
}

TEST_F(RedisServerScript, WritesAnEpochInPlaceOfOneThatTheCallerHasLeft) {
  const auto first = append();
  context = {"run-1", "epoch--2", first->position.gid, "epoch--9", 0, {"epoch--8", "epoch--7"}};
  EXPECT_EQ(read({})->epoch, "epoch--1");
  ASSERT_TRUE(append().has_value()) << "another caller's, beyond what this one has seen";
  context.left = {"epoch--8", "epoch--1"};
  EXPECT_EQ(read({})->epoch, "epoch--2");
  context.spare_epoch = "epoch--3";
  EXPECT_EQ(append()->position.epoch, "epoch--2");
}

TEST_F(RedisServerScript, NumbersAboveTheFloorThoughTheClockStepsBack) {
  ASSERT_TRUE(append().has_value());
  const auto floor = static_cast<history::Gid>(clock() + 3600 * second);
  set_meta("floor", std::to_string(floor));
  EXPECT_EQ(append()->position.gid, floor + 1);
}

TEST_F(RedisServerScript, ReadsItsClockOrTheLastNumberIfThatIsAhead) {
  const std::int64_t before = clock();
  EXPECT_GE(read({})->clock, static_cast<history::Gid>(before));
  const history::Gid read_clock = read({})->clock;
  EXPECT_LE(read_clock, static_cast<history::Gid>(clock()));
  const auto ahead = static_cast<history::Gid>(clock() + 3600 * second);
  set_meta("last", std::to_string(ahead));
  EXPECT_EQ(read({})->clock, ahead);
}

TEST_F(RedisServerScript, KeepsSequenceAndChainInANewEpoch) {
  const auto first = append();
  context = {"run-2", "epoch--2"};
  const auto next = append();
  EXPECT_EQ(next->position.seq, 2U);
  EXPECT_EQ(next->prev, first->position.gid);
}

TEST_F(RedisServerScript, ExpiresTheSetWithItsNewestEventAndTheTokenWithIt) {
  retention.ttl = milliseconds(100'000);
  ASSERT_TRUE(append("p", "t").has_value());
  EXPECT_GT(std::stoll(server().text({"PTTL", names.program("p")})), 93'000);
  EXPECT_LE(std::stoll(server().text({"PTTL", names.program("p")})), 103'001);
  EXPECT_GT(std::stoll(server().text({"PTTL", names.token("p", "t")})), 90'000);
  EXPECT_LE(std::stoll(server().text({"PTTL", names.token("p", "t")})), 100'001);
  EXPECT_GT(std::stoll(server().text({"PTTL", names.batch("batch-1")})), 50'000);
  EXPECT_LE(std::stoll(server().text({"PTTL", names.batch("batch-1")})), 60'001);
  set_meta("last", std::to_string(clock() + 100 * second));
  ASSERT_TRUE(append("p", "u").has_value());
  EXPECT_GT(std::stoll(server().text({"PTTL", names.program("p")})), 190'000);
  EXPECT_EQ(server().text({"TTL", "socket:events:meta"}), "-1");
}

TEST_F(RedisServerScript, TrimsWhatIsTooOldOnceASecondOfNumbersThoughTheSetLives) {
  const auto add_old = [&] {
    const std::string old = std::to_string(clock() - 3600 * second);
    server().command({"ZADD", names.program("p"), old,
                      R"({"seq":1,"prev":0,"gid":)" + old + R"(,"envelope":{"n":1}})"});
  };
  ASSERT_TRUE(append().has_value());
  add_old();
  EXPECT_EQ(read({{"p", 0, 0}})->programs[0].records.size(), 1U) << "too old is never read";
  const auto next_second = [] { return (clock() / second + 1) * second; };
  set_meta("last", std::to_string(next_second() - 1));
  ASSERT_TRUE(append().has_value());
  EXPECT_EQ(server().text({"ZCARD", names.program("p")}), "2") << "gone with the next second's";
  set_meta("last", std::to_string(next_second() + 10 * second));
  ASSERT_TRUE(append().has_value());
  add_old();
  ASSERT_TRUE(append().has_value());
  EXPECT_EQ(server().text({"ZCARD", names.program("p")}), "4")
      << "at once: the clock may take long through a second that is far ahead";
}

TEST_F(RedisServerScript, RenewsTheExpiryOfASetThatCameBackWithinTheSecond) {
  ASSERT_TRUE(append().has_value());
  server().command({"DEL", names.program("p")});
  ASSERT_TRUE(append().has_value());
  EXPECT_GT(std::stoll(server().text({"PTTL", names.program("p")})), 0);
}

TEST_F(RedisServerScript, ForgetsProgramsTwoHoursAfterTheirLastEvent) {
  ASSERT_TRUE(append("busy").has_value());
  const std::int64_t now = clock();
  const std::string young = std::to_string(now - 7199 * second);
  const std::string old = std::to_string(now - 7202 * second);
  const std::string older = std::to_string(now - 9000 * second);
  set_meta("program:young", "7 " + young + " 0");
  set_meta("program:old", "8 " + old + " 0");
  set_meta("program:older", "9 " + older + " 0");
  set_meta("program:foreign", "whatever");
  set_meta("floor", "17");
  ASSERT_TRUE(append("busy").has_value());
  EXPECT_EQ(meta("program:old"), "8 " + old + " 0") << "at most once a second";
  set_meta("last", std::to_string(now - 2 * second));
  ASSERT_TRUE(append("busy").has_value());
  EXPECT_EQ(meta("program:old"), "");
  EXPECT_EQ(meta("program:older"), "");
  EXPECT_EQ(meta("program:young"), "7 " + young + " 0");
  EXPECT_EQ(meta("program:foreign"), "whatever");
  EXPECT_EQ(read({})->floor, std::stoull(old)) << "the greatest that was forgotten";
  EXPECT_THAT(meta("program:busy"), testing::StartsWith("3 "));
  const auto again = append("old");
  EXPECT_EQ(again->position.seq, 1U);
  EXPECT_EQ(again->prev, 0U);
  EXPECT_EQ(again->position.epoch, "epoch--1");
}

TEST_F(RedisServerScript, ForgetsInBoundedStepsUntilAllAreGone) {
  ASSERT_TRUE(append("busy").has_value());
  const std::int64_t now = clock();
  std::vector<std::string> command = {"HSET", "socket:events:meta"};
  for (int i = 0; i < 3000; ++i) {
    command.push_back("program:p" + std::to_string(i));
    command.push_back("1 " + std::to_string(now - 9000 * second - i) + " 0");
  }
  server().command(command);
  set_meta("floor", "17");
  const auto count = [] { return std::stoi(server().text({"HLEN", "socket:events:meta"})); };
  int left = count();
  int steps = 0;
  while (left > 1000 && steps < 100) {
    set_meta("last", std::to_string(clock() - 2 * second));
    ASSERT_TRUE(append("busy").has_value());
    EXPECT_LE(left - count(), 200) << "about a hundred a step";
    left = count();
    ++steps;
  }
  EXPECT_GT(steps, 10);
  while (left > 10 && steps < 300) {
    set_meta("last", std::to_string(clock() - 2 * second));
    set_meta("scan", steps == 50 ? "no number" : meta("scan"));
    ASSERT_TRUE(append("busy").has_value());
    left = count();
    ++steps;
  }
  EXPECT_LE(left, 10);
  EXPECT_EQ(read({})->floor, static_cast<history::Gid>(now - 9000 * second));
}

TEST_F(RedisServerScript, CountsBytesOfBodiesWhateverGoes) {
  retention.events_max = 3;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(append("p", {}, R"({"n":"ü"})").has_value());
  EXPECT_THAT(meta("program:p"), testing::EndsWith(" 30"));
  server().command({"DEL", names.program("p")});
  ASSERT_TRUE(append("p", {}, R"({"n":1})").has_value());
  EXPECT_THAT(meta("program:p"), testing::EndsWith(" 7")) << "eviction is noticed";
}

TEST_F(RedisServerScript, GoesOnBesideWhatOthersWroteIntoTheSet) {
  retention.events_max = 3;
  server().command(
      {"ZADD", names.program("p"), "1700000000000", R"({"event":"by the old system"})"});
  ASSERT_TRUE(append().has_value());
  server().command({"ZADD", names.program("p"), "-inf", "x", "inf", "y", "5", "", "6", "envelope"});
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(append().has_value());
  EXPECT_THAT(meta("program:p"), testing::StartsWith("5 "));
  const auto reply = read({{"p", 0, 0}});
  EXPECT_EQ(reply->programs[0].records.size(), 2U) << "an entry that is never old takes a place";
  EXPECT_EQ(read({{"p", 0, 1}})->programs[0].records.size(), 0U);
}

TEST_F(RedisServerScript, AnnouncesEachNewEventOnTheBus) {
  const std::unique_ptr<redisContext, decltype(&redisFree)> subscriber(
      redisConnectWithTimeout("127.0.0.1", server().port(), {20, 0}), &redisFree);
  const std::string channel = names.program_channel("a \"ü\"");
  const TestServer::Reply subscribed(
      static_cast<redisReply*>(redisCommand(subscriber.get(), "SUBSCRIBE %s", channel.c_str())));
  const auto first = append("a \"ü\"", "t", R"({"n":1})");
  ASSERT_TRUE(append("a \"ü\"", "t", R"({"n":1})")->repeated);
  const auto third = append("a \"ü\"", {}, R"({"n":3})");
  for (const auto& expected : {first, third}) {
    void* raw = nullptr;
    ASSERT_EQ(redisGetReply(subscriber.get(), &raw), REDIS_OK);
    const TestServer::Reply reply(static_cast<redisReply*>(raw));
    ASSERT_EQ(reply->elements, 3U);
    const auto message = decode_bus_message(
        {reply->element[2]->str, static_cast<std::size_t>(reply->element[2]->len)});
    ASSERT_TRUE(message.has_value()) << reply->element[2]->str;
    EXPECT_EQ(message->epoch, expected->position.epoch);
    EXPECT_EQ(message->program, "a \"ü\"");
    EXPECT_EQ(message->record.gid, expected->position.gid);
    EXPECT_EQ(message->record.seq, expected->position.seq);
    EXPECT_EQ(message->record.prev, expected->prev);
  }
}

TEST_F(RedisServerScript, BindsATokenToItsBodyWithoutChangingAnything) {
  const auto first = append("p", "t", R"({"n":1})");
  const std::string before = meta("program:p");
  EXPECT_EQ(append("p", "t", R"({"n":2})"), std::nullopt) << "taken";
  EXPECT_EQ(meta("program:p"), before);
  EXPECT_EQ(append("p", "t", R"({"n":1})")->position, first->position);
}

TEST_F(RedisServerScript, NumbersABatchAsIfItsEventsCameOneByOne) {
  ASSERT_TRUE(append("b").has_value());
  const auto results = append_all({request("a", {}, R"({"n":1})"), request("b", {}, R"({"n":2})"),
                                   request("a", {}, R"({"n":3})")});
  ASSERT_EQ(results.size(), 3U);
  for (const auto& result : results) ASSERT_TRUE(result.has_value());
  EXPECT_EQ(results[0]->position.seq, 1U);
  EXPECT_EQ(results[0]->prev, 0U);
  EXPECT_EQ(results[1]->position.seq, 2U);
  EXPECT_EQ(results[2]->position.seq, 2U);
  EXPECT_EQ(results[2]->prev, results[0]->position.gid);
  EXPECT_LT(results[0]->position.gid, results[1]->position.gid);
  EXPECT_LT(results[1]->position.gid, results[2]->position.gid);
  const auto reply = read({{"a", 0, 0}, {"b", 0, 0}});
  EXPECT_EQ(reply->programs[0].top, results[2]->position.gid);
  ASSERT_EQ(reply->programs[0].records.size(), 2U);
  EXPECT_EQ(reply->programs[0].records[1].body.view(), R"({"n":3})");
  EXPECT_EQ(reply->programs[0].records[1].prev, results[0]->position.gid);
  EXPECT_EQ(reply->programs[1].records.size(), 2U);
  EXPECT_EQ(meta("last"), std::to_string(results[2]->position.gid));
  EXPECT_THAT(meta("program:a"), testing::EndsWith(" 14"));
}

TEST_F(RedisServerScript, AnswersABatchThatIsSentAgainWithItsFirstResults) {
  const std::vector<history::AppendRequest> requests = {request("p"), request("p", "t"),
                                                        request("q")};
  ASSERT_TRUE(append("p", "t").has_value());
  const auto first = append_all(requests, "again");
  const auto second = append_all(requests, "again");
  ASSERT_EQ(first.size(), 3U);
  ASSERT_EQ(second.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(second[i]->position, first[i]->position);
    EXPECT_EQ(second[i]->prev, first[i]->prev);
    EXPECT_EQ(second[i]->repeated, i == 1) << i;
  }
  EXPECT_EQ(server().text({"ZCARD", names.program("p")}), "2");
  EXPECT_EQ(server().text({"ZCARD", names.program("q")}), "1");
}

TEST_F(RedisServerScript, KnowsATokenThatCameEarlierInTheBatch) {
  const auto results =
      append_all({request("p", "t"), request("p", "t"), request("p", "t", R"({"n":2})"),
                  request("q", "t", R"({"n":2})"), request("p", "u")});
  ASSERT_EQ(results.size(), 5U);
  EXPECT_EQ(results[1]->position, results[0]->position);
  EXPECT_EQ(results[2].error(), history::StoreError::token_taken);
  EXPECT_EQ(results[3]->position.seq, 1U) << "tokens are of a program";
  EXPECT_EQ(results[4]->position.seq, 2U) << "what is not new takes no number";
  EXPECT_EQ(append("p", "t")->position, results[0]->position);
  EXPECT_TRUE(append("p", "u")->repeated);
}

TEST_F(RedisServerScript, FailsTheEventsOfAProgramThatIsNotOneAlone) {
  server().command({"SET", names.program("broken"), "a string"});
  set_meta("program:odd", "no numbers");
  const auto results = append_all({request("p"), request("broken"), request("odd"), request("p")});
  ASSERT_EQ(results.size(), 4U);
  EXPECT_EQ(results[0]->position.seq, 1U);
  EXPECT_EQ(results[1].error(), history::StoreError::unavailable);
  EXPECT_EQ(results[2].error(), history::StoreError::unavailable);
  EXPECT_EQ(results[3]->position.seq, 2U);
  EXPECT_EQ(meta("program:odd"), "no numbers");
  EXPECT_EQ(meta("program:broken"), "");
  const auto after_all = history::Gid{1} << 53U;
  for (const history::Gid after : {history::Gid{0}, after_all}) {
    const auto programs = read({{"p", after}, {"broken", after}, {"odd", after}})->programs;
    EXPECT_FALSE(programs[0].broken);
    EXPECT_TRUE(programs[1].broken) << "though nothing of it was asked for";
    EXPECT_TRUE(programs[2].broken);
  }
  server().command({"DEL", names.program("broken")});
  EXPECT_FALSE(read({{"broken", after_all}})->programs[0].broken);
}

TEST_F(RedisServerScript, TrimsABatchLikeEventsThatCameOneByOne) {
  retention.events_max = 5;
  std::vector<history::AppendRequest> many;
  for (int n = 0; n < 40; ++n)
    many.push_back(request("p", {}, "{\"n\":" + std::to_string(n) + "}"));
  ASSERT_EQ(append_all(many).size(), 40U);
  auto kept = read({{"p", 0, 0}})->programs[0].records;
  ASSERT_EQ(kept.size(), 5U);
  EXPECT_EQ(kept[0].seq, 36U);
  EXPECT_THAT(meta("program:p"), testing::EndsWith(" 40"));
  retention = {.events_max = 1000, .bytes_max = 20};
  ASSERT_EQ(append_all({request("p", {}, R"({"n":40})"), request("p", {}, R"({"n":41})")}).size(),
            2U);
  kept = read({{"p", 0, 0}})->programs[0].records;
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].seq, 41U);
  EXPECT_THAT(meta("program:p"), testing::EndsWith(" 16"));
  const std::string large = "{\"text\":\"" + std::string(30, 'x') + "\"}";
  ASSERT_EQ(append_all({request("p", {}, large)}).size(), 1U);
  EXPECT_TRUE(read({{"p", 0, 0}})->programs[0].records.empty()) << "larger than all that is kept";
  EXPECT_THAT(meta("program:p"), testing::EndsWith(" 0"));
  retention.events_max = 500;
  retention.bytes_max = 1024 * 1024;
  for (int i = 0; i < 10; ++i) append_all(std::vector<history::AppendRequest>(60, request("p")));
  retention.events_max = 2;
  append();
  EXPECT_EQ(read({{"p", 0, 0}})->programs[0].records.size(), 2U) << "however many are too many";
}

TEST_F(RedisServerScript, AnnouncesABatchInItsOrder) {
  const std::unique_ptr<redisContext, decltype(&redisFree)> subscriber(
      redisConnectWithTimeout("127.0.0.1", server().port(), {20, 0}), &redisFree);
  for (const char* program : {"p", "q"}) {
    const std::string channel = names.program_channel(program);
    const TestServer::Reply subscribed(
        static_cast<redisReply*>(redisCommand(subscriber.get(), "SUBSCRIBE %s", channel.c_str())));
  }
  const auto results = append_all({request("q"), request("p"), request("q"), request("p")});
  ASSERT_EQ(results.size(), 4U);
  for (const auto& expected : results) {
    void* raw = nullptr;
    ASSERT_EQ(redisGetReply(subscriber.get(), &raw), REDIS_OK);
    const TestServer::Reply reply(static_cast<redisReply*>(raw));
    ASSERT_EQ(reply->elements, 3U);
    const auto message = decode_bus_message(
        {reply->element[2]->str, static_cast<std::size_t>(reply->element[2]->len)});
    ASSERT_TRUE(message.has_value()) << reply->element[2]->str;
    EXPECT_EQ(message->record.gid, expected->position.gid);
  }
}

TEST_F(RedisServerScript, TakesAsManyEventsAndProgramsAsABatchMayHave) {
  std::vector<history::AppendRequest> requests;
  for (std::size_t i = 0; i < batch_events_max; ++i) {
    requests.push_back(request("p" + std::to_string(i), "t"));
  }
  const auto results = append_all(requests);
  ASSERT_EQ(results.size(), batch_events_max);
  for (const auto& result : results) EXPECT_EQ(result->position.seq, 1U);
  EXPECT_TRUE(append("p63", "t")->repeated);
}

TEST_F(RedisServerScript, FencesWithTheClockAndAboveTheFenceBefore) {
  const auto claim = [&] {
    const auto fences = claims({"a \"sid\""});
    return fences.empty() ? std::nullopt : std::optional(fences[0]);
  };
  const std::int64_t before = clock();
  const auto first = claim();
  ASSERT_TRUE(first.has_value());
  EXPECT_GE(*first, static_cast<history::Fence>(before));
  EXPECT_LE(*first, static_cast<history::Fence>(clock()));
  const history::Fence ahead = *first + 3'600'000'000;
  server().command({"SET", names.claim("a \"sid\""), std::to_string(ahead)});
  EXPECT_EQ(claim(), ahead + 1);
  EXPECT_GT(std::stoll(server().text({"PTTL", names.claim("a \"sid\"")})), 3'590'000);
  server().command({"SET", names.claim("a \"sid\""), "no number"});
  EXPECT_GE(*claim(), *first);
  const auto reply = server().command({"MGET", names.claim("a \"sid\""), names.claim("none")});
  EXPECT_THAT(*fences_result(*reply, 2), testing::ElementsAre(testing::Gt(*first), 0U));
  retention.ttl = std::chrono::hours(3);
  EXPECT_TRUE(claim().has_value());
  EXPECT_GT(std::stoll(server().text({"PTTL", names.claim("a \"sid\"")})), 10'790'000);
}

TEST_F(RedisServerScript, FencesEachClaimOfOneCall) {
  const auto fences = claims({"a", "b", "a"});
  ASSERT_EQ(fences.size(), 3U);
  EXPECT_EQ(fences[2], fences[0] + 1) << "the same one again";
  const auto reply = server().command({"MGET", names.claim("a"), names.claim("b")});
  EXPECT_THAT(*fences_result(*reply, 2), testing::ElementsAre(fences[2], fences[1]));
}

TEST_F(RedisServerScript, TouchesDeclaredKeysOnly) {
  server().command({"ACL", "SETUSER", "default", "resetkeys", "~socket:events:meta",
                    "~socket:events:program:p", "~socket:events:token:1:p:t",
                    "~socket:events:batch:batch-1"});
  const auto appended = append("p", "t");
  const auto reply = read({{"p", 0, 0}});
  server().command({"ACL", "SETUSER", "default", "allkeys"});
  ASSERT_TRUE(appended.has_value());
  EXPECT_EQ(reply->programs[0].records.size(), 1U);
}

}  // namespace
}  // namespace crier::redis

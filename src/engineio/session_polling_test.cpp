#include "engineio/session_fixture.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace crier::engineio {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class PollingSession : public SessionTest {
 protected:
  PollingSession() { open_polling(); }
};

TEST_F(PollingSession, AnswersAPendingPollAtOnceWithAMessage) {
  EXPECT_EQ(poll(1), Lines{});
  EXPECT_EQ(send("4hello"), Lines{"1 <- 200 4hello"});
}

TEST_F(PollingSession, GathersMessagesForTheNextPoll) {
  EXPECT_EQ(send("4one"), Lines{});
  EXPECT_EQ(send_binary("\x01\x02\x03\x04"), Lines{});
  EXPECT_EQ(send("4two"), Lines{});
  EXPECT_EQ(poll(1), Lines{"1 <- 200 4one|bAQIDBA==|4two"});
  EXPECT_EQ(poll(2), Lines{});
}

TEST_F(PollingSession, SendsALoneBinaryMessageAsBase64) {
  send_binary("\x01\x02\x03\x04");
  EXPECT_EQ(poll(1), Lines{"1 <- 200 bAQIDBA=="});
}

/// Where the pieces of an answer are that the sender has too.
std::vector<const char*> shared_with(const Outputs& out, const std::vector<Bytes>& sent) {
  std::vector<const char*> shared;
  for (const Bytes& piece : std::get<Reply>(out.back()).body.pieces()) {
    const char* at = piece.view().data();
    if (std::ranges::any_of(sent, [at](const Bytes& one) { return one.view().data() == at; })) {
      shared.push_back(at);
    }
  }
  return shared;
}

TEST_F(PollingSession, SharesLongMessagesWithAllWhoGetThem) {
  const Bytes first("4" + std::string(1'000, 'a'));
  const Bytes second("4" + std::string(2'000, 'b'));
  const std::string payload = std::string(first.view()) + "|4c|bAQ==|4d|" +
                              std::string(second.view()) + "|" + std::string(first.view());
  const std::vector<const char*> addresses{first.view().data(), second.view().data(),
                                           first.view().data()};
  Session other(options, "other");
  Outputs out;
  other.open_polling(1000, now, out);
  for (Session* each : {&session, &other}) {
    out.clear();
    for (const Outgoing& message :
         {Outgoing{false, first, {}}, Outgoing{false, Bytes("4c"), {}},
          Outgoing{true, Bytes("\x01"), {}}, Outgoing{false, Bytes("4d"), {}},
          Outgoing{false, second, {}}, Outgoing{false, first, {}}}) {
      each->send(message, now, out);
    }
    each->poll(1, "t", now, out);
    EXPECT_EQ(lines(out), Lines{"1 <- 200 " + payload});
    EXPECT_EQ(shared_with(out, {first, second}), addresses);
    each->poll(2, "t", now, out);  // the repeat
    EXPECT_EQ(line(out.back()), "2 <- 200 " + payload);
    EXPECT_EQ(shared_with(out, {first, second}), addresses);
  }
}

TEST_F(PollingSession, CopiesShortMessagesTogether) {
  Outputs out;
  for (int i = 0; i < 1'000; ++i) session.send({false, Bytes("4short"), {}, false}, now, out);
  session.poll(1, "", now, out);
  EXPECT_EQ(std::get<Reply>(out.back()).body.pieces().size(), 1U);
  EXPECT_EQ(std::get<Reply>(out.back()).body.size(), 6'999U);
}

TEST_F(PollingSession, JoinsMessagesOfAnyLengths) {
  for (const std::size_t one : {1U, 63U, 64U, 65U, 5'000U}) {
    for (const std::size_t two : {1U, 64U, 65U}) {
      const std::string first = "4" + std::string(one - 1, 'a');
      const std::string second = "4" + std::string(two - 1, 'b');
      send(first);
      send(second);
      send(first);
      EXPECT_EQ(poll(1), Lines{"1 <- 200 " + first + "|" + second + "|" + first});
    }
  }
}

TEST_F(PollingSession, NamesTheContentTypesOfItsAnswers) {
  Outputs out;
  session.poll(1, "", now, out);
  session.send({false, Bytes("4a"), {}, false}, now, out);
  session.post_started(2, now, out);
  session.post(2, "", "4b", now, out);
  session.other_method(3, out);
  ASSERT_EQ(out.size(), 4U);
  EXPECT_EQ(std::get<Reply>(out[0]).content_type, "text/plain; charset=UTF-8");
  EXPECT_EQ(std::get<Reply>(out[2]).content_type, "text/html");
  EXPECT_EQ(std::get<Reply>(out[3]).content_type, "");
}

TEST_F(PollingSession, DropsAVolatileMessageUnlessAPollWaits) {
  EXPECT_EQ(send_volatile("4lost"), Lines{});
  EXPECT_EQ(poll(1), Lines{});
  EXPECT_EQ(send_volatile("4seen"), Lines{"1 <- 200 4seen"});
}

TEST_F(PollingSession, ReceivesThePacketsOfAPostInOrder) {
  EXPECT_EQ(
      post(1,
           "4one\x1e"
           "4two\x1e"
           "bcmF3\x1e"
           "6\x1e"
           "4"),
      (Lines{"received one", "received two", "received binary raw", "received ", "1 <- 200 ok"}));
}

TEST_F(PollingSession, APostThatEndsTheSessionIsAnsweredFirst) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"abc", "parse error (malformed payload)"},
      {"", "parse error (malformed payload)"},
      {"\x1e", "parse error (malformed payload)"},
      {"4\xff", "parse error (not UTF-8)"},
      {"2", "transport error (invalid heartbeat direction)"},
      {"2probe", "transport error (invalid heartbeat direction)"},
      {"1", "transport close"},
  };
  for (const auto& [payload, reason] : cases) {
    Session fresh(options, "sid");
    Outputs out;
    fresh.open_polling(1, now, out);
    fresh.post_started(2, now, out);
    out.clear();
    fresh.post(2, "text/plain", payload, now, out);
    EXPECT_EQ(lines(out), (Lines{"2 <- 200 ok", "closed: " + reason})) << payload;
  }
}

TEST_F(PollingSession, DeliversWhatStandsBeforeTheBadPacketAndNothingAfterIt) {
  EXPECT_EQ(post(1,
                 "4one\x1exyz\x1e"
                 "4two"),
            (Lines{"received one", "1 <- 200 ok", "closed: parse error (malformed payload)"}));
}

TEST_F(PollingSession, DeliversNothingAfterTheClientsClose) {
  EXPECT_EQ(post(1,
                 "4one\x1e"
                 "1\x1e"
                 "4two\x1exyz"),
            (Lines{"received one", "1 <- 200 ok", "closed: transport close"}));
}

TEST_F(PollingSession, TheClientsCloseFreesItsPollWithANoop) {
  poll(1);
  EXPECT_EQ(post(2, "1"), (Lines{"2 <- 200 ok", "1 <- 200 6", "closed: transport close"}));
}

TEST_F(PollingSession, AnyOtherEndAnswersThePendingPollWithAClose) {
  poll(1);
  EXPECT_EQ(post(2, "abc"),
            (Lines{"2 <- 200 ok", "1 <- 200 1", "closed: parse error (malformed payload)"}));
}

// A body of separators and type digits alone: the most packets that fit.
TEST_F(PollingSession, SurvivesManyTinyPacketsInOnePayload) {
  std::string payload = "4";
  while (payload.size() + 2 <= options.payload_bytes_max)
    payload +=
        "\x1e"
        "4";
  Outputs out;
  session.post_started(1, now, out);
  session.post(1, "", payload, now, out);
  EXPECT_EQ(out.size(), 500'001U);
  EXPECT_EQ(line(out.back()), "1 <- 200 ok");
  EXPECT_EQ(session.deadline(), now + milliseconds(300));
}

TEST_F(PollingSession, TinyMessagesAreChargedWithTheirPlaceInTheQueue) {
  for (int i = 0; i < 100; ++i) send("4");
  EXPECT_GT(session.backlog_bytes(), 100 * sizeof(Bytes));
}

// CVE-2026-59725: the request must be answered, and the session must end.
TEST_F(PollingSession, RefusesABinaryBodyAndCloses) {
  for (const std::string_view type :
       {"application/octet-stream", "Application/Octet-Stream", "application/octet-stream; x=y",
        "application/octet-stream ;x"}) {
    Session fresh(options, "sid");
    Outputs out;
    fresh.open_polling(1, now, out);
    fresh.poll(2, "", now, out);
    fresh.post_started(3, now, out);
    out.clear();
    fresh.post(3, type, "4a", now, out);
    EXPECT_EQ(lines(out),
              (Lines{"3 <- 400", "2 <- 200 1", "closed: transport error (invalid content)"}))
        << type;
  }
}

TEST_F(PollingSession, TakesAnyOtherContentTypeForText) {
  for (const std::string_view type : {"", "text/plain;charset=UTF-8", "application/octet-streams",
                                      "x-application/octet-stream", ";application/octet-stream"}) {
    EXPECT_EQ(post_started(1), Lines{});
    EXPECT_EQ(post_body(1, "4a", type), (Lines{"received a", "1 <- 200 ok"})) << type;
  }
}

TEST_F(PollingSession, LivesOnAfterATooLargeBodyOrAnotherMethod) {
  post_started(1);
  EXPECT_EQ(did([&](Outputs& out) { session.post_too_large(1, out); }), Lines{"1 <- 413"});
  EXPECT_EQ(did([&](Outputs& out) { session.other_method(2, out); }), Lines{"2 <- 500"});
  EXPECT_EQ(post(3, "4a"), (Lines{"received a", "3 <- 200 ok"}));
}

TEST_F(PollingSession, ClosesWhenTwoGetsOverlap) {
  poll(1);
  EXPECT_EQ(poll(2, "burst"),
            (Lines{"2 <- 400", "1 <- 200 1", "closed: transport error (overlap from client)"}));
}

TEST_F(PollingSession, ClosesWhenTwoGetsOverlapWhateverTheirT) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", ""}, {"a", ""}, {"a", "b"}, {std::string(65, 'a'), std::string(65, 'a')}};
  for (const auto& [first, second] : cases) {
    Session fresh(options, "sid");
    Outputs out;
    fresh.open_polling(1, now, out);
    fresh.poll(2, first, now, out);
    out.clear();
    fresh.poll(3, second, now, out);
    EXPECT_EQ(lines(out),
              (Lines{"3 <- 400", "2 <- 200 1", "closed: transport error (overlap from client)"}));
  }
}

TEST_F(PollingSession, ClosesWhenTwoPostsOverlap) {
  poll(1);
  post_started(2);
  EXPECT_EQ(post_started(3), (Lines{"3 <- 400", "1 <- 200 1", "2 aborted",
                                    "closed: transport error (data request overlap from client)"}));
  EXPECT_EQ(post_body(2, "4a"), Lines{});
}

TEST_F(PollingSession, AGetAndAPostMayOverlap) {
  poll(1);
  EXPECT_EQ(post(2, "4a"), (Lines{"received a", "2 <- 200 ok"}));
  EXPECT_EQ(send("4b"), Lines{"1 <- 200 4b"});
}

TEST_F(PollingSession, ClosesWhenAPollIsCancelled) {
  poll(1);
  EXPECT_EQ(request_lost(1), Lines{"closed: transport error (poll connection closed prematurely)"});
  EXPECT_EQ(poll(2), Lines{R"(2 <- 400 {"code":1,"message":"Session ID unknown"})"});
}

TEST_F(PollingSession, ClosesWhenAPostIsCancelled) {
  poll(1);
  post_started(2);
  EXPECT_EQ(request_lost(2),
            (Lines{"1 <- 200 1",
                   "closed: transport error (data request connection closed prematurely)"}));
}

TEST_F(PollingSession, EndsPendingRequestsWithThePingTimeout) {
  poll(1);
  after(milliseconds(300));
  poll(2);
  post_started(3);
  EXPECT_EQ(after(milliseconds(200)), (Lines{"2 <- 200 1", "3 aborted", "closed: ping timeout"}));
}

// Closing in order.

TEST_F(PollingSession, ACloseAnswersThePendingPoll) {
  poll(1);
  EXPECT_EQ(close(), (Lines{"1 <- 200 1", "closed: forced close"}));
}

TEST_F(PollingSession, ACloseWaitsForTheNextPoll) {
  EXPECT_EQ(close(), Lines{});
  EXPECT_FALSE(session.closed());
  EXPECT_EQ(poll(1), (Lines{"1 <- 200 1", "closed: forced close"}));
}

TEST_F(PollingSession, ACloseStandsAloneInItsPayload) {
  send("4last");
  EXPECT_EQ(close(CloseReason::parse_error), Lines{});
  EXPECT_EQ(poll(1, "a"), Lines{"1 <- 200 4last"});
  EXPECT_EQ(poll(2, "a"), Lines{"2 <- 200 4last"});
  EXPECT_EQ(poll(3, "b"), (Lines{"3 <- 200 1", "closed: parse error"}));
}

TEST_F(PollingSession, ACloseWaitsNoLongerThanItsTimeout) {
  send("4last");
  close();
  EXPECT_EQ(session.deadline(), now + seconds(30));
  EXPECT_EQ(after(seconds(29)), Lines{});
  EXPECT_EQ(after(milliseconds(999)), Lines{});
  EXPECT_EQ(after(milliseconds(1)), Lines{"closed: forced close (no poll came)"});
}

TEST_F(PollingSession, ACloseWaitsLessWhenNoMessageIsOwed) {
  const Lines closed{"closed: forced close (no poll came)"};
  close();
  EXPECT_EQ(after(milliseconds(2'999)), Lines{});
  EXPECT_EQ(after(milliseconds(1)), closed);
}

TEST_F(PollingSession, ACloseWaitsLessOnceTheMessagesAreSent) {
  send("4last");
  close();
  EXPECT_EQ(after(seconds(29)), Lines{});
  EXPECT_EQ(poll(1), Lines{"1 <- 200 4last"});
  EXPECT_EQ(after(milliseconds(2'999)), Lines{});
  EXPECT_EQ(after(milliseconds(1)), Lines{"closed: forced close (no poll came)"});
}

TEST_F(PollingSession, AWaitingPingIsNothingOwed) {
  after(milliseconds(300));
  close();
  EXPECT_EQ(session.deadline(), now + seconds(3));
}

TEST_F(PollingSession, ADiscardingCloseIsAtOnce) {
  send("4dropped");
  EXPECT_EQ(close_now(), Lines{"closed: forced close"});
}

TEST_F(PollingSession, ASecondCloseChangesNothing) {
  close();
  after(seconds(1));
  EXPECT_EQ(close(CloseReason::slow_reader), Lines{});
  EXPECT_EQ(session.deadline(), now + seconds(2));
  EXPECT_EQ(poll(1), (Lines{"1 <- 200 1", "closed: forced close"}));
}

TEST_F(PollingSession, WhileClosingNoHeartbeatIsDue) {
  close();
  after(seconds(2));
  EXPECT_EQ(tick(), Lines{});
}

TEST_F(PollingSession, ADiscardingCloseEndsOneThatWaits) {
  close();
  EXPECT_EQ(close_now(CloseReason::slow_reader), Lines{"closed: slow reader"});
}

TEST_F(PollingSession, WhileClosingItTakesNothingButTheClientsClose) {
  close();
  EXPECT_EQ(send("4a"), Lines{});
  EXPECT_EQ(probe(9), Lines{"wire 9 closed"});
  EXPECT_EQ(post(1,
                 "4a\x1e"
                 "3\x1e"
                 "2"),
            Lines{"1 <- 200 ok"});
  EXPECT_EQ(post(2, "garbage"), Lines{"2 <- 200 ok"});
  EXPECT_EQ(post(3,
                 "4a\x1e"
                 "1"),
            (Lines{"3 <- 200 ok", "closed: transport close"}));
}

TEST_F(PollingSession, APostUnderWayAtACloseIsAnsweredIfItEndsInTime) {
  post_started(1);
  close();
  EXPECT_EQ(post_body(1, "4a"), Lines{"1 <- 200 ok"});
  post_started(2);
  EXPECT_EQ(poll(3), (Lines{"3 <- 200 1", "2 aborted", "closed: forced close"}));
}

// The backlog.

TEST_F(PollingSession, CountsWhatWaitsForAPoll) {
  EXPECT_EQ(send("4" + std::string(99, 'a')), Lines{});
  EXPECT_EQ(session.backlog_bytes(), 100U);
  EXPECT_EQ(session.answered(), 0U);
  EXPECT_EQ(poll(1).size(), 1U);
  EXPECT_EQ(session.backlog_bytes(), 0U);
  EXPECT_EQ(session.answered(), 1U);
  EXPECT_EQ(poll(2), Lines{});
  EXPECT_EQ(send("4a").size(), 1U);
  EXPECT_EQ(session.backlog_bytes(), 0U) << "a poll was there for it";
}

class SlowPollingSession : public SessionTest {
 protected:
  SlowPollingSession() {
    options.ping_interval = milliseconds(60'000);
    options.slow_reader_timeout = milliseconds(1'000);
    open_polling();
  }
  const Lines too_slow{"closed: slow reader (no poll came for what waits)"};
};

TEST_F(SlowPollingSession, IsClosedWhenNoPollComesForWhatWaits) {
  send("4a");
  EXPECT_EQ(after(milliseconds(500)), Lines{});
  send("4b");
  EXPECT_EQ(after(milliseconds(499)), Lines{});
  EXPECT_EQ(after(milliseconds(1)), too_slow) << "since the first of them";
}

TEST_F(SlowPollingSession, APollInTimeTakesWhatWaits) {
  for (RequestId request = 1; request <= 5; ++request) {
    send("4a");
    EXPECT_EQ(after(milliseconds(999)), Lines{});
    EXPECT_EQ(poll(request).size(), 1U);
    EXPECT_EQ(after(milliseconds(2'000)), Lines{}) << "nothing waits";
  }
}

TEST_F(SlowPollingSession, OneThatStillTakesTheLastAnswerHasTime) {
  send("4a");
  poll(1, "a");
  send("4b");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(after(milliseconds(999)), Lines{});
    session.still_reads(now);
  }
  EXPECT_EQ(after(milliseconds(1'000)), too_slow);
}

TEST_F(SlowPollingSession, APingAloneMayWait) {
  options.ping_interval = milliseconds(100);
  options.ping_timeout = milliseconds(5'000);
  Session fresh(options, "sid");
  Outputs out;
  fresh.open_polling(1, now, out);
  now = fresh.deadline();
  fresh.tick(now, out);
  EXPECT_EQ(fresh.deadline(), now + milliseconds(5'000));
}

TEST_F(SlowPollingSession, OneThatUpgradesIsNotAwaitedAnyMore) {
  send("4a");
  probe(9);
  EXPECT_EQ(text(9, "5"), (Lines{"upgraded 9", "wire 9 <- 4a"}));
  EXPECT_EQ(after(milliseconds(5'000)), Lines{});
}

TEST_F(SlowPollingSession, OneThatClosesHasTheTimesOfAClose) {
  options.close_timeout = milliseconds(3'000);
  send("4a");
  close();
  EXPECT_EQ(after(milliseconds(2'999)), Lines{});
  EXPECT_EQ(after(milliseconds(1)), Lines{"closed: forced close (no poll came)"});
}

// Answers that may be lost.

TEST_F(PollingSession, ARepeatedGetTakesThePlaceOfThePendingOne) {
  poll(1, "a");
  EXPECT_EQ(poll(2, "a"), Lines{"1 aborted"});
  EXPECT_EQ(request_lost(1), Lines{});
  EXPECT_EQ(send("4x"), Lines{"2 <- 200 4x"});
}

TEST_F(PollingSession, ARepeatedGetBringsTheSameBytesAgain) {
  poll(1, "a");
  send("4x");
  send("4y");
  EXPECT_EQ(poll(2, "a"), Lines{"2 <- 200 4x"});
  EXPECT_EQ(answer_lost(2), Lines{});
  EXPECT_EQ(poll(3, "a"), Lines{"3 <- 200 4x"});
  EXPECT_EQ(poll(4, "b"), Lines{"4 <- 200 4y"});
}

TEST_F(PollingSession, AGetThatItsOwnRepeatHasOvertakenTakesNothing) {
  poll(1, "a");
  send("4x");
  poll(2, "b");
  EXPECT_EQ(poll(3, "a"), Lines{"3 aborted"}) << "and no overlap";
  EXPECT_EQ(send("4y"), Lines{"2 <- 200 4y"});
  send("4z");
  EXPECT_EQ(poll(4, "a"), Lines{"4 aborted"});
  EXPECT_EQ(request_lost(4), Lines{});
  EXPECT_EQ(poll(5, "c"), Lines{"5 <- 200 4z"});
  EXPECT_EQ(poll(6, "b"), Lines{"6 aborted"});
}

TEST_F(PollingSession, OvertakenGetsAreKnownOfTheLast256) {
  const auto t = [](RequestId i) { return "t" + std::to_string(i); };
  for (RequestId i = 0; i <= 256; ++i) {
    poll(i + 1, t(i));
    send("4x");
  }
  send("4y");
  EXPECT_EQ(poll(1001, t(0)), Lines{"1001 aborted"});
  EXPECT_EQ(poll(1002, t(257)), Lines{"1002 <- 200 4y"});
  send("4z");
  EXPECT_EQ(poll(1003, t(1)), Lines{"1003 aborted"});
  EXPECT_EQ(poll(1004, t(0)), Lines{"1004 <- 200 4z"}) << "it cannot be told from another";
}

TEST_F(PollingSession, AfterARepeatOnlyTheLossOfTheRepeatCounts) {
  for (const RequestId lost : {1, 2}) {
    Session fresh(options, "sid");
    Outputs out;
    fresh.open_polling(1000, now, out);
    fresh.poll(1, "a", now, out);
    fresh.send({false, Bytes("4x"), {}, false}, now, out);
    fresh.poll(2, "a", now, out);
    fresh.probe(9, now, out);
    fresh.answered_connection_lost(lost, now, out);
    fresh.text(9, "5", now, out);
    EXPECT_EQ(fresh.closed(), lost == 2);
  }
}

TEST_F(PollingSession, AnAnswerIsForgottenWhenAGetWithAnotherTComes) {
  poll(1, "a");
  send("4x");
  poll(2, "b");
  EXPECT_EQ(poll(3, "a"), Lines{"3 aborted"});
}

TEST_F(PollingSession, WithTALostAnswerWaitsForItsRepeat) {
  poll(1, "a");
  send("4x");
  EXPECT_EQ(answer_lost(1), Lines{});
  EXPECT_EQ(poll(2, "a"), Lines{"2 <- 200 4x"});
}

TEST_F(PollingSession, WithoutTALostAnswerEndsTheSession) {
  poll(1);
  send("4x");
  EXPECT_EQ(answer_lost(1), Lines{"closed: transport error (the last poll's answer may be lost)"});
}

TEST_F(PollingSession, WithoutTThePollAfterALostAnswerMayBeItsRepeat) {
  poll(1);
  send("4x");
  poll(2);
  EXPECT_EQ(answer_lost(1),
            (Lines{"2 <- 200 1", "closed: transport error (the last poll's answer may be lost)"}));
}

TEST_F(PollingSession, AnOversizedTCountsAsNone) {
  poll(1, std::string(65, 'a'));
  send("4x");
  EXPECT_EQ(answer_lost(1), Lines{"closed: transport error (the last poll's answer may be lost)"});
}

TEST_F(PollingSession, ALossReportedAsThatOfAPendingRequestIsTheSame) {
  poll(1);
  send("4x");
  EXPECT_EQ(request_lost(1), Lines{"closed: transport error (the last poll's answer may be lost)"});
}

TEST_F(PollingSession, ALostAnswerWithoutMessagesIsNoLoss) {
  EXPECT_EQ(answer_lost(1000), Lines{});
  poll(1);
  EXPECT_EQ(after(milliseconds(300)), Lines{"1 <- 200 2"});
  EXPECT_EQ(answer_lost(1), Lines{});
  EXPECT_FALSE(session.closed());
}

TEST_F(PollingSession, TheLossOfAnOlderAnswerIsNoLoss) {
  poll(1, "a");
  send("4x");
  poll(2, "b");
  send("4y");
  EXPECT_EQ(answer_lost(1), Lines{});
  probe(9);
  EXPECT_EQ(text(9, "5"), Lines{"upgraded 9"});
}

}  // namespace
}  // namespace crier::engineio

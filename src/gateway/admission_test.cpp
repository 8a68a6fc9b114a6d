#include "gateway/admission.hpp"

#include <gtest/gtest.h>

namespace crier::gateway {
namespace {

constexpr std::string_view secret = "a secret of the tests";
constexpr WallTime wall = 1'000'000'000'000;

class AdmissionTest : public testing::Test {
 protected:
  static std::string auth(std::string_view claims, std::string_view more = "") {
    return "{\"token\":\"" + access::sign_hs256(secret, claims) + "\"" + std::string(more) + "}";
  }
  /// The store answers that the newest event of the program p is `top`.
  static history::ReadReply reply(history::Gid top, history::Gid clock = 9'000'000) {
    history::ReadReply reply{"epoch", 1, {{"p", top, {}}}};
    reply.clock = clock;
    return reply;
  }
  static std::optional<access::User> member(std::vector<std::string> programs) {
    return access::User{"u1", "Ursula", "member", true, std::move(programs)};
  }
  Command start(std::string_view text) { return machine.start(text, wall, now); }
  /// Of a member of p that has everything up to 100.
  [[nodiscard]] std::string pid() const {
    return seal.seal({"sid", {"epoch", 100, {90, {{"p", 0}}}}, "n0nc", {}}, "u1");
  }
  /// Goes on to the look-up, and answers it.
  Command after_look_up(std::string_view more, std::vector<std::string> programs) {
    start(auth(R"({"sub":"u1"})", more));
    return machine.looked_up(member(std::move(programs)), now);
  }

  AdmissionOptions options;
  access::Verifier verifier{{access::Key{std::string(secret), {access::Algorithm::hs256}, {}}}, {}};
  PidSeal seal{secret};
  Admission machine{options, verifier, seal};
  TimePoint now{};
};

TEST_F(AdmissionTest, RefusesWithTheExactMessages) {
  struct Case {
    std::string auth;
    std::string_view message;
    std::string_view code;
  };
  const Case cases[] = {
      {"{}", "Authentication required", "token_missing"},
      {R"({"token":""})", "Authentication required", "token_missing"},
      {R"({"token":7})", "Authentication required", "token_missing"},
      {R"({"token":null})", "Authentication required", "token_missing"},
      {R"({"token":"x"})", "Invalid or expired token", "token_malformed"},
      {auth(R"({"sub":"u1","exp":999999})"), "Invalid or expired token", "token_expired"},
      {auth(R"({"name":"x"})"), "Invalid token payload", "token_subject"},
      {auth(R"({"sub":""})"), "Invalid token payload", "token_subject"},
      {auth(R"({"sub":5})"), "Invalid token payload", "token_subject"},
      {auth(R"({"sub":")" + std::string(129, 'u') + "\"}"), "Invalid token payload",
       "token_subject"},
  };
  for (const auto& c : cases) {
    const Command command = start(c.auth);
    const auto* refused = std::get_if<Refuse>(&command);
    ASSERT_NE(refused, nullptr) << c.auth;
    EXPECT_EQ(refused->message, c.message) << c.auth;
    EXPECT_EQ(refused->code, c.code) << c.auth;
  }
}

TEST_F(AdmissionTest, LooksUpTheSubject) {
  const Command command = start(auth(R"({"sub":"u1"})"));
  ASSERT_TRUE(std::holds_alternative<LookUp>(command));
  EXPECT_EQ(std::get<LookUp>(command).user, "u1");
}

TEST_F(AdmissionTest, ThePidSaysWhenTheMembershipsWereLookedUp) {
  after_look_up("", {"p"});
  history::ReadReply reply{"epoch", 1, {{"p", 7, {}}}};
  reply.clock = 9'000'000;
  const Command command = machine.history_read(reply, now + std::chrono::seconds(2));
  EXPECT_EQ(std::get<Admit>(command).recovery.next.here.memberships.as_of, 7'000'000U)
      << "not when the history answered";
}

TEST_F(AdmissionTest, ASubjectOf128BytesIsAUser) {
  const Command command = start(auth(R"({"sub":")" + std::string(128, 'u') + "\"}"));
  EXPECT_TRUE(std::holds_alternative<LookUp>(command));
}

TEST_F(AdmissionTest, RefusesAUserWhoDoesNotExistOrIsInactive) {
  start(auth(R"({"sub":"u1"})"));
  Command command = machine.looked_up(std::optional<access::User>(), now);
  ASSERT_TRUE(std::holds_alternative<Refuse>(command));
  EXPECT_EQ(std::get<Refuse>(command).message, "User not found or inactive");
  auto inactive = member({"p"});
  inactive->active = false;
  command = machine.looked_up(std::move(inactive), now);
  ASSERT_TRUE(std::holds_alternative<Refuse>(command));
  EXPECT_EQ(std::get<Refuse>(command).code, "user_inactive");
}

TEST_F(AdmissionTest, ABrokenSourceIsAnInternalRefusal) {
  start(auth(R"({"sub":"u1"})"));
  const Command command = machine.looked_up(Unexpected{access::SourceError::broken}, now);
  ASSERT_TRUE(std::holds_alternative<Refuse>(command));
  EXPECT_EQ(std::get<Refuse>(command).message, "Authentication failed");
}

TEST_F(AdmissionTest, ASourceThatIsDownIsAskedAgainUntilTheDeadlineAndNeverRefuses) {
  start(auth(R"({"sub":"u1"})"));
  int asked = 0;
  Command command = machine.looked_up(Unexpected{access::SourceError::unavailable}, now);
  while (const auto* wait = std::get_if<Wait>(&command)) {
    ASSERT_GT(wait->at, now);
    now = wait->at;
    command = machine.tick();
    ASSERT_TRUE(std::holds_alternative<LookUp>(command));
    ASSERT_LT(++asked, 100);
    command = machine.looked_up(Unexpected{access::SourceError::unavailable}, now);
  }
  EXPECT_TRUE(std::holds_alternative<GiveUp>(command));
  EXPECT_EQ(asked, 19);
  EXPECT_LE(now.time_since_epoch(), options.deadline);
}

TEST_F(AdmissionTest, WithoutACursorOnlyTheTopsAreRead) {
  Command command = after_look_up("", {"p", "q"});
  ASSERT_TRUE(std::holds_alternative<ReadHistory>(command));
  EXPECT_EQ(std::get<ReadHistory>(command).question.reads.size(), 2U);
  command = machine.history_read(history::ReadReply{"epoch", 1, {{"p", 7, {}}, {"q", 9, {}}}}, now);
  ASSERT_TRUE(std::holds_alternative<Admit>(command));
  const auto& admit = std::get<Admit>(command);
  EXPECT_EQ(admit.user.programs, (std::vector<std::string>{"p", "q"}));
  EXPECT_EQ(admit.recovery.replayed, 0U);
  EXPECT_FALSE(admit.recovery.recovered);
  ASSERT_EQ(admit.recovery.verdicts.size(), 2U);
  EXPECT_EQ(admit.recovery.verdicts[0].second, history::Verdict::joined);
  EXPECT_TRUE(admit.has_pid);
}

TEST_F(AdmissionTest, WithoutACursorAHistoryThatIsDownCostsThePidOnly) {
  after_look_up("", {"p"});
  const Command command = machine.history_read(Unexpected{history::StoreError::unavailable}, now);
  ASSERT_TRUE(std::holds_alternative<Admit>(command));
  const auto& admit = std::get<Admit>(command);
  EXPECT_FALSE(admit.has_pid);
  ASSERT_EQ(admit.recovery.verdicts.size(), 1U);
  EXPECT_EQ(admit.recovery.verdicts[0].second, history::Verdict::joined);
  EXPECT_EQ(admit.user.id, "u1");
}

TEST_F(AdmissionTest, AMeaninglessCursorIsAnsweredWithAReset) {
  for (const std::string_view cursor :
       {"\"x\"", "-1", "true", "1e999", "8640000000000001", "[]", "\"12x\""}) {
    machine = Admission(options, verifier, seal);
    after_look_up(",\"lastEventTimestamp\":" + std::string(cursor), {"p"});
    const Command command =
        machine.history_read(history::ReadReply{"epoch", 1, {{"p", 7, {}}}}, now);
    ASSERT_TRUE(std::holds_alternative<Admit>(command)) << cursor;
    EXPECT_EQ(std::get<Admit>(command).recovery.verdicts.at(0).second, history::Verdict::reset)
        << cursor;
  }
}

TEST_F(AdmissionTest, ACursorReadsTheHistoryOfThePrograms) {
  for (const std::string_view cursor : {"1700000000123", "1700000000123.9", "\"1700000000123\""}) {
    machine = Admission(options, verifier, seal);
    const Command command =
        after_look_up(",\"lastEventTimestamp\":" + std::string(cursor), {"p", "q"});
    ASSERT_TRUE(std::holds_alternative<ReadHistory>(command)) << cursor;
    const auto& reads = std::get<ReadHistory>(command).question.reads;
    ASSERT_EQ(reads.size(), 2U);
    EXPECT_EQ(reads[0].after, 1'700'000'000'122'999U) << cursor;
  }
}

TEST_F(AdmissionTest, AdmitsWithTheReplayAndTheFloor) {
  after_look_up(",\"lastEventTimestamp\":5", {"p"});
  const history::ReadReply reply{
      "epoch", 0, {{"p", 9000, {{5000, 1, 0, Bytes("a")}, {9000, 2, 5000, Bytes("b")}}}}};
  const Command command = machine.history_read(reply, now);
  ASSERT_TRUE(std::holds_alternative<Admit>(command));
  const auto& admit = std::get<Admit>(command);
  EXPECT_EQ(admit.recovery.position, (history::EventId{"epoch", 9000}));
  EXPECT_EQ(admit.recovery.replayed, 1U);
  EXPECT_EQ(admit.recovery.after, std::vector<history::Gid>{8999});
  EXPECT_TRUE(admit.pid.empty());
  EXPECT_EQ(admit.user.id, "u1");
}

TEST_F(AdmissionTest, AWholePidIsRepeated) {
  const std::string pid = this->pid();
  Command asked = after_look_up(",\"pid\":\"" + pid + "\"", {"p"});
  ASSERT_TRUE(std::holds_alternative<Claim>(asked));
  EXPECT_EQ(std::get<Claim>(asked).sid, "sid");
  asked = machine.claimed(history::Fence{7}, now);
  ASSERT_TRUE(std::holds_alternative<ReadHistory>(asked));
  EXPECT_EQ(std::get<ReadHistory>(asked).question.epoch, "epoch");
  EXPECT_EQ(std::get<ReadHistory>(asked).question.cursor, 100U);
  const Command command =
      machine.history_read(history::ReadReply{"epoch", 1, {{"p", 100, {}}}}, now);
  ASSERT_TRUE(std::holds_alternative<Admit>(command));
  const auto& admit = std::get<Admit>(command);
  EXPECT_EQ(admit.pid, pid);
  EXPECT_EQ(admit.nonce, "n0nc");
  EXPECT_EQ(admit.claimed, "sid");
  EXPECT_EQ(admit.fence, 7U);
  EXPECT_TRUE(admit.recovery.recovered);
}

TEST_F(AdmissionTest, ALaterClaimBySomebodyElseEndsIt) {
  const std::string pid = this->pid();
  after_look_up(",\"pid\":\"" + pid + "\"", {"p"});
  EXPECT_FALSE(machine.claim_heard("sid", 9)) << "its own is not known yet";
  EXPECT_TRUE(std::holds_alternative<GiveUp>(machine.claimed(history::Fence{8}, now)));
}

TEST_F(AdmissionTest, IsEndedByLaterClaimsOfItsIdOnly) {
  const std::string pid = this->pid();
  after_look_up(",\"pid\":\"" + pid + "\"", {"p"});
  EXPECT_TRUE(std::holds_alternative<ReadHistory>(machine.claimed(history::Fence{8}, now)));
  EXPECT_FALSE(machine.claim_heard("sid", 8)) << "its own";
  EXPECT_FALSE(machine.claim_heard("other", 9));
  EXPECT_TRUE(machine.claim_heard("sid", 9));
}

TEST_F(AdmissionTest, AClaimThatCannotBeMadeIsTriedAgainAfterALookUp) {
  const std::string pid = this->pid();
  after_look_up(",\"pid\":\"" + pid + "\"", {"p"});
  EXPECT_TRUE(std::holds_alternative<Wait>(
      machine.claimed(Unexpected{history::StoreError::unavailable}, now)));
  EXPECT_TRUE(std::holds_alternative<LookUp>(machine.tick()));
  EXPECT_TRUE(std::holds_alternative<Claim>(machine.looked_up(member({"p"}), now)));
  machine.claimed(history::Fence{8}, now);
  machine.tick();
  EXPECT_TRUE(std::holds_alternative<ReadHistory>(machine.looked_up(member({"p"}), now)))
      << "a claim that was made stands";
}

TEST_F(AdmissionTest, APidWithAGapIsClaimedButNotRepeated) {
  const std::string pid = this->pid();
  after_look_up(",\"pid\":\"" + pid + "\"", {"p"});
  const Command command =
      machine.history_read(history::ReadReply{"epoch", 1, {{"p", 101, {}}}}, now);
  ASSERT_TRUE(std::holds_alternative<Admit>(command));
  const auto& admit = std::get<Admit>(command);
  EXPECT_TRUE(admit.pid.empty());
  EXPECT_EQ(admit.claimed, "sid");
  EXPECT_FALSE(admit.recovery.recovered);
}

TEST_F(AdmissionTest, ACursorAboveTheStoresLastNumberIsWitnessedOnceThenAReset) {
  after_look_up(",\"lastEventId\":\"epochABC.500\"", {"p"});
  const history::ReadReply reply{"epochABC", 1, {{"p", 7, {}}}};
  Command command = machine.history_read(reply, now);
  ASSERT_TRUE(std::holds_alternative<Testify>(command));
  EXPECT_EQ(std::get<Testify>(command).id, (history::EventId{"epochABC", 500}));
  command = machine.witnessed();
  ASSERT_TRUE(std::holds_alternative<ReadHistory>(command));
  EXPECT_EQ(std::get<ReadHistory>(command).question.cursor, 500U);
  command = machine.history_read(reply, now);
  ASSERT_TRUE(std::holds_alternative<Admit>(command));
  EXPECT_EQ(std::get<Admit>(command).recovery.verdicts.at(0).second, history::Verdict::reset);
}

TEST_F(AdmissionTest, ASessionsPositionIsItsCursor) {
  Command command = after_look_up(",\"session\":\"device\"", {"p"});
  ASSERT_TRUE(std::holds_alternative<LoadPosition>(command));
  EXPECT_EQ(std::get<LoadPosition>(command).user, "u1");
  EXPECT_EQ(std::get<LoadPosition>(command).session, "device");
  command = machine.position_loaded(pid(), now);
  ASSERT_TRUE(std::holds_alternative<ReadHistory>(command));
  EXPECT_EQ(std::get<ReadHistory>(command).question.reads.at(0).after, 100U);
  machine.history_read(history::ReadReply{"epoch", 1, {{"p", 100, {}}}}, now);
  machine.taken_over({}, now);
  command = machine.history_read(history::ReadReply{"epoch", 1, {{"p", 100, {}}}}, now);
  ASSERT_TRUE(std::holds_alternative<Admit>(command));
  const auto& admit = std::get<Admit>(command);
  EXPECT_EQ(admit.session, "device");
  EXPECT_FALSE(admit.recovery.recovered) << "no pid is repeated to who gave none";
  EXPECT_EQ(admit.recovery.verdicts.at(0).second, history::Verdict::recovered);
}

TEST_F(AdmissionTest, APositionThatCannotBeReadIsAskedForAgain) {
  after_look_up(",\"session\":\"device\"", {"p"});
  EXPECT_TRUE(std::holds_alternative<Wait>(
      machine.position_loaded(Unexpected{history::StoreError::unavailable}, now)));
  machine.tick();
  EXPECT_TRUE(std::holds_alternative<LoadPosition>(machine.looked_up(member({"p"}), now)));
  machine.position_loaded(std::string(), now);
  EXPECT_TRUE(std::holds_alternative<Wait>(
      machine.history_read(Unexpected{history::StoreError::unavailable}, now)))
      << "a session is never admitted blindly";
}

TEST_F(AdmissionTest, AStatedCursorGoesBeforeTheSessionsPosition) {
  const Command command =
      after_look_up(",\"session\":\"device\",\"lastEventId\":\"epochABC.5\"", {"p"});
  ASSERT_TRUE(std::holds_alternative<ReadHistory>(command));
  EXPECT_EQ(std::get<ReadHistory>(command).question.cursor, 5U);
}

TEST_F(AdmissionTest, ASessionIsAdmittedOnceWhatItWillBeToldIsKept) {
  after_look_up(",\"session\":\"device\"", {"p"});
  machine.position_loaded(std::string(), now);
  Command command = machine.history_read(reply(7), now);
  ASSERT_TRUE(std::holds_alternative<TakeOver>(command));
  const TakeOver held = std::get<TakeOver>(command);
  EXPECT_EQ(held.user, "u1");
  EXPECT_EQ(held.session, "device");
  EXPECT_EQ(held.position.here.memberships.at, 7U);
  EXPECT_EQ(held.position.here.memberships.as_of, 9'000'000U);
  EXPECT_EQ(held.position.here.memberships.named, (std::vector<Membership>{{"p", 0}}));
  EXPECT_EQ(held.position.earlier, Basis(NoCursor{}));
  now += std::chrono::seconds(1);
  ASSERT_TRUE(std::holds_alternative<ReadHistory>(machine.taken_over({}, now)));
  command = machine.history_read(reply(7, 9'999'000), now);
  ASSERT_TRUE(std::holds_alternative<Admit>(command));
  EXPECT_TRUE(std::get<Admit>(command).is_kept);
  EXPECT_EQ(std::get<Admit>(command).recovery.next, held.position);
}

TEST_F(AdmissionTest, ASessionIsToldWhatIsThereOnceItsPositionIsKept) {
  after_look_up(",\"session\":\"device\"", {"p"});
  machine.position_loaded(pid(), now);
  ASSERT_TRUE(std::holds_alternative<TakeOver>(machine.history_read(reply(100), now)));
  machine.taken_over({}, now);
  const Command command = machine.history_read(reply(200), now);
  ASSERT_TRUE(std::holds_alternative<Admit>(command));
  const auto& admit = std::get<Admit>(command);
  EXPECT_EQ(admit.recovery.verdicts.at(0).second, history::Verdict::gap);
  EXPECT_FALSE(admit.is_kept) << "that was not known then";
  EXPECT_EQ(admit.recovery.next.here.memberships.at, 200U);
}

TEST_F(AdmissionTest, ASessionWhosePositionCannotBeKeptIsNotAdmitted) {
  after_look_up(",\"session\":\"device\"", {"p"});
  int tries = 0;
  Command command = LookUp{};
  while (std::holds_alternative<LookUp>(command)) {
    ASSERT_LT(++tries, 100);
    machine.looked_up(member({"p"}), now);
    machine.position_loaded(std::string(), now);
    ASSERT_TRUE(std::holds_alternative<TakeOver>(machine.history_read(reply(7), now)));
    command = machine.taken_over(Unexpected{history::StoreError::unknown}, now);
    const auto* wait = std::get_if<Wait>(&command);
    if (wait == nullptr) break;
    now = wait->at;
    command = machine.tick();
  }
  EXPECT_TRUE(std::holds_alternative<GiveUp>(command));
  EXPECT_GT(tries, 10);
}

TEST_F(AdmissionTest, ThePositionThatIsKeptHasTheMembershipsOfTheLastLookUp) {
  after_look_up(",\"session\":\"device\"", {"p"});
  machine.position_loaded(std::string(), now);
  machine.history_read(reply(7), now);
  machine.taken_over({}, now);
  EXPECT_TRUE(std::holds_alternative<Wait>(
      machine.history_read(Unexpected{history::StoreError::unavailable}, now)));
  machine.tick();
  machine.looked_up(member({"p", "q"}), now);
  machine.position_loaded(std::string(), now);
  const history::ReadReply both{"epoch", 1, {{"p", 7, {}}, {"q", 9, {}}}};
  const Command command = machine.history_read(both, now);
  ASSERT_TRUE(std::holds_alternative<TakeOver>(command));
  EXPECT_EQ(std::get<TakeOver>(command).position.here.memberships.named.size(), 2U);
  machine.taken_over({}, now);
  EXPECT_TRUE(std::get<Admit>(machine.history_read(both, now)).is_kept);
}

TEST_F(AdmissionTest, ALostEndIsWitnessedAtEitherReadingOfASession) {
  for (const bool at_once : {true, false}) {
    machine = Admission(options, verifier, seal);
    after_look_up(",\"session\":\"device\",\"lastEventId\":\"epochABC.500\"", {"p"});
    const history::ReadReply whole{"epochABC", 1, {{"p", 500, {}}}};
    const history::ReadReply lost{"epochABC", 1, {{"p", 7, {}}}};
    Command command = machine.history_read(at_once ? lost : whole, now);
    if (at_once) {
      ASSERT_TRUE(std::holds_alternative<Testify>(command));
      machine.witnessed();
      command = machine.history_read(lost, now);
    }
    ASSERT_TRUE(std::holds_alternative<TakeOver>(command));
    machine.taken_over({}, now);
    command = machine.history_read(lost, now);
    if (!at_once) {
      ASSERT_TRUE(std::holds_alternative<Testify>(command));
      machine.witnessed();
      command = machine.history_read(lost, now);
    }
    ASSERT_TRUE(std::holds_alternative<Admit>(command));
    EXPECT_EQ(std::get<Admit>(command).recovery.verdicts.at(0).second, history::Verdict::reset);
  }
}

TEST_F(AdmissionTest, AHistoryThatIsDownIsAskedAgainThenGivenUp) {
  after_look_up(",\"lastEventTimestamp\":5", {"p"});
  Command command = machine.history_read(Unexpected{history::StoreError::unavailable}, now);
  ASSERT_TRUE(std::holds_alternative<Wait>(command));
  now = std::get<Wait>(command).at;
  ASSERT_TRUE(std::holds_alternative<LookUp>(machine.tick()));
  now += options.deadline;
  command = machine.history_read(Unexpected{history::StoreError::unavailable}, now);
  EXPECT_TRUE(std::holds_alternative<GiveUp>(command));
}

}  // namespace
}  // namespace crier::gateway

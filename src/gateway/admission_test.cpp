#include "gateway/admission.hpp"

#include <gtest/gtest.h>

namespace crier::gateway {
namespace {

constexpr std::string_view secret = "a secret of the tests";
constexpr std::int64_t wall = 1'000'000;

class AdmissionTest : public testing::Test {
 protected:
  static std::string auth(std::string_view claims, std::string_view more = "") {
    return "{\"token\":\"" + access::sign_hs256(secret, claims) + "\"" + std::string(more) + "}";
  }
  static std::optional<access::User> member(std::vector<std::string> programs) {
    return access::User{"u1", "Ursula", "member", true, std::move(programs)};
  }
  Command start(std::string_view text) { return machine.start(text, wall, now); }
  /// Goes on to the look-up, and answers it.
  Command after_look_up(std::string_view more, std::vector<std::string> programs) {
    start(auth(R"({"sub":"u1"})", more));
    return machine.looked_up(member(std::move(programs)), now);
  }

  AdmissionOptions options;
  access::Verifier verifier{{access::Key{std::string(secret), {access::Algorithm::hs256}, {}}}, {}};
  Admission machine{options, verifier};
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
    command = machine.tick(now);
    ASSERT_TRUE(std::holds_alternative<LookUp>(command));
    ASSERT_LT(++asked, 100);
    command = machine.looked_up(Unexpected{access::SourceError::unavailable}, now);
  }
  EXPECT_TRUE(std::holds_alternative<GiveUp>(command));
  EXPECT_EQ(asked, 19);
  EXPECT_LE(now.time_since_epoch(), options.deadline);
}

TEST_F(AdmissionTest, WithoutACursorTheHistoryIsNotRead) {
  const Command command = after_look_up("", {"p", "q"});
  ASSERT_TRUE(std::holds_alternative<Admit>(command));
  EXPECT_EQ(std::get<Admit>(command).user.programs, (std::vector<std::string>{"p", "q"}));
  EXPECT_TRUE(std::get<Admit>(command).events.empty());
}

TEST_F(AdmissionTest, AMeaninglessCursorIsNone) {
  for (const std::string_view cursor :
       {"null", "\"x\"", "-1", "0", "true", "1e999", "\"\"", "8640000000000001", "[]", "\"12x\""}) {
    machine = Admission(options, verifier);
    const Command command = after_look_up(",\"lastEventTimestamp\":" + std::string(cursor), {"p"});
    EXPECT_TRUE(std::holds_alternative<Admit>(command)) << cursor;
  }
}

TEST_F(AdmissionTest, ACursorReadsTheHistoryOfThePrograms) {
  for (const std::string_view cursor : {"1700000000123", "1700000000123.9", "\"1700000000123\""}) {
    machine = Admission(options, verifier);
    const Command command =
        after_look_up(",\"lastEventTimestamp\":" + std::string(cursor), {"p", "q"});
    ASSERT_TRUE(std::holds_alternative<ReadHistory>(command)) << cursor;
    const auto& reads = std::get<ReadHistory>(command).reads;
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
  EXPECT_EQ(admit.epoch, "epoch");
  ASSERT_EQ(admit.events.size(), 1U);
  EXPECT_EQ(admit.events[0].gid, 9000U);
  EXPECT_EQ(admit.floor, 9000U);
  EXPECT_EQ(admit.user.id, "u1");
}

TEST_F(AdmissionTest, AHistoryThatIsDownIsAskedAgainThenGivenUp) {
  after_look_up(",\"lastEventTimestamp\":5", {"p"});
  Command command = machine.history_read(Unexpected{history::StoreError::unavailable}, now);
  ASSERT_TRUE(std::holds_alternative<Wait>(command));
  now = std::get<Wait>(command).at;
  ASSERT_TRUE(std::holds_alternative<ReadHistory>(machine.tick(now)));
  now += options.deadline;
  command = machine.history_read(Unexpected{history::StoreError::unavailable}, now);
  EXPECT_TRUE(std::holds_alternative<GiveUp>(command));
}

}  // namespace
}  // namespace crier::gateway

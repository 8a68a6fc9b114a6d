// Settings in general: which there are does not matter.

#include "crier/settings.hpp"
#include "settings/group.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

namespace crier {
namespace {

class SettingTest : public testing::Test {
 protected:
  SettingTest() {
    settings::Group first(all, "first");
    first.number("port", port, {1, 9}, "A number.", "PORT");
    first.text("name", name, "A name.");
    settings::Group second(all, "second");
    second.duration("wait", wait, "A time.");
  }
  Result<void, std::string> read() const {
    return read_environment(all, [this](const std::string& variable) {
      const auto found = variables.find(variable);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    });
  }

  std::uint32_t port = 1;
  std::string name = "n";
  std::chrono::milliseconds wait{0};
  std::vector<Setting> all;
  std::map<std::string, std::string> variables;
};

TEST_F(SettingTest, TheEnvironmentSetsAliasesAndThenVariables) {
  variables = {{"PORT", "4"}, {"CRIER_FIRST_PORT", "5"}, {"CRIER_SECOND_WAIT", "9s"}};
  EXPECT_TRUE(read());
  EXPECT_EQ(port, 5U);
  EXPECT_EQ(wait, std::chrono::seconds(9));
  EXPECT_EQ(name, "n");
}

TEST_F(SettingTest, AnEmptyVariableIsNone) {
  variables = {{"PORT", ""}, {"CRIER_FIRST_NAME", ""}};
  EXPECT_TRUE(read());
  EXPECT_EQ(port, 1U);
  EXPECT_EQ(name, "n");
}

TEST_F(SettingTest, EveryVariableThatMakesNoSenseIsNamedAndTheOthersAreSet) {
  variables = {{"PORT", "10"}, {"CRIER_FIRST_NAME", "other"}, {"CRIER_SECOND_WAIT", "soon"}};
  const auto result = read();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(),
            "PORT: must be a whole number from 1 to 9\n"
            "CRIER_SECOND_WAIT: must be a duration such as \"250ms\", \"25s\", \"5m\" or \"2h\"");
  EXPECT_EQ(name, "other");
}

TEST_F(SettingTest, TheFirstThatIsOutOfItsBoundsIsNamed) {
  EXPECT_TRUE(check_settings(all));
  port = 10;
  const auto fit = check_settings(all);
  ASSERT_FALSE(fit);
  const Error expected{422, "bad_option", "first.port must be a whole number from 1 to 9.",
                       "/first/port"};
  EXPECT_EQ(fit.error(), expected);
}

TEST_F(SettingTest, TheExampleHasMeaningAliasValueAndBounds) {
  EXPECT_EQ(example_file(all),
            "[first]\n"
            "# A number. Also PORT.\n"
            "# port = 1  # from 1 to 9\n"
            "# A name.\n"
            "# name = \"n\"\n"
            "\n"
            "[second]\n"
            "# A time.\n"
            "# wait = \"0ms\"\n");
}

}  // namespace
}  // namespace crier

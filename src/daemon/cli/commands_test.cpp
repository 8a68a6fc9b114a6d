#include "daemon/cli/commands.hpp"

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>

namespace crier::daemon {
namespace {

TEST(Commands, AreAllThereWithOneSentenceEach) {
  CLI::App app("crier");
  int exit_code = 0;
  add_commands(app, exit_code);
  std::vector<std::string> names;
  for (const CLI::App* const command : app.get_subcommands(nullptr)) {
    names.push_back(command->get_name());
    EXPECT_FALSE(command->get_description().empty()) << names.back();
  }
  EXPECT_EQ(names, (std::vector<std::string>{"user", "member", "import", "token", "publish"}));
}

}  // namespace
}  // namespace crier::daemon

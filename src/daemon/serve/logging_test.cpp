#include "daemon/serve/logging.hpp"

#include <gtest/gtest.h>

namespace crier::daemon {
namespace {

TEST(Logfmt, QuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(logfmt("serving", {{"port", "3000"}}), "msg=serving port=3000");
  EXPECT_EQ(logfmt("shutting down", {{"why", ""}}), "msg=\"shutting down\" why=\"\"");
  EXPECT_EQ(logfmt("a", {{"k", "x=y"}, {"q", "say \"hi\""}}),
            "msg=a k=\"x=y\" q=\"say \\\"hi\\\"\"");
}

TEST(Logfmt, OneLineWhateverTheValueHolds) {
  EXPECT_EQ(logfmt("a", {{"k", "one\ntwo\x1b[0m"}}).find('\n'), std::string::npos);
  EXPECT_EQ(logfmt("a", {{"k", "x\x1b y"}}), "msg=a k=\"x  y\"");
}

TEST(StderrLog, WritesFromItsLevelOn) {
  testing::internal::CaptureStderr();
  const LogSink log = stderr_log("warning");
  log(LogLevel::info, "not this", {});
  log(LogLevel::warning, "but this", {{"n", "1"}});
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_EQ(written.find("not this"), std::string::npos);
  EXPECT_NE(written.find("level=warning msg=\"but this\" n=1\n"), std::string::npos) << written;
}

}  // namespace
}  // namespace crier::daemon

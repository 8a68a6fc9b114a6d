#include "web/certificate.hpp"

#include "net/loopback.hpp"
#include "net/test_certificates.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>
#include <vector>

namespace crier::web {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class CertificateTest : public testing::Test {
 protected:
  void SetUp() override { put("good"); }

  /// Makes `name`.crt and its key the ones that are served.
  void put(const std::string& name) {
    files.run("cp " + name + ".crt served.crt; cp " + name + ".key served.key");
  }
  LogSink log() {
    return
        [this](LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
          std::string line(level == LogLevel::warning ? "warning: " : "");
          line += message;
          for (const auto& field : fields) line += " " + std::string(field.key) + "=" + field.value;
          lines.push_back(line);
        };
  }
  std::string path(const std::string& name) { return files.path(name); }

  net::TestCertificates files;
  std::vector<std::string> lines;
};

TEST_F(CertificateTest, IsNoneWithoutFiles) {
  Certificate none("", "", log());
  EXPECT_FALSE(none.tls());
  none.reload();
  none.reload_if_changed();
  EXPECT_TRUE(lines.empty());
  EXPECT_FALSE(problem_with_tls("", ""));
}

TEST_F(CertificateTest, NamesWhatIsWrongWithTheOptions) {
  EXPECT_FALSE(problem_with_tls(path("good.crt"), path("good.key")));
  for (const auto& [certificate, key] : {std::pair("c", ""), std::pair("", "k")}) {
    EXPECT_EQ(problem_with_tls(certificate, key),
              "tls.certificate_file and tls.key_file must be set both or not at all.");
  }
  EXPECT_EQ(problem_with_tls(path("none.crt"), path("good.key")),
            "tls.certificate_file and tls.key_file: the certificate file " + path("none.crt") +
                " cannot be used: no such file or directory.");
  EXPECT_THAT(*problem_with_tls(path("good.crt"), path("ca.key")),
              HasSubstr("the key file " + path("ca.key") + " cannot be used: "));
  EXPECT_THROW(Certificate(path("good.crt"), path("none.key"), log()), std::invalid_argument);
}

TEST_F(CertificateTest, IsReadAgainWhenItsFilesHaveChanged) {
  Certificate certificate(path("served.crt"), path("served.key"), log());
  const auto before = certificate.tls()->context();
  certificate.reload_if_changed();
  EXPECT_EQ(certificate.tls()->context(), before);
  files.issue("renewed", "DNS:localhost", 30);
  put("renewed");
  certificate.reload_if_changed();
  EXPECT_NE(certificate.tls()->context(), before);
  EXPECT_THAT(lines, ElementsAre("the TLS certificate was read again valid_until=" +
                                 certificate.tls()->valid_until()));
}

TEST_F(CertificateTest, IsReadAgainWhenAskedThoughNothingHasChanged) {
  Certificate certificate(path("served.crt"), path("served.key"), log());
  const auto before = certificate.tls()->context();
  certificate.reload();
  EXPECT_NE(certificate.tls()->context(), before);
}

TEST_F(CertificateTest, StaysAndSaysSoOnceWhenTheNewOneCannotBeUsed) {
  Certificate certificate(path("served.crt"), path("served.key"), log());
  const auto before = certificate.tls()->context();
  files.issue("renewed", "DNS:localhost");
  files.run("cp renewed.crt served.crt");  // and the key has not come yet
  certificate.reload_if_changed();
  certificate.reload_if_changed();
  EXPECT_EQ(certificate.tls()->context(), before);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines[0],
              StartsWith("warning: the TLS certificate was not replaced reason=the key file " +
                         path("served.key") + " cannot be used: "));
  put("renewed");
  certificate.reload_if_changed();
  EXPECT_NE(certificate.tls()->context(), before);
}

TEST_F(CertificateTest, IsWatched) {
  net::Loop loop;
  Certificate certificate(path("served.crt"), path("served.key"), log());
  const CertificateWatch watch(certificate, loop, std::chrono::milliseconds(5));
  for (const std::string name : {"first", "second"}) {
    const auto before = certificate.tls()->context();
    files.issue(name, "DNS:localhost");
    put(name);
    EXPECT_TRUE(net::run_until(loop, [&] { return certificate.tls()->context() != before; }));
  }
}

}  // namespace
}  // namespace crier::web

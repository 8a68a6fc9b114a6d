#pragma once

// For tests: certificates made by the openssl program, in a folder of their own.

#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <system_error>

namespace crier::net {

class TestCertificates {
 public:
  TestCertificates() {
    std::string pattern = (std::filesystem::temp_directory_path() / "crier-tls-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    run("openssl req -x509 " + new_key("ca") + " -out ca.crt -subj /CN=ca -days 1");
    issue("good", "DNS:localhost,IP:127.0.0.1,IP:::1");
  }
  ~TestCertificates() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;

  /// Makes `name`.crt and `name`.key, signed by ca.crt; valid for `days` from now, or expired.
  void issue(const std::string& name, const std::string& valid_for, int days = 1) {
    run("openssl req -new " + new_key(name) + " -out request -subj /CN=crier-test");
    run("printf 'subjectAltName=" + valid_for + "' > extensions");
    run("openssl x509 -req -in request -CA ca.crt -CAkey ca.key -CAcreateserial -days " +
        std::to_string(days) + " -extfile extensions -out " + name + ".crt");
  }

  /// Runs a shell command in the folder.
  void run(const std::string& command) const {
    EXPECT_EQ(std::system(("cd " + folder_ + " && { " + command + "; } >>log 2>&1").c_str()), 0)
        << command;
  }

  [[nodiscard]] std::string path(const std::string& file) const { return folder_ + "/" + file; }

 private:
  static std::string new_key(const std::string& name) {
    return "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " + name + ".key";
  }

  std::string folder_;
};

}  // namespace crier::net

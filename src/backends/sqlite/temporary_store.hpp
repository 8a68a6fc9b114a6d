#pragma once

// For the tests of this folder.

#include "backends/sqlite/database.hpp"
#include "backends/sqlite/store.hpp"

#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>

namespace crier::sqlite {

/// A folder of its own that goes away with the test.
class TemporaryStore : public testing::Test {
 protected:
  TemporaryStore() {
    std::string pattern = (std::filesystem::temp_directory_path() / "crier-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    path = folder / "crier.db";
  }
  ~TemporaryStore() override { std::filesystem::remove_all(folder); }

  /// The store at path(), made if need be.
  std::unique_ptr<Store> store() {
    auto opened = Store::open(path, Store::Mode::create);
    EXPECT_TRUE(opened) << opened.error();
    return std::move(*opened);
  }

  /// A bare connection to path(), for what no store would do.
  Database raw(const std::string& sql = "") {
    auto [code, database] = open_database(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, 0);
    EXPECT_EQ(code, SQLITE_OK);
    EXPECT_EQ(execute(database.get(), sql.c_str()), SQLITE_OK) << message_of(database.get());
    return std::move(database);
  }

  std::filesystem::path folder;
  std::string path;
};

inline access::User user_named(std::string id, std::string name = "", std::string role = "") {
  return {std::move(id), std::move(name), std::move(role), true, {}};
}

}  // namespace crier::sqlite

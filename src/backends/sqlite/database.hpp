#pragma once

// SQLite's handles as values that clean up after themselves. Internal to this folder.

#include <cstdint>
#include <memory>
#include <optional>
#include <sqlite3.h>
#include <string>
#include <string_view>

namespace crier::sqlite {

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

/// A connection for one thread; an unopened file gives one too, with the reason in its message.
struct Opened {
  int code;
  Database database;
};
Opened open_database(const std::string& path, int flags, int busy_timeout_ms);

/// SQLite's words for the last failure; "out of memory" for a null handle.
std::string_view message_of(sqlite3* database);

/// One prepared statement, used again and again. Parameters and columns count from 0.
class Statement {
 public:
  Statement() = default;
  /// Check valid(): preparing fails on a missing table.
  Statement(sqlite3* database, std::string_view sql);

  [[nodiscard]] bool valid() const { return statement_ != nullptr; }

  /// `text` must live until reset().
  void bind(int parameter, std::string_view text);
  void bind(int parameter, std::int64_t number);
  void bind_null(int parameter);

  /// SQLITE_ROW, SQLITE_DONE or an error.
  int step();
  /// Ends the execution and its read lock.
  void reset();
  /// step() to the end of a statement without rows, and reset(): SQLITE_DONE or an error.
  int run();

  /// Good until the next step(); nothing unless the column holds text.
  [[nodiscard]] std::optional<std::string_view> text(int column) const;
  [[nodiscard]] std::int64_t number(int column) const;
  [[nodiscard]] bool is_null(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// Runs SQL without parameters; SQLITE_OK or an error.
int execute(sqlite3* database, const char* sql);

/// The one number that a PRAGMA or SELECT gives.
std::optional<std::int64_t> number_of(sqlite3* database, std::string_view sql);

}  // namespace crier::sqlite

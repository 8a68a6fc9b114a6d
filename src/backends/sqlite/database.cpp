// Opens an SQLite database and runs statements on it.

#include "backends/sqlite/database.hpp"

#include "base/assert.hpp"

namespace crier::sqlite {

Opened open_database(const std::string& path, int flags, int busy_timeout_ms) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle,
                                   flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  if (handle != nullptr) sqlite3_busy_timeout(handle, busy_timeout_ms);
  return {code, Database(handle)};
}

std::string_view message_of(sqlite3* database) { return sqlite3_errmsg(database); }

Statement::Statement(sqlite3* database, std::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  sqlite3_prepare_v3(database, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                     &handle, nullptr);
  statement_.reset(handle);
}

void Statement::bind(int parameter, std::string_view text) {
  const int code = sqlite3_bind_text64(statement_.get(), parameter + 1,
                                       text.data() == nullptr ? "" : text.data(), text.size(),
                                       SQLITE_STATIC, SQLITE_UTF8);
  CRIER_ASSERT(code == SQLITE_OK);
}

void Statement::bind(int parameter, std::int64_t number) {
  CRIER_ASSERT(sqlite3_bind_int64(statement_.get(), parameter + 1, number) == SQLITE_OK);
}

void Statement::bind_null(int parameter) {
  CRIER_ASSERT(sqlite3_bind_null(statement_.get(), parameter + 1) == SQLITE_OK);
}

int Statement::step() { return sqlite3_step(statement_.get()); }

void Statement::reset() { sqlite3_reset(statement_.get()); }

int Statement::run() {
  const int code = step();
  reset();
  return code;
}

std::optional<std::string_view> Statement::text(int column) const {
  if (sqlite3_column_type(statement_.get(), column) != SQLITE_TEXT) return {};
  const auto* const bytes = sqlite3_column_text(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return std::string_view(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

int execute(sqlite3* database, const char* sql) {
  return sqlite3_exec(database, sql, nullptr, nullptr, nullptr);
}

std::optional<std::int64_t> number_of(sqlite3* database, std::string_view sql) {
  Statement statement(database, sql);
  if (!statement.valid() || statement.step() != SQLITE_ROW) return {};
  return statement.number(0);
}

}  // namespace crier::sqlite

#pragma once

// The import of users and memberships into the SQLite store.

#include "backends/sqlite/database.hpp"
#include "crier/result.hpp"

#include <cstddef>
#include <istream>
#include <string>

namespace crier::sqlite {

constexpr std::size_t import_line_bytes_max = 64 * 1024;

/// Store::import() inside the caller's transaction, which must be rolled back after an error.
Result<std::size_t, std::string> import_lines(sqlite3* database, std::istream& lines);

}  // namespace crier::sqlite

#pragma once

// The schema of the SQLite store.

#include "backends/sqlite/database.hpp"

#include <string>

namespace crier::sqlite {

/// Whether `database` is a store of the version that this program reads.
bool is_current(sqlite3* database);
/// Whether it is one of an earlier version, which migrate() would change.
bool is_older(sqlite3* database);

enum class SchemaError : std::uint8_t {
  foreign,  ///< Holds something that Crier did not make.
  newer,    ///< Made by a later version of Crier.
  failed,   ///< SQLite's message says why.
};

/// Brings the store to the current version, in one transaction; `create`: also an empty file.
/// Nothing when that is done.
std::optional<SchemaError> migrate(sqlite3* database, bool create);

}  // namespace crier::sqlite

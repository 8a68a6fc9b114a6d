// Creates and migrates the schema of the SQLite store.

#include "backends/sqlite/schema.hpp"

#include <array>

namespace crier::sqlite {
namespace {

constexpr std::int64_t application_id = 0x43524945;  // "CRIE", for file(1) and against mix-ups

/// What leads from each version (PRAGMA user_version) to the next; never edited, only added to.
constexpr std::array migrations{
    "CREATE TABLE users ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " name TEXT NOT NULL,"
    " role TEXT NOT NULL,"
    " active INTEGER NOT NULL CHECK (active IN (0, 1))"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE memberships ("
    " program_id TEXT NOT NULL,"
    " user_id TEXT NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,"
    " active INTEGER NOT NULL CHECK (active IN (0, 1)),"
    " PRIMARY KEY (user_id, program_id)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX memberships_of_program ON memberships (program_id, user_id);",

    // A membership's generation counts how often it has begun, also across removals. Triggers keep
    // it, so that it holds whoever writes to the file.
    "ALTER TABLE memberships ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;"
    "UPDATE memberships SET generation = active;"
    "CREATE TABLE removed_memberships ("
    " user_id TEXT NOT NULL,"
    " program_id TEXT NOT NULL,"
    " generation INTEGER NOT NULL,"
    " PRIMARY KEY (user_id, program_id)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER membership_added AFTER INSERT ON memberships BEGIN"
    " UPDATE memberships SET generation = NEW.active + coalesce("
    "  (SELECT generation FROM removed_memberships"
    "   WHERE user_id = NEW.user_id AND program_id = NEW.program_id), 0)"
    " WHERE user_id = NEW.user_id AND program_id = NEW.program_id;"
    "END;"
    "CREATE TRIGGER membership_begun AFTER UPDATE OF active ON memberships"
    " WHEN NEW.active > OLD.active BEGIN"
    " UPDATE memberships SET generation = OLD.generation + 1"
    " WHERE user_id = NEW.user_id AND program_id = NEW.program_id;"
    "END;"
    "CREATE TRIGGER membership_removed AFTER DELETE ON memberships BEGIN"
    " INSERT OR REPLACE INTO removed_memberships (user_id, program_id, generation)"
    " VALUES (OLD.user_id, OLD.program_id, OLD.generation);"
    "END;"
    "CREATE TRIGGER user_removed AFTER DELETE ON users BEGIN"
    " DELETE FROM memberships WHERE user_id = OLD.id;"
    "END;",

    // A membership knows since when it is one, in microseconds since 1970 UTC, instead of how often
    // it has begun; since ever (0) if it is older than this version. Triggers keep that, so that it
    // holds whoever writes to the file; a writer that gives another `since` is taken at its word.
    // SQLite reads its clock in whole milliseconds, rounded down. The next one is taken: an event
    // that was published in the same millisecond, before the grant, is at or below it and so never
    // sent. One that was published after the grant, but within that millisecond, is not sent again
    // either: the client's next admission says `joined` of the program, and it loads what is there.
    "DROP TRIGGER membership_added;"
    "DROP TRIGGER membership_begun;"
    "DROP TRIGGER membership_removed;"
    "DROP TABLE removed_memberships;"
    "ALTER TABLE memberships DROP COLUMN generation;"
    "ALTER TABLE memberships ADD COLUMN since INTEGER NOT NULL DEFAULT 0"
    " CHECK (since BETWEEN 0 AND 9007199254740991);"
    "CREATE TRIGGER membership_added AFTER INSERT ON memberships"
    " WHEN NEW.active = 1 AND NEW.since = 0 BEGIN"
    " UPDATE memberships SET since ="
    "  CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000 + 1000"
    " WHERE user_id = NEW.user_id AND program_id = NEW.program_id;"
    "END;"
    "CREATE TRIGGER membership_begun"
    " AFTER UPDATE OF active, program_id, user_id ON memberships"
    " WHEN NEW.active = 1 AND NEW.since = OLD.since AND (OLD.active = 0"
    "  OR NEW.program_id <> OLD.program_id OR NEW.user_id <> OLD.user_id) BEGIN"
    " UPDATE memberships SET since ="
    "  CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000 + 1000"
    " WHERE user_id = NEW.user_id AND program_id = NEW.program_id;"
    "END;",
};
constexpr std::int64_t current_version = migrations.size();

std::int64_t version_of(sqlite3* database) {
  return number_of(database, "PRAGMA user_version").value_or(-1);
}

bool is_ours(sqlite3* database) {
  return number_of(database, "PRAGMA application_id") == application_id;
}

std::optional<SchemaError> migrate_locked(sqlite3* database, bool create) {
  const auto tables = number_of(database, "SELECT count(*) FROM sqlite_schema");
  if (!tables) return SchemaError::failed;
  if (!is_ours(database) && !(create && *tables == 0)) return SchemaError::foreign;
  const std::int64_t version = version_of(database);
  if (version > current_version) return SchemaError::newer;
  std::string steps = "PRAGMA application_id = " + std::to_string(application_id) + ";";
  for (auto i = version; i < current_version; ++i) steps += migrations[static_cast<std::size_t>(i)];
  steps += "PRAGMA user_version = " + std::to_string(current_version);
  if (execute(database, steps.c_str()) != SQLITE_OK) return SchemaError::failed;
  return {};
}

}  // namespace

bool is_current(sqlite3* database) {
  return is_ours(database) && version_of(database) == current_version;
}

bool is_older(sqlite3* database) {
  return is_ours(database) && version_of(database) < current_version;
}

std::optional<SchemaError> migrate(sqlite3* database, bool create) {
  if (is_current(database)) return {};
  if (execute(database, "BEGIN IMMEDIATE") != SQLITE_OK) return SchemaError::failed;
  const auto error = migrate_locked(database, create);
  if (error) {
    execute(database, "ROLLBACK");
    return error;
  }
  if (execute(database, "COMMIT") == SQLITE_OK) return {};
  execute(database, "ROLLBACK");
  return SchemaError::failed;
}

}  // namespace crier::sqlite

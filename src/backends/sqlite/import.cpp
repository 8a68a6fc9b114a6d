// Imports users and memberships into the SQLite store.

#include "backends/sqlite/import.hpp"

#include "backends/sqlite/rows.hpp"
#include "base/json_text.hpp"
#include "base/time.hpp"
#include "crier/json.hpp"

#include <algorithm>
#include <initializer_list>
#include <unordered_map>
#include <variant>

namespace crier::sqlite {
namespace {

using Problem = std::optional<std::string>;
using Since = std::optional<std::uint64_t>;

struct Field {
  std::string_view name;
  std::variant<std::string*, bool*, Since*> into;
  bool required = false;
};

Problem read_text(std::string_view value, const std::string& name, std::string& into) {
  auto text = json::unquote(value);
  if (!text) return name + " must be a string";
  into = std::move(*text);
  return {};
}

Problem read_flag(std::string_view value, const std::string& name, bool& into) {
  if (value != "true" && value != "false") return name + " must be true or false";
  into = value == "true";
  return {};
}

Problem read_since(std::string_view value, const std::string& name, Since& into) {
  const auto text = json::unquote(value);
  const auto time = parse_time(text ? std::string_view(*text) : value);
  if (!time || *time < 0) {
    return name + " must be a time in ISO 8601 with its zone, or milliseconds since 1970";
  }
  into = static_cast<std::uint64_t>(*time);
  return {};
}

Problem read_value(const Field& field, std::string_view value) {
  const std::string name(field.name);
  if (auto* const* text = std::get_if<std::string*>(&field.into)) {
    return read_text(value, name, **text);
  }
  if (auto* const* flag = std::get_if<bool*>(&field.into)) return read_flag(value, name, **flag);
  return read_since(value, name, *std::get<Since*>(field.into));
}

/// Reads the object `text`, which may have no other members than `fields`.
Problem read_fields(std::string_view text, std::initializer_list<Field> fields) {
  const auto members = json::members(text);
  if (!members) return "an object is expected";
  std::vector<std::string> seen;
  for (const auto& [key, value] : *members) {
    const std::string name = json::unquote(key).value_or("");
    const auto* const field =
        std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
    if (field == fields.end()) return "unknown member " + std::string(key);
    if (auto problem = read_value(*field, value)) return problem;
    seen.push_back(name);
  }
  for (const Field& field : fields) {
    if (field.required && std::find(seen.begin(), seen.end(), field.name) == seen.end()) {
      return std::string(field.name) + " is missing";
    }
  }
  return {};
}

// What a file says last of a membership is all that counts: one that is ended and begun again by
// the lines of a file that is imported every night would begin anew every night.
constexpr const char* stage =
    "CREATE TEMP TABLE imported ("
    " program_id TEXT NOT NULL,"
    " user_id TEXT NOT NULL,"
    " active INTEGER NOT NULL,"
    " since INTEGER,"
    " PRIMARY KEY (user_id, program_id)"
    ") WITHOUT ROWID";
constexpr const char* apply_staged =
    "INSERT INTO memberships (program_id, user_id, active)"
    " SELECT program_id, user_id, active FROM temp.imported WHERE true"
    " ON CONFLICT (user_id, program_id) DO UPDATE SET active = excluded.active;"
    "UPDATE memberships SET since = said.since FROM temp.imported AS said"
    " WHERE said.since IS NOT NULL"
    "  AND memberships.user_id = said.user_id AND memberships.program_id = said.program_id;"
    "DROP TABLE temp.imported";

/// Puts what a line says of a membership in the place of what earlier lines said.
class StageMembership {
 public:
  explicit StageMembership(sqlite3* database)
      : statement_(database,
                   "INSERT OR REPLACE INTO temp.imported (program_id, user_id, active, since)"
                   " VALUES (?1, ?2, ?3, ?4)") {}

  /// SQLITE_DONE or an error.
  int run(const MembershipRow& membership) {
    if (!statement_.valid()) return SQLITE_ERROR;
    statement_.bind(0, membership.program);
    statement_.bind(1, membership.user);
    statement_.bind(2, std::int64_t{membership.active});
    if (membership.since) {
      statement_.bind(3, static_cast<std::int64_t>(*membership.since));
    } else {
      statement_.bind_null(3);
    }
    return statement_.run();
  }

 private:
  Statement statement_;
};

class Import {
 public:
  /// The stage stands already.
  explicit Import(sqlite3* database)
      : database_(database),
        put_user_(database),
        stage_membership_(database),
        find_user_(database, "SELECT 1 FROM users WHERE id = ?1") {}

  Problem apply(std::string_view line, std::size_t number) {
    const auto json = Json::parse(std::string(line));
    if (!json) return json.error().message;
    const auto members = json::members(json->text());
    if (members && members->size() == 1) {
      const auto& [kind, value] = members->front();
      if (kind == R"("user")") return apply_user(value);
      if (kind == R"("member")") return apply_membership(value, number);
    }
    return R"(a line must be {"user":{…}} or {"member":{…}})";
  }

  /// The first line whose user is in neither the file nor the store.
  [[nodiscard]] std::optional<std::pair<std::size_t, std::string>> first_unknown() const {
    const auto first =
        std::min_element(unknown_.begin(), unknown_.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    if (first == unknown_.end()) return {};
    return std::pair{first->second, first->first};
  }

 private:
  Problem apply_user(std::string_view text) {
    access::User user;
    user.active = true;
    auto problem = read_fields(text, {{"id", &user.id, true},
                                      {"name", &user.name},
                                      {"role", &user.role},
                                      {"active", &user.active}});
    if (!problem) problem = problem_with(user);
    if (problem) return problem;
    if (put_user_.run(user) != SQLITE_DONE) return std::string(message_of(database_));
    unknown_.erase(user.id);
    return {};
  }

  Problem apply_membership(std::string_view text, std::size_t number) {
    MembershipRow membership;
    auto problem = read_fields(text, {{"programId", &membership.program, true},
                                      {"userId", &membership.user, true},
                                      {"active", &membership.active},
                                      {"since", &membership.since}});
    if (!problem) problem = problem_with(membership);
    if (problem) return problem;
    if (stage_membership_.run(membership) != SQLITE_DONE) return std::string(message_of(database_));
    return note_unknown(membership.user, number);
  }

  Problem note_unknown(const std::string& user, std::size_t number) {
    find_user_.bind(0, user);
    const int code = find_user_.run();
    if (code == SQLITE_DONE) unknown_.try_emplace(user, number);
    if (code != SQLITE_DONE && code != SQLITE_ROW) return std::string(message_of(database_));
    return {};
  }

  sqlite3* database_;
  PutUser put_user_;
  StageMembership stage_membership_;
  Statement find_user_;
  std::unordered_map<std::string, std::size_t> unknown_;  ///< User, first line that names them.
};

/// Lines of a bounded length, without their line breaks.
class Lines {
 public:
  enum class Status : std::uint8_t { line, end, too_long, failed };

  explicit Lines(std::istream& source) : source_(source), buffer_(import_line_bytes_max + 3) {}

  Status next() {
    source_.getline(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    auto size = static_cast<std::size_t>(source_.gcount());
    if (source_.bad()) return Status::failed;
    if (source_.eof() && size == 0) return Status::end;
    if (source_.fail()) return Status::too_long;
    if (!source_.eof()) --size;  // the line break
    line_ = std::string_view(buffer_.data(), size);
    if (line_.ends_with('\r')) line_.remove_suffix(1);
    return line_.size() > import_line_bytes_max ? Status::too_long : Status::line;
  }

  [[nodiscard]] std::string_view line() const { return line_; }

 private:
  std::istream& source_;
  std::vector<char> buffer_;
  std::string_view line_;
};

std::string at_line(std::size_t number, std::string_view problem) {
  return "line " + std::to_string(number) + ": " + std::string(problem);
}

}  // namespace

Result<std::size_t, std::string> import_lines(sqlite3* database, std::istream& lines) {
  const auto failure = [database] { return Unexpected{std::string(message_of(database))}; };
  if (execute(database, stage) != SQLITE_OK) return failure();
  Import import(database);
  Lines source(lines);
  std::size_t applied = 0;
  for (std::size_t number = 1;; ++number) {
    const Lines::Status status = source.next();
    if (status == Lines::Status::end) break;
    if (status == Lines::Status::failed) return Unexpected{at_line(number, "cannot be read")};
    if (status == Lines::Status::too_long) {
      return Unexpected{at_line(number, "a line may have at most 65536 bytes")};
    }
    if (source.line().find_first_not_of(" \t") == std::string_view::npos) continue;
    if (const auto problem = import.apply(source.line(), number)) {
      return Unexpected{at_line(number, *problem)};
    }
    ++applied;
  }
  if (const auto unknown = import.first_unknown()) {
    const auto& [number, user] = *unknown;
    return Unexpected{at_line(number, "the user " + user + " does not exist")};
  }
  if (execute(database, apply_staged) != SQLITE_OK) return failure();
  return applied;
}

}  // namespace crier::sqlite

// Reads users and memberships from the SQLite file, also after another file took its place.

#include "backends/sqlite/database.hpp"
#include "backends/sqlite/rows.hpp"
#include "backends/sqlite/schema.hpp"
#include "backends/sqlite/store.hpp"

#include <sys/stat.h>
#include <utility>

namespace crier::sqlite {
namespace {

/// Which file a path names: another one after a restore from a backup, for example.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const FileId&, const FileId&) = default;
};

std::optional<FileId> file_id(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {};
  return FileId{status.st_dev, status.st_ino};
}

class Memberships final : public access::MembershipSource {
 public:
  explicit Memberships(std::string path) : path_(std::move(path)) {}

  void look_up(const std::string& user, Done done) override { done(read(user)); }

  // One transaction: entering and leaving it is half of what a look-up costs.
  void together(const std::function<void()>& look_ups) override {
    in_view_ = follow_file() && begin_.run() == SQLITE_DONE;
    look_ups();
    if (std::exchange(in_view_, false)) commit_.run();
  }

  bool available() override { return read("").has_value(); }

 private:
  Result<std::optional<access::User>, access::SourceError> read(const std::string& user) {
    if (!in_view_ && !follow_file()) return Unexpected{access::SourceError::unavailable};
    auto found = look_up_.run(user);
    if (found) {
      return std::move(*found);
    }
    if (found.error() == SQLITE_MISMATCH) return Unexpected{access::SourceError::broken};
    close();
    return Unexpected{access::SourceError::unavailable};
  }

  /// Makes the connection one to the file that the path names now.
  bool follow_file() {
    const auto id = file_id(path_);
    if (!id) {
      close();
      return false;
    }
    if (look_up_.valid() && *id == id_) return true;
    close();
    // The id is older than the connection: a file replaced in between is noticed at the next call.
    id_ = *id;
    auto [code, database] = open_database(path_, SQLITE_OPEN_READONLY, 0);
    if (code != SQLITE_OK) return false;
    if (is_older(database.get())) bring_up_to_date();
    if (!is_current(database.get())) return false;
    database_ = std::move(database);
    execute(database_.get(), "PRAGMA cache_size = -16384");
    look_up_ = FindUser(database_.get());
    begin_ = Statement(database_.get(), "BEGIN");
    commit_ = Statement(database_.get(), "COMMIT");
    return look_up_.valid();
  }

  /// Waits for nobody: while another one writes, the next call tries again.
  void bring_up_to_date() {
    auto [code, database] = open_database(path_, SQLITE_OPEN_READWRITE, 0);
    if (code == SQLITE_OK) migrate(database.get(), false);
  }

  void close() {
    in_view_ = false;
    look_up_ = FindUser();
    begin_ = Statement();
    commit_ = Statement();
    database_.reset();
  }

  std::string path_;
  FileId id_;
  Database database_;
  FindUser look_up_;
  Statement begin_;
  Statement commit_;
  bool in_view_ = false;  ///< A transaction is open, of the file that was looked at when it began.
};

}  // namespace

std::unique_ptr<access::MembershipSource> open_memberships(const std::string& path) {
  return std::make_unique<Memberships>(path);
}

}  // namespace crier::sqlite

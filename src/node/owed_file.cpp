// Reads and writes the file of programs that are owed a gap marker.

#include "node/owed_file.hpp"

#include "base/json_text.hpp"
#include "base/names.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace crier::node {

namespace {

constexpr int files_max = 100;  // limit of processes that live at one time
constexpr std::size_t bytes_max = 64 * 1024 * 1024;
constexpr mode_t file_mode = 0640;
constexpr std::string_view unreadable_line = "null\n";

std::string line_of(const std::string& program) { return json::quote(program) + "\n"; }

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// Whether that is all of it.
bool read_all(int descriptor, std::string& text) {
  char chunk[64 * 1024];
  while (text.size() < bytes_max) {
    const auto count = ::pread(descriptor, chunk, sizeof chunk, static_cast<off_t>(text.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count == 0;
    text.append(chunk, static_cast<std::size_t>(count));
  }
  return false;
}

/// Whether the path leads to this file.
bool is_at(const std::string& path, const struct stat& file) {
  struct stat there{};
  return ::lstat(path.c_str(), &there) == 0 && file.st_ino == there.st_ino &&
         file.st_dev == there.st_dev;
}

bool is_there(const std::string& path) {
  struct stat there{};
  return ::lstat(path.c_str(), &there) == 0;
}

/// Whether a line may begin so.
bool begins_line(std::string_view text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
  return text.starts_with('"') && std::ranges::none_of(text, is_control);
}

}  // namespace

OwedFile::Held::~Held() { ::close(descriptor); }

OwedFile::OwedFile(std::string prefix, LogSink log)
    : prefix_(std::move(prefix)), log_(std::move(log)) {}

OwedFile::~OwedFile() {
  if (owed_.empty() && !marked_ && is_in_place()) ::unlink(own_->path.c_str());
}

OwedFile::Holding OwedFile::hold(const std::string& path, int flags) {
  const int descriptor =
      ::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, file_mode);
  if (descriptor < 0) return nullptr;
  auto held = std::make_unique<Held>(path, descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) return nullptr;
  // Another one may have put a new file in its place before the lock was had.
  struct stat mine{};
  const bool regular = ::fstat(descriptor, &mine) == 0 && S_ISREG(mine.st_mode);
  errno = EWOULDBLOCK;
  return regular && is_at(path, mine) ? std::move(held) : nullptr;
}

/// Takes the first number that is free. A file of another user or another process is passed over,
/// and so is what is no file, such as a link.
void OwedFile::hold_own(int flags) {
  for (int number = 0; number < files_max; ++number) {
    const std::string path = prefix_ + "." + std::to_string(number);
    own_ = hold(path, O_CREAT | flags);
    if (own_) return;
    const int error = errno;
    if (error != EWOULDBLOCK && !is_there(path)) return fail(path, error);
  }
  fail(prefix_ + ".*", EMFILE);
}

/// Whether the own file is still the one that the next process will find.
bool OwedFile::is_in_place() const {
  struct stat mine{};
  return own_ && ::fstat(own_->descriptor, &mine) == 0 && is_at(own_->path, mine);
}

/// And holds what was written.
bool OwedFile::is_sound() const {
  struct stat mine{};
  return !failed_ && marked_ == mark_kept_ && is_in_place() &&
         ::fstat(own_->descriptor, &mine) == 0 && static_cast<std::size_t>(mine.st_size) == size_;
}

/// The files of the prefix, but for the own one.
std::vector<std::string> OwedFile::others() {
  const std::filesystem::path prefix(prefix_);
  const std::string begin = prefix.filename().string() + ".";
  const auto folder = prefix.has_parent_path() ? prefix.parent_path() : std::filesystem::path(".");
  std::vector<std::string> paths;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(begin) || name.size() == begin.size()) continue;
    const bool numbered = std::all_of(name.begin() + static_cast<std::ptrdiff_t>(begin.size()),
                                      name.end(), [](char c) { return c >= '0' && c <= '9'; });
    std::string path = prefix_ + name.substr(begin.size() - 1);
    if (numbered && (!own_ || path != own_->path)) paths.push_back(std::move(path));
  }
  if (error) {
    note_closed(folder.string(), error);
  } else {
    closed_.erase(folder.string());
  }
  return paths;
}

/// The place may hold what is owed. It is logged once, though it is looked at every few seconds. A
/// shortage of descriptors or memory passes, so it does not count.
void OwedFile::note_closed(const std::string& path, const std::error_code& error) {
  constexpr std::array passing{std::errc::no_such_file_or_directory,
                               std::errc::too_many_files_open,
                               std::errc::too_many_files_open_in_system,
                               std::errc::not_enough_memory,
                               std::errc::no_lock_available,
                               std::errc::interrupted};
  if (std::ranges::any_of(passing, [&](std::errc one) { return error == one; })) return;
  if (!closed_.insert(path).second) return;
  note_unreadable({{"path", path}, {"why", error.message()}});
}

void OwedFile::note_unreadable(std::initializer_list<LogField> fields) {
  unreadable_ = marked_ = true;
  if (!log_) return;
  log_(LogLevel::error,
       "what programs are owed cannot be read: each one is owed a gap marker when it is asked for",
       fields);
}

/// What another process left there, with its file; null: it has not ended, or nobody can read it.
OwedFile::Holding OwedFile::hold_left(const std::string& path) {
  auto left = hold(path, 0);
  if (left) {
    closed_.erase(path);
    return left;
  }
  const std::error_code error(errno, std::generic_category());
  struct stat there{};
  const bool is_file = ::lstat(path.c_str(), &there) == 0 && S_ISREG(there.st_mode);
  if (is_file && error.value() != EWOULDBLOCK) note_closed(path, error);
  return nullptr;
}

std::vector<std::string> OwedFile::read(const Held& file) {
  std::vector<std::string> programs;
  std::string text;
  std::size_t strange = read_all(file.descriptor, text) ? 0 : 1;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const auto line = std::string_view(text).substr(begin, end - begin);
    if (end == std::string::npos) {
      // A line is written before its event goes out: one that was not written whole is of none.
      if (!begins_line(line)) ++strange;
      break;
    }
    auto program = json::unquote(line);
    begin = end + 1;
    if (program && is_name(*program)) {
      programs.push_back(*std::move(program));
    } else {
      ++strange;
    }
  }
  if (strange > 0) note_unreadable({{"path", file.path}, {"lines", std::to_string(strange)}});
  return programs;
}

std::vector<std::string> OwedFile::take_over() {
  std::vector<std::string> programs;
  unreadable_ = false;
  if (!std::exchange(begun_, true)) {
    hold_own(0);
    if (own_) programs = read(*own_);
    owed_.insert(programs.begin(), programs.end());
    if (own_) write_anew();  // without what is no line: the next one would be joined to it
  } else {
    if (!is_sound()) write_anew();
    if (!is_kept()) return programs;  // what is not written down would be found again and again
  }
  for (const auto& path : others()) {
    const auto left = hold_left(path);
    if (!left) continue;
    const auto more = read(*left);
    for (const auto& program : more) add(program);
    if (!is_sound()) write_anew();
    if (is_kept()) ::unlink(path.c_str());
    programs.insert(programs.end(), more.begin(), more.end());
  }
  if (marked_ && !is_sound()) write_anew();  // closed places set the mark too
  return programs;
}

void OwedFile::add(const std::string& program) {
  const bool is_new = owed_.insert(program).second;
  if (failed_ && owed_.size() < try_at_) return;
  if (!is_sound()) return write_anew();
  if (!is_new) return;
  const std::string line = line_of(program);
  if (write_all(own_->descriptor, line)) {
    size_ += line.size();
    return;
  }
  const int error = errno;
  // What there is of it would be joined to the next line; it is written again if that fails too.
  static_cast<void>(::ftruncate(own_->descriptor, static_cast<off_t>(size_)) == 0);
  fail(own_->path, error);
}

void OwedFile::replace(const std::vector<std::string>& programs) {
  owed_ = {programs.begin(), programs.end()};
  write_anew();
}

void OwedFile::clear_unreadable() {
  if (std::exchange(marked_, false)) write_anew();
}

/// All that is owed, to a new file if somebody has removed the old one or put another in its place.
void OwedFile::write_anew() {
  if (!is_in_place()) hold_own(O_EXCL);
  if (!own_ || !put_in_place()) return;
  if (!std::exchange(failed_, false) || !log_) return;
  log_(LogLevel::info, "what programs are owed is kept again", {{"path", own_->path}});
}

/// Another file takes the place of the old one at once: a process that is killed leaves either.
bool OwedFile::put_in_place() {
  std::string text(marked_ ? unreadable_line : std::string_view());
  for (const auto& program : owed_) text += line_of(program);
  size_ = text.size();
  mark_kept_ = marked_;
  if (text.empty()) {
    if (::ftruncate(own_->descriptor, 0) == 0) return true;
    fail(own_->path, errno);
    return false;
  }
  const std::string next = own_->path + ".next";
  const auto held = std::make_unique<Held>(
      own_->path,
      ::open(next.c_str(), O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
             file_mode));
  const bool written = held->descriptor >= 0 && ::flock(held->descriptor, LOCK_EX | LOCK_NB) == 0 &&
                       write_all(held->descriptor, text) &&
                       ::rename(next.c_str(), own_->path.c_str()) == 0;
  if (written) {
    std::swap(own_->descriptor, held->descriptor);
    return true;
  }
  const int error = errno;
  if (held->descriptor >= 0) ::unlink(next.c_str());
  fail(next, error);
  return false;
}

/// It is told once, and tried again when a little more is owed: each trial writes all of it.
void OwedFile::fail(const std::string& path, int error) {
  constexpr std::size_t part = 64;
  try_at_ = owed_.size() + owed_.size() / part;
  if (std::exchange(failed_, true) || !log_) return;
  log_(LogLevel::warning, "what programs are owed would not outlive this process",
       {{"path", path}, {"why", std::generic_category().message(error)}});
}

}  // namespace crier::node

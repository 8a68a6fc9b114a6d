#include "server/owed_file.hpp"

#include "base/json_text.hpp"
#include "base/names.hpp"

#include <algorithm>
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

namespace crier::server {

namespace {

constexpr int files_max = 100;  // of processes that live at one time
constexpr std::size_t bytes_max = 64 * 1024 * 1024;
constexpr mode_t file_mode = 0640;

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

/// At most bytes_max of it.
std::string read_all(int descriptor) {
  std::string text;
  char chunk[64 * 1024];
  while (text.size() < bytes_max) {
    const auto count = ::pread(descriptor, chunk, sizeof chunk, static_cast<off_t>(text.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(chunk, static_cast<std::size_t>(count));
  }
  return text;
}

}  // namespace

OwedFile::Held::~Held() { ::close(descriptor); }

OwedFile::OwedFile(std::string prefix, LogSink log)
    : prefix_(std::move(prefix)), log_(std::move(log)) {}

OwedFile::~OwedFile() {
  if (own_ && empty_) ::unlink(own_->path.c_str());
}

OwedFile::Holding OwedFile::hold(const std::string& path, int flags) {
  const int descriptor =
      ::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, file_mode);
  if (descriptor < 0) return nullptr;
  auto held = std::make_unique<Held>(path, descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) return nullptr;
  // Another one may have put a new file in its place before the lock was had.
  struct stat mine{};
  struct stat there{};
  const bool still_there = ::fstat(descriptor, &mine) == 0 && ::stat(path.c_str(), &there) == 0 &&
                           mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
  errno = EWOULDBLOCK;
  return still_there && S_ISREG(mine.st_mode) ? std::move(held) : nullptr;
}

void OwedFile::hold_own() {
  for (int number = 0; number < files_max; ++number) {
    const std::string path = prefix_ + "." + std::to_string(number);
    own_ = hold(path, O_CREAT);
    if (own_) return;
    if (errno != EWOULDBLOCK) return warn(path, errno);
  }
  warn(prefix_ + ".*", EMFILE);
}

/// The files of the prefix, but for the own one.
std::vector<std::string> OwedFile::others() const {
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
  return paths;
}

void OwedFile::read(const Held& file, std::vector<std::string>& programs) {
  const std::string text = read_all(file.descriptor);
  std::size_t strange = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    // A line is written before its event goes out: one that was not written whole is of none.
    if (end == std::string::npos) break;
    auto program = json::unquote(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    if (program && is_name(*program)) {
      programs.push_back(*std::move(program));
    } else {
      ++strange;
    }
  }
  if (strange == 0 || !log_) return;
  log_(LogLevel::warning, "lines that name no program were passed over",
       {{"path", file.path}, {"lines", std::to_string(strange)}});
}

std::vector<std::string> OwedFile::take_over() {
  std::vector<std::string> programs;
  const bool first = !std::exchange(begun_, true);
  if (first) {
    hold_own();
    if (own_) read(*own_, programs);
    empty_ = programs.empty();
  } else if (!own_ || warned_) {
    return programs;  // what cannot be written down would be found again and again
  }
  for (const auto& path : others()) {
    const auto left = hold(path, 0);
    if (!left) continue;
    std::vector<std::string> more;
    read(*left, more);
    for (const auto& program : more) add(program);
    if (own_ && !warned_) ::unlink(path.c_str());
    programs.insert(programs.end(), more.begin(), more.end());
  }
  return programs;
}

void OwedFile::add(const std::string& program) {
  if (!own_) return;
  empty_ = false;
  if (!write_all(own_->descriptor, line_of(program))) warn(own_->path, errno);
}

/// Another file takes the place of the old one at once: a process that is killed leaves either.
void OwedFile::replace(const std::vector<std::string>& programs) {
  if (!own_) return;
  empty_ = programs.empty();
  if (empty_) {
    if (::ftruncate(own_->descriptor, 0) != 0) warn(own_->path, errno);
    return;
  }
  const std::string next = own_->path + ".next";
  const auto held = std::make_unique<Held>(
      own_->path,
      ::open(next.c_str(), O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
             file_mode));
  std::string text;
  for (const auto& program : programs) text += line_of(program);
  const bool written = held->descriptor >= 0 && ::flock(held->descriptor, LOCK_EX | LOCK_NB) == 0 &&
                       write_all(held->descriptor, text) &&
                       ::rename(next.c_str(), own_->path.c_str()) == 0;
  if (!written) return warn(next, errno);
  std::swap(own_->descriptor, held->descriptor);
}

void OwedFile::warn(const std::string& path, int error) {
  if (std::exchange(warned_, true) || !log_) return;
  log_(LogLevel::warning, "what programs are owed would not outlive this process",
       {{"path", path}, {"why", std::generic_category().message(error)}});
}

}  // namespace crier::server

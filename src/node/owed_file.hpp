#pragma once

// The file of programs that are owed a gap marker.

#include "crier/log.hpp"
#include "node/owed.hpp"

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <vector>

namespace crier::node {

/// Keeps what is owed over the end of the process: a file with one program a line, as JSON strings.
/// The line `null` stands for what could not be read.
/// Processes of one machine that share the prefix have a file each, `prefix.0`, `prefix.1` …,
/// locked for as long as they live; the others take over those that nobody holds. It survives a
/// process that is killed, not a machine that loses its power. What cannot be written now is
/// written when it can be: with the next add() or take_over().
class OwedFile final : public OwedRecord {
 public:
  OwedFile(std::string prefix, LogSink log);
  /// Removes the file when it is empty.
  ~OwedFile() override;

  std::vector<std::string> take_over() override;
  void add(const std::string& program) override;
  void replace(const std::vector<std::string>& programs) override;
  [[nodiscard]] std::string place() const override { return own_ ? own_->path : std::string(); }
  [[nodiscard]] bool is_kept() const override { return own_ && !failed_; }
  [[nodiscard]] bool was_unreadable() const override { return unreadable_; }
  void clear_unreadable() override;

 private:
  /// An open file with its lock.
  struct Held {
    Held(std::string name, int opened) : path(std::move(name)), descriptor(opened) {}
    ~Held();
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

    std::string path;
    int descriptor;
  };
  using Holding = std::unique_ptr<Held>;

  /// Null with errno: it cannot be opened, somebody else has it (EWOULDBLOCK), or it has gone.
  static Holding hold(const std::string& path, int flags);
  void hold_own(int flags);
  [[nodiscard]] bool is_in_place() const;
  [[nodiscard]] bool is_sound() const;
  [[nodiscard]] std::vector<std::string> others();
  Holding hold_left(const std::string& path);
  void note_closed(const std::string& path, const std::error_code& error);
  void note_unreadable(std::initializer_list<LogField> fields);
  std::vector<std::string> read(const Held& file);
  void write_anew();
  [[nodiscard]] bool put_in_place();
  void fail(const std::string& path, int error);

  std::string prefix_;
  LogSink log_;
  bool begun_ = false;
  Holding own_;                              ///< Null: nothing is kept.
  std::set<std::string, std::less<>> owed_;  ///< What own_ is to hold,
  std::size_t size_ = 0;                     ///< and its size, unless it failed.
  bool failed_ = false;                      ///< The failure was logged.
  std::size_t try_at_ = 0;                   ///< So much has to be owed before add() tries again.
  bool unreadable_ = false;                  ///< In the latest take_over().
  bool marked_ = false;                      ///< own_ is to say that something was,
  bool mark_kept_ = false;                   ///< and does, unless it failed.
  std::set<std::string> closed_;             ///< Places that cannot be looked at.
};

}  // namespace crier::node

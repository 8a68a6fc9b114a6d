#pragma once

#include "crier/log.hpp"
#include "server/owed.hpp"

#include <memory>
#include <string>
#include <vector>

namespace crier::server {

/// Keeps what is owed over the end of the process: a file with one program a line, as JSON strings.
/// Processes of one machine that share the prefix have a file each, `prefix.0`, `prefix.1` …,
/// locked for as long as they live; the others take over those that nobody holds. It survives a
/// process that is killed, not a machine that loses its power.
class OwedFile final : public OwedRecord {
 public:
  OwedFile(std::string prefix, LogSink log);
  /// Removes the file when nothing is owed.
  ~OwedFile() override;

  std::vector<std::string> take_over() override;
  void add(const std::string& program) override;
  void replace(const std::vector<std::string>& programs) override;
  [[nodiscard]] std::string place() const override { return own_ ? own_->path : std::string(); }

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
  void hold_own();
  [[nodiscard]] std::vector<std::string> others() const;
  void read(const Held& file, std::vector<std::string>& programs);
  void warn(const std::string& path, int error);

  std::string prefix_;
  LogSink log_;
  bool begun_ = false;
  Holding own_;        ///< Null: nothing is kept.
  bool empty_ = true;  ///< What own_ holds.
  bool warned_ = false;
};

}  // namespace crier::server

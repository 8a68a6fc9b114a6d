#pragma once

// Programs that are owed a gap marker, and the record that outlives the process.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace crier::node {

/// Where what is owed is kept for the next process. Used by one thread at a time.
class OwedRecord {
 public:
  virtual ~OwedRecord() = default;
  /// What processes that have ended left; it is this one's from now on. First of all, and whenever
  /// others may have ended.
  virtual std::vector<std::string> take_over() = 0;
  /// One more is owed.
  virtual void add(const std::string& program) = 0;
  /// These are owed, and no others.
  virtual void replace(const std::vector<std::string>& programs) = 0;
  /// For the log: where that is; empty: nowhere.
  [[nodiscard]] virtual std::string place() const = 0;
  /// Whether what is owed now is there.
  [[nodiscard]] virtual bool is_kept() const { return true; }
  /// Whether the latest take_over() found what it could not read. The record says so to the next
  /// process too, until clear_unreadable().
  [[nodiscard]] virtual bool was_unreadable() const = 0;
  /// No cursor is left from when that was owed.
  virtual void clear_unreadable() = 0;
};

/// The programs that are owed a gap marker: an event of theirs may be with some members and not
/// with others, and the history does not say so yet. Whoever is admitted meanwhile is told of a
/// gap. From any thread.
class Owed {
 public:
  /// A marker that is under way.
  struct Marker {
    std::string program;
    std::uint64_t serial = 0;
  };
  enum class Which : std::uint8_t {
    fresh,  ///< Those for which no marker has failed.
    all,
  };

  /// Owes what `record` takes over. Null: nothing outlives the process.
  explicit Owed(std::unique_ptr<OwedRecord> record = nullptr);
  ~Owed() { save(); }
  Owed(const Owed&) = delete;
  Owed& operator=(const Owed&) = delete;

  /// Before the event goes to anybody. Also while a marker is under way: that one does not count.
  void owe(const std::string& program);
  [[nodiscard]] bool owes(std::string_view program) const;
  /// What somebody who is to be admitted is told. If it could not be read what was owed, whatever
  /// is asked for may be, and is owed a marker from then on, once.
  [[nodiscard]] bool owes_to(const std::string& program);
  [[nodiscard]] bool may_owe() const { return any() || is_unsure(); }
  [[nodiscard]] bool any() const { return count_.load(std::memory_order_acquire) > 0; }
  [[nodiscard]] std::size_t count() const { return count_.load(std::memory_order_acquire); }
  /// The first of them, by name.
  [[nodiscard]] std::vector<std::string> names(std::size_t max) const;

  /// For whom a marker is to be sent, at most `max`; for these one is under way now.
  [[nodiscard]] std::vector<Marker> take(std::size_t max, Which which);
  /// The history has it.
  void settled(const Marker& marker);
  /// The history may not have it.
  void failed(const Marker& marker);
  /// Owes what other processes have left meanwhile. False: part of it could not be read.
  bool take_over();
  /// The next process need not be unsure; this one remains so.
  void clear_unreadable();
  /// Whether there may be such a process.
  [[nodiscard]] bool has_record() const { return record_ != nullptr; }
  /// Brings the record up to date with what was settled.
  void save();
  /// Whether what is owed would outlive the process.
  [[nodiscard]] bool is_kept() const;
  /// Whether something was left that could not be read.
  [[nodiscard]] bool is_unsure() const { return unsure_.load(std::memory_order_acquire); }
  /// Where the record is; empty: nowhere.
  [[nodiscard]] std::string place() const;

 private:
  enum class State : std::uint8_t { fresh, under_way, failed };
  struct Debt {
    std::uint64_t serial = 0;  ///< Number of the latest owe().
    State state = State::fresh;
  };

  void add(const std::string& program);

  mutable std::mutex mutex_;
  std::unique_ptr<OwedRecord> record_;
  bool changed_ = false;  ///< Something was settled that the record has.
  std::map<std::string, Debt, std::less<>> debts_;
  std::uint64_t serial_ = 0;
  std::atomic<std::size_t> count_ = 0;  ///< Size of debts_.
  std::atomic<bool> unsure_ = false;
  std::set<std::string, std::less<>> asked_;  ///< Since it is unsure.
};

}  // namespace crier::node

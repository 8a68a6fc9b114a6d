#pragma once

// A history in the memory of one process.

#include "base/random.hpp"
#include "history/store.hpp"

#include <functional>
#include <memory>

namespace crier::history {

/// Keeps events in this process; they are lost with it. Time and randomness are inputs. If the
/// clock steps back, numbers still grow. Remembers at most `events_max` tokens for each program,
/// the newest. A program without stored events costs its name and two numbers until
/// remembered_for() has passed; then it is forgotten, and the floor is at least its last event. The
/// listener and the `done` callbacks are called in the order of the events, one after the other: a
/// notification caused from inside such a call follows after it.
class MemoryStore final : public HistoryStore {
 public:
  MemoryStore(const Retention& retention, std::function<WallTime()> clock, Random random);
  ~MemoryStore() override;

  void append(AppendRequest request, Done<Appended> done) override;
  void read(std::vector<ReadRequest> requests, Done<ReadReply> done) override;
  [[nodiscard]] bool available() const override { return true; }
  [[nodiscard]] StoreHealth health() const override { return {}; }
  /// Calls it at once, and never again.
  void when_available(std::function<void()> call) override { call(); }
  /// Does nothing: this store loses events only with its process.
  void witnessed(const Epoch& /*epoch*/, Gid /*gid*/) override {}

  void take_over(SessionPosition position, Done<void> done) override;
  void save_positions(std::vector<SessionPosition> positions) override;
  void load_position(const std::string& user, const std::string& session,
                     Done<std::string> done) override;

  void listen(BusListener& listener) override;
  void subscribe(const std::string& program) override;
  void unsubscribe(const std::string& program) override;
  void probe(std::function<void(bool)> done) override;
  void listen_again() override;
  [[nodiscard]] bool hears() const override;

  void claim(const std::string& sid, Done<Fence> done) override;
  void fences(std::vector<std::string> sids, Done<std::vector<Fence>> done) override;

  /// Bytes of all stored bodies, over all programs.
  [[nodiscard]] std::size_t held_bytes() const;
  /// Number of programs that are remembered.
  [[nodiscard]] std::size_t program_count() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace crier::history

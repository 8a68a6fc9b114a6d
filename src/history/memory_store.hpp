#pragma once

#include "base/random.hpp"
#include "history/store.hpp"

#include <functional>
#include <memory>

namespace crier::history {

/// Keeps events in this process; lost with it. Time and randomness come in; the clock may step
/// back: numbers still grow. Remembers at most `events_max` tokens a program, the newest. A program
/// of which nothing is kept any more costs its name and two numbers, until remembered_for() is
/// over: then it is forgotten, and the floor stands at its last event. The listener and the answers
/// are told of things in the order in which they happened, one after the other: what is caused from
/// inside a call to them is told when that call is over.
class MemoryStore final : public HistoryStore {
 public:
  MemoryStore(const Retention& retention, std::function<WallTime()> clock, Random random);
  ~MemoryStore() override;

  void append(AppendRequest request, Done<Appended> done) override;
  void read(std::vector<ReadRequest> requests, Done<ReadReply> done) override;
  [[nodiscard]] bool available() const override { return true; }
  [[nodiscard]] StoreHealth health() const override { return {}; }
  /// At once, and never again.
  void when_available(std::function<void()> call) override { call(); }
  /// It loses nothing that it has numbered but with itself.
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

  /// Bytes of bodies held, over all programs.
  [[nodiscard]] std::size_t held_bytes() const;
  /// Programs whose numbers are remembered.
  [[nodiscard]] std::size_t program_count() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace crier::history

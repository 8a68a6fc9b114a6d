#pragma once

#include "base/random.hpp"
#include "history/store.hpp"

#include <functional>
#include <memory>

namespace crier::history {

/// Keeps events in this process; lost with it. Time and randomness come in. A program of which
/// nothing is kept any more costs its name and two numbers, for the store's life. Remembers at most
/// `events_max` tokens a program, the newest. The clock may step back: numbers still grow.
class MemoryStore final : public HistoryStore {
 public:
  MemoryStore(const Retention& retention, std::function<WallTime()> clock, Random random);
  ~MemoryStore() override;

  void append(AppendRequest request,
              std::function<void(Result<Appended, StoreError>)> done) override;
  void read(std::vector<ReadRequest> requests,
            std::function<void(Result<ReadReply, StoreError>)> done) override;
  [[nodiscard]] bool available() const override { return true; }

  /// Bytes of bodies held, over all programs.
  [[nodiscard]] std::size_t held_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace crier::history

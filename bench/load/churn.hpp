#pragma once

// Clients that come, get what they are owed, and go, so that the next one comes.

#include "bench.hpp"

#include <functional>
#include <vector>

namespace load {

class Churn {
 public:
  /// `complete` says whether a client has all that it came for.
  Churn(Bench& bench, std::function<bool(const Client&)> complete);
  ~Churn();
  Churn(const Churn&) = delete;
  Churn& operator=(const Churn&) = delete;

  /// Options::connecting at a time, for `seconds`; false when nobody ever completes.
  bool go_on(double seconds);

  /// Everybody who is away, once; they stay.
  void once();

  /// Forgets the figures.
  void clear();

  std::uint64_t completed = 0;
  std::uint64_t recovered = 0;  ///< Those that kept their pid.
  std::uint64_t failed = 0;
  Histogram took;  ///< From the beginning of connecting until complete.

 private:
  void look_at(Client& client, std::int64_t now);
  void start_next();
  void give_up(std::int64_t now);

  Bench& bench_;
  std::function<bool(const Client&)> complete_;
  std::vector<Client*> ended_;
  std::size_t next_ = 0;
  std::size_t under_way_ = 0;
  std::int64_t looked_ = 0;
};

}  // namespace load

#pragma once

// All clients of a run.

#include "client.hpp"
#include "figures.hpp"
#include "options.hpp"

#include <memory>
#include <vector>

namespace load {

class Crowd {
 public:
  Crowd(const Options& options, Loop& loop, Deliveries& deliveries, Errors& errors);

  /// Finds the server and makes the clients; false with a `problem`.
  [[nodiscard]] bool set_up(std::string& problem);

  /// Starts all clients that are away, Options::connecting at a time, and waits for them. How it
  /// went is added to `figures`.
  void connect(Figures& figures);

  /// Those that read slowly stop to read now.
  void slow_down();
  /// Reads from all again, and what is left to read.
  void speed_up();

  void cut();

  /// How many are in their namespace and read as fast as they can.
  [[nodiscard]] std::uint64_t listening() const { return listening_; }

  Shared& shared() { return shared_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Client>>& clients() const { return clients_; }

  /// What a command wants to do besides.
  std::function<void(Client&, std::int64_t now)> on_joined;
  std::function<void(Client&, bool had_joined)> on_lost;

  std::uint64_t disconnects = 0;  ///< Of clients that had joined and are not slow.
  Figures::Slow slow;

 private:
  void joined(Client& client, std::int64_t now);
  void lost(Client& client, bool had_joined);
  std::unique_ptr<Client> make_client(std::size_t index);
  void set_sources();

  const Options& options_;
  Loop& loop_;
  Errors& errors_;
  std::unique_ptr<Tls> tls_;
  Shared shared_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::uint64_t listening_ = 0;
};

}  // namespace load

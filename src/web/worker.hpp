#pragma once

// One loop with its listener and connections.

#include "base/slot_table.hpp"
#include "base/time.hpp"
#include "base/timer_wheel.hpp"
#include "base/token_bucket.hpp"
#include "crier/log.hpp"
#include "http/parser.hpp"
#include "http/response.hpp"
#include "net/listener.hpp"
#include "net/loop.hpp"
#include "web/connection.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace crier::web {

struct WorkerOptions {
  net::Address address;
  std::shared_ptr<const net::TlsServer> tls;  ///< Null: without.
  http::Cors cors;
  http::Limits http;
  std::chrono::milliseconds request_timeout{10'000};
  std::chrono::milliseconds keep_alive_timeout{75'000};
  std::size_t connections_max = 100'000;
  /// How long a connection with unsent bytes may take none of them.
  std::chrono::milliseconds slow_reader_timeout{20'000};
};

/// What several workers of one process count together. From any thread.
class Totals {
 public:
  std::atomic<std::size_t> listeners = 0;
  std::atomic<std::size_t> connections = 0;  ///< Also those between two workers.
  std::atomic<std::size_t> sessions = 0;

  /// No bound before it is set, or with 0 `per_second`.
  void limit_handshakes(std::uint32_t per_second, std::uint32_t burst, TimePoint now);
  /// Whether one more session may begin.
  bool take_handshake(TimePoint now);

 private:
  std::mutex mutex_;
  std::optional<TokenBucket> handshakes_;
};

/// What happens at the end of each turn of the loop, besides flushing connections.
class TurnUser {
 public:
  virtual ~TurnUser() = default;
  virtual void turn_end() = 0;
  virtual void tick(TimePoint now) = 0;
  /// When tick() next has something to do.
  [[nodiscard]] virtual TimePoint deadline() const = 0;
};

/// One loop with its listener and connections: carries bytes between sockets and endpoints.
class Worker {
 public:
  /// What has happened to connections so far.
  struct Counters {
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
    std::uint64_t accept_failures = 0;

    Counters& operator+=(const Counters& other);
  };

  Worker(WorkerOptions options, LogSink log);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Before run().
  /// Requests whose path begins with `prefix` go to `endpoint`, the longest prefix first.
  void route(std::string prefix, Endpoint& endpoint);
  void add_turn_user(TurnUser& user);
  /// The workers of this process, of which this is number `index`; `workers` and `totals` outlive
  /// it. By default it is the only one.
  void join(std::size_t index, std::span<Worker* const> workers, Totals& totals);
  /// bind() and open_port().
  Result<void, std::string> listen();
  /// Has the port, where connections are refused until open_port().
  Result<void, std::string> bind(const net::Address& address);
  /// Accepts connections, unless stop_listening() came before.
  Result<void, std::string> open_port();
  /// That bind() has. From any thread.
  [[nodiscard]] std::uint16_t port() const { return port_; }

  void run() { loop_.run(); }
  [[nodiscard]] net::Loop& loop() { return loop_; }
  void stop_listening();
  /// Ends run() after this turn.
  void stop() { loop_.stop(); }

  // For connections and endpoints.
  /// When the handler in progress began.
  [[nodiscard]] TimePoint now() const { return loop_.handler_time(); }
  /// Counts the loop's turns.
  [[nodiscard]] std::uint32_t turn() const { return turn_; }
  [[nodiscard]] const WorkerOptions& options() const { return options_; }
  [[nodiscard]] Endpoint* endpoint_for(std::string_view path) const;
  [[nodiscard]] Connection* find(Key connection) const { return connections_.find(connection); }
  [[nodiscard]] std::size_t connection_count() const { return connections_.size(); }
  [[nodiscard]] std::size_t index() const { return index_; }
  /// All of the process, by index.
  [[nodiscard]] std::span<Worker* const> workers() const { return workers_; }
  [[nodiscard]] Totals& totals() { return *totals_; }
  /// Takes over a connection that another worker had, and that counts in the totals.
  void receive(Connection::Parcel& parcel);
  void set_deadline(Key connection, TimePoint deadline);
  void mark_dirty(Key connection) { dirty_.push_back(connection); }
  /// An empty outbox: one that was spared, with its memory, or a new one.
  std::unique_ptr<Outbox> spare_outbox();
  void spare(std::unique_ptr<Outbox> outbox);
  /// Destroys it at the end of the turn; its key finds nothing from now on.
  void forget(Key connection);
  /// Writes what connections have queued during this turn. May be called inside itself.
  void flush();
  /// Ends connections that have no request in hand, for a shutdown.
  void close_idle_connections();
  std::span<char> scratch() { return scratch_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

 private:
  void accept(net::Stream stream);
  /// Counts, and writes a line a second at most.
  void accept_failed(const std::string& reason);
  void turn_end();
  void tick();
  void arm();

  WorkerOptions options_;
  LogSink log_;
  net::Loop loop_;
  std::uint32_t turn_ = 0;
  TimerWheel wheel_;
  std::vector<TimerWheel::Slot> due_;
  net::Timer timer_;
  TimePoint armed_ = never;
  std::unique_ptr<net::Listener> listener_;
  std::uint16_t port_ = 0;
  std::vector<std::pair<std::string, Endpoint*>> routes_;
  std::unique_ptr<Endpoint> not_found_;
  std::vector<TurnUser*> turn_users_;
  std::size_t index_ = 0;
  Worker* const self_ = this;
  std::span<Worker* const> workers_{&self_, 1};
  Totals own_totals_;
  Totals* totals_ = &own_totals_;
  SlotTable<Connection> connections_;
  std::vector<std::unique_ptr<Connection>> forgotten_;
  std::vector<std::unique_ptr<Outbox>> spare_outboxes_;
  std::vector<Key> dirty_;
  std::size_t flushed_ = 0;  ///< Number of entries of dirty_ already handled.
  std::vector<char> scratch_;
  Counters counters_;
  std::optional<TimePoint> accept_failure_said_;
  std::uint64_t unsaid_accept_failures_ = 0;
};

}  // namespace crier::web

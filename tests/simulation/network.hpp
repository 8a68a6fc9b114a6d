#pragma once

// TCP as both the server and the clients of a simulation see it: bytes in order, late, in any
// pieces, and cut wherever a fault says.

#include "net/listener.hpp"
#include "world.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace crier::simulation {

/// Who is told about one end of a connection.
class EndUser {
 public:
  virtual void end_readable() = 0;
  virtual void end_writable() = 0;

 protected:
  ~EndUser() = default;
};

enum class Cut : std::uint8_t {
  reset,   ///< Both ends see a reset; what is under way is lost.
  fin,     ///< Something between them closes both ways, after what is under way.
  silent,  ///< Nothing arrives any more, and nobody is told.
  roam,    ///< The same, but end 0 knows at once: it has another network now.
};

/// One connection; its ends are 0 (who connected) and 1 (who accepted).
class Wire : public std::enable_shared_from_this<Wire> {
 public:
  Wire(World& world, Dice dice, Duration latency);

  /// Without one, what it was to be told is forgotten.
  void set_user(int end, EndUser* user);
  /// One call to the user when a read (write) would make progress.
  void wait_readable(int end);
  void wait_writable(int end);
  net::IoResult read(int end, std::span<char> into);
  net::IoResult write(int end, std::string_view bytes);
  void shut_down_write(int end);
  /// `reset`: by a reset instead of an end.
  void close(int end, bool reset);
  [[nodiscard]] bool closed(int end) const { return sides_[end].closed; }
  [[nodiscard]] bool all_acknowledged(int end) const;

  // Faults.
  void cut(Cut how);
  /// Cuts when `bytes` more have arrived at `end`.
  void cut_after(int end, std::size_t bytes, Cut how);
  /// No cut that has not come yet comes, and nothing takes longer than it should.
  void spare();
  /// The process at `end` has died without a word (`silent`) or its system closes for it.
  void kill(int end, bool silent);
  /// What is sent takes so much longer from now on.
  void slow_down(Duration more) { latency_ += more; }
  [[nodiscard]] bool is_cut() const { return cut_; }

  std::uint64_t number = 0;
  std::uint32_t descriptor = 0;  ///< That of end 1.
  Host* host = nullptr;          ///< That of end 1.

 private:
  struct Side {
    EndUser* user = nullptr;
    std::string received;            ///< And not read.
    std::size_t in_flight = 0;       ///< Sent to this side, not there yet.
    std::size_t unacknowledged = 0;  ///< Sent to this side, and the sender does not know.
    TimePoint last_arrival{};
    bool fin_sent = false;  ///< Towards this side.
    bool fin = false;
    bool reset = false;
    bool closed = false;
    bool waits_readable = false;
    bool waits_writable = false;
    std::size_t cut_after = SIZE_MAX;
    Cut cut_how = Cut::reset;
  };

  [[nodiscard]] bool can_read(const Side& side) const;
  [[nodiscard]] std::size_t room(int to) const;
  TimePoint arrival(Side& side);
  void send(int to, std::string bytes);
  void arrived(int to, const std::string& bytes);
  void acknowledge(int to, std::size_t bytes);
  void send_fin(int to);
  void send_reset(int to);
  void tell_readable(int end);
  void tell_writable(int end);

  World& world_;
  Dice dice_;
  Duration latency_;
  Duration usual_latency_;
  std::size_t capacity_;
  std::array<Side, 2> sides_;
  bool cut_ = false;
  bool silent_ = false;
};

/// Who listens where, and every connection.
class Network {
 public:
  explicit Network(World& world);
  ~Network();

  using Accept = std::function<void(std::shared_ptr<Wire>)>;
  using Connected = std::function<void(std::shared_ptr<Wire>)>;

  /// A port is one host's; 0 chooses one. Connections are refused until somebody listens; each goes
  /// to one of those `listener`s that do, by lot.
  std::uint16_t bind(Host& host, const net::Address& address);
  void listen(Host& host, std::uint16_t port, const void* listener, Accept accept);
  void stop_listening(std::uint16_t port, const void* listener);
  /// Calls `done` with a connection, or null when nobody listens. A host that has vanished with its
  /// machine answers nothing: then after `timeout`.
  void connect(std::uint16_t port, Duration timeout, Connected done);

  [[nodiscard]] std::shared_ptr<Wire> find(int descriptor) const;
  void release(Wire& wire);
  /// Ends every connection of the host.
  void kill(Host& host, bool silent);
  /// Those that are open, in the order made.
  [[nodiscard]] std::vector<std::shared_ptr<Wire>> open_wires() const;

  struct Weather {
    std::int64_t latency_us_max = 20'000;
  };
  Weather weather;

 private:
  struct Port {
    Host* host = nullptr;
    std::vector<std::pair<const void*, Accept>> listeners = {};
    bool vanished = false;
  };

  World& world_;
  Dice dice_;
  std::map<std::uint16_t, Port> ports_;
  std::map<std::uint32_t, std::weak_ptr<Wire>> descriptors_;
  std::map<std::uint64_t, std::weak_ptr<Wire>> wires_;
  std::uint16_t next_port_ = 1000;
  std::uint64_t next_wire_ = 1;
};

}  // namespace crier::simulation

#pragma once

// The sockets of a loop's streams, in an epoll set of their own that the loop watches as one
// descriptor. Awaiting readiness again, as after each read, then is no system call, and an idle
// stream costs none of the event loop's records. Nobody outside net/ includes this.

#include "base/time.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace crier::net {

/// A socket that may be waited for.
class Watch {
 public:
  // As in <sys/epoll.h>.
  static constexpr std::uint32_t readable = 0x001;
  static constexpr std::uint32_t writable = 0x004;

  explicit Watch(int descriptor) : descriptor_(descriptor) {}
  virtual ~Watch() = default;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  friend class Watches;
  /// What it waits for now.
  [[nodiscard]] virtual std::uint32_t awaited() const = 0;
  /// Something that it waits for, of `events`, has come; an error or the peer's end is all of them.
  /// It may be forgotten meanwhile.
  virtual void ready(std::uint32_t events) = 0;

  int descriptor_;
  std::uint8_t watched_ = 0;  ///< What the kernel was told to look for.
  bool forgotten_ = false;
};

/// On the loop's thread only.
class Watches {
 public:
  Watches();  ///< Throws std::system_error if the system gives no event queue.

  /// Readable when a watch is ready; whoever takes it closes it.
  [[nodiscard]] int descriptor() const { return set_; }

  /// False with errno if the kernel takes no more.
  bool add(Watch& watch);
  /// The watch awaits something, perhaps something new.
  void await(Watch& watch);
  /// ready() is not called any more; the descriptor is still open. Within dispatch() the object
  /// lives on to its end.
  void forget(std::shared_ptr<Watch> watch);

  /// Calls those that are ready, `max` (at least 1) at most, until `stop`; what is left over is
  /// ready at the next call. Returns how many were called. `handler_time` is set to the time at
  /// which each began.
  std::size_t dispatch(std::size_t max, const std::atomic<bool>& stop, TimePoint& handler_time);

 private:
  void look_for(Watch& watch, std::uint32_t events) const;

  int set_;
  bool dispatching_ = false;
  std::vector<std::shared_ptr<Watch>> forgotten_;
};

}  // namespace crier::net

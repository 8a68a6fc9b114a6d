#pragma once

// The sockets of a loop's streams, in an epoll set of their own that the loop watches as one
// descriptor. Thus waiting again after each read needs no system call, and an idle stream needs no
// record in the event loop. Only net/ includes this header.

#include "base/time.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace crier::net {

/// A socket whose readiness can be awaited.
class Watch {
 public:
  // The values are those of <sys/epoll.h>.
  static constexpr std::uint32_t readable = 0x001;
  static constexpr std::uint32_t writable = 0x004;

  explicit Watch(int descriptor) : descriptor_(descriptor) {}
  virtual ~Watch() = default;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  friend class Watches;
  /// The events that are awaited now.
  [[nodiscard]] virtual std::uint32_t awaited() const = 0;
  /// Called when awaited `events` have come; an error or the peer's end counts as all of them. The
  /// watch may be forgotten during the call.
  virtual void ready(std::uint32_t events) = 0;

  int descriptor_;
  std::uint8_t watched_ = 0;  ///< The events requested from the kernel.
  bool forgotten_ = false;
};

/// The set of a loop's watched sockets. On the loop's thread only.
class Watches {
 public:
  Watches();  ///< Throws std::system_error if the system gives no event queue.

  /// Readable when a watch is ready. The caller takes ownership of it.
  [[nodiscard]] int descriptor() const { return set_; }

  /// Adds the watch. False with errno if the kernel accepts no more.
  bool add(Watch& watch);
  /// Notes that the watch's awaited() may have changed.
  void await(Watch& watch);
  /// Removes the watch: ready() is not called any more. The descriptor must still be open. During
  /// dispatch() the object is kept until dispatch() ends.
  void forget(std::shared_ptr<Watch> watch);

  /// Calls the ready watches, at most `max` (at least 1), until `stop` is set; the others stay
  /// ready for the next call. Returns how many were called. Sets `handler_time` to the time at
  /// which each call began.
  std::size_t dispatch(std::size_t max, const std::atomic<bool>& stop, TimePoint& handler_time);

 private:
  void look_for(Watch& watch, std::uint32_t events) const;

  int set_;
  bool dispatching_ = false;
  std::vector<std::shared_ptr<Watch>> forgotten_;
};

}  // namespace crier::net

#pragma once

// What the files of net/ share behind its headers. Nobody else includes this.

#include "net/stream.hpp"

#include <memory>
#include <optional>
#include <sys/socket.h>

namespace boost::asio {
class io_context;
}  // namespace boost::asio

namespace crier::net {

class TlsSession;
class Watches;

/// The Asio context that `loop` runs.
boost::asio::io_context& context_of(Loop& loop);
/// The sockets that `loop` watches beside it.
Watches& watches_of(Loop& loop);
/// Sets the loop's handler_time(). Every completion of Asio that leads out of net/ begins with it;
/// posted tasks and watched sockets get it from the loop.
void begin_handler(Loop& loop);
/// Monotonic time, read now.
TimePoint read_clock();

/// A stream that owns the connected, non-blocking socket `descriptor`; encrypted if there is a
/// session over that. If the loop cannot watch it, closes it and returns nothing. `peer` is an IPv4
/// or IPv6 address.
std::optional<Stream> adopt(Loop& loop, int descriptor, const sockaddr* peer,
                            std::unique_ptr<TlsSession> tls);

/// The system's word for `error` (an errno), as the end of a sentence.
std::string reason_of(int error);

}  // namespace crier::net

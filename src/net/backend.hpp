#pragma once

// Functions that the files of net/ share. Only net/ includes this header.

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
/// The watched sockets of the streams on `loop`.
Watches& watches_of(Loop& loop);
/// Sets the loop's handler_time(). Every completion handler of Asio that calls code outside net/
/// begins with it; for posted tasks and watched sockets the loop does it.
void begin_handler(Loop& loop);
/// Monotonic time, read now.
TimePoint read_clock();

/// Makes a stream that owns the connected, non-blocking socket `descriptor`; encrypted if `tls` is
/// set. If the loop cannot watch the socket, closes it and returns nothing. `peer` is an IPv4 or
/// IPv6 address.
std::optional<Stream> adopt(Loop& loop, int descriptor, const sockaddr* peer,
                            std::unique_ptr<TlsSession> tls);

/// The system's message for `error` (an errno), as the end of a sentence.
std::string reason_of(int error);

}  // namespace crier::net

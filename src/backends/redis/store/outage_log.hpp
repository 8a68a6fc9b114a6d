#pragma once

// The log of outages of Redis.

#include "crier/log.hpp"

#include <cstddef>
#include <set>
#include <string>

namespace crier::redis {

/// What the log hears of a server that does not do what it should: each reason once an outage, or
/// once a connection, but no more than a few, or a server that gives another each time would fill
/// the log.
class OutageLog {
 public:
  static constexpr std::size_t reasons_max = 8;

  OutageLog(LogSink log, std::string server);

  void outage(const std::string& why);
  /// The server does what it should, again.
  void end();
  /// A call failed, though the server is there.
  void failure(const std::string& error);
  void connected() { failures_.clear(); }

 private:
  LogSink log_;
  std::string server_;
  std::set<std::string> reasons_;   ///< Reasons of this outage; empty: there is none.
  std::set<std::string> failures_;  ///< Failures of this connection.
};

}  // namespace crier::redis

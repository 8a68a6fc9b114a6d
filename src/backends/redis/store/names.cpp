// Builds the names of keys and channels in Redis.

#include "backends/redis/store/names.hpp"

namespace crier::redis {

Names::Names(unsigned database, bool cluster)
    : prefix_(cluster ? "{socket:events}:" : "socket:events:"),
      bus_(prefix_ + "bus:"),
      sharded_(cluster ? "S" : "") {
  if (database != 0) bus_.append(std::to_string(database)).append(":");
}

std::string Names::program(std::string_view program) const {
  return (prefix_ + "program:").append(program);
}

std::string Names::token(std::string_view program, std::string_view token) const {
  return (prefix_ + "token:")
      .append(std::to_string(program.size()))
      .append(":")
      .append(program)
      .append(":")
      .append(token);
}

std::string Names::batch(std::string_view id) const { return (prefix_ + "batch:").append(id); }

std::string Names::claim(std::string_view sid) const { return (prefix_ + "claim:").append(sid); }

std::string Names::session(std::string_view user) const {
  return (prefix_ + "session:").append(user);
}

std::string Names::program_channel(std::string_view program) const {
  return (bus_ + "program:").append(program);
}

}  // namespace crier::redis

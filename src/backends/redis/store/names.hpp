#pragma once

// How keys and channels are called, all in one place. Before each stands `socket:events:`, or
// `{socket:events}:` in a cluster, where what is in braces puts all of them into one slot.
//
//   meta                  hash without TTL: run_id, replid, epoch, last, floor, scan, and for each
//   program
//                         `program:{programId}` = `seq top bytes`
//   program:{programId}   sorted set: score gid, member as in member.hpp
//   token:{n}:{programId}:{token}
//                         the result of an append, for as long as the token counts; n is the length
//                         of the program's name in bytes
//   batch:{id}            the results of appends that were one step, until nobody asks again
//   claim:{sid}           the greatest fence of a socket id, for claimed_for()
//   session:{user}        hash: for each session of the user, `time value`, as session_script.hpp
//   has it bus:program:{programId}, bus:claims, bus:probe
//                         channels; `bus:{db}:…` unless the database is 0, because channels are
//                         shared by all databases

#include <string>
#include <string_view>

namespace crier::redis {

class Names {
 public:
  Names(unsigned database, bool cluster);

  [[nodiscard]] std::string meta() const { return prefix_ + "meta"; }
  [[nodiscard]] std::string program(std::string_view program) const;
  [[nodiscard]] std::string token(std::string_view program, std::string_view token) const;
  [[nodiscard]] std::string batch(std::string_view id) const;
  [[nodiscard]] std::string claim(std::string_view sid) const;
  [[nodiscard]] std::string session(std::string_view user) const;

  [[nodiscard]] std::string program_channel(std::string_view program) const;
  [[nodiscard]] std::string claims_channel() const { return bus_ + "claims"; }

  [[nodiscard]] std::string probe_channel() const { return bus_ + "probe"; }  ///< Nobody listens.

  /// The commands for channels: of the slot in a cluster, else of the whole server.
  [[nodiscard]] std::string publish() const { return sharded_ + "PUBLISH"; }
  [[nodiscard]] std::string subscribe() const { return sharded_ + "SUBSCRIBE"; }
  [[nodiscard]] std::string unsubscribe() const { return sharded_ + "UNSUBSCRIBE"; }

 private:
  std::string prefix_;
  std::string bus_;
  std::string sharded_;
};

}  // namespace crier::redis

#pragma once

// How a CONNECT becomes a member: token, user and memberships, claim, history, in that order. What
// a session will be told is kept before it is told, and then read again. A state machine without
// I/O: what was learnt goes in, the next command comes out.

#include "access/jwt.hpp"
#include "access/membership.hpp"
#include "base/time.hpp"
#include "gateway/cursor.hpp"
#include "gateway/pid.hpp"
#include "gateway/recovery.hpp"
#include "history/store.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace crier::gateway {

struct AdmissionOptions {
  std::chrono::milliseconds deadline{5'000};  ///< For a source or store that does not answer.
  std::chrono::milliseconds retry{250};       ///< Between attempts.
  std::uint32_t replay_timestamp_max = 50;
  std::chrono::milliseconds session_ttl{300'000};  ///< That of positions in the store.
};

/// The five messages of a refusal, word for word; existing clients compare them.
namespace refusal {
constexpr std::string_view authentication_required = "Authentication required";
constexpr std::string_view invalid_token = "Invalid or expired token";
constexpr std::string_view invalid_payload = "Invalid token payload";
constexpr std::string_view no_user = "User not found or inactive";
constexpr std::string_view failed = "Authentication failed";
}  // namespace refusal

/// Answer with CONNECT_ERROR; final for the client.
struct Refuse {
  std::string_view message;  ///< One of refusal::.
  std::string_view code;     ///< Stable.
  std::string_view detail;   ///< A sentence.
};
/// Ask the membership source; answer with looked_up().
struct LookUp {
  std::string user;
};
/// Claim the socket id; answer with claimed().
struct Claim {
  std::string sid;
};
/// Ask the store for the session's position; answer with position_loaded().
struct LoadPosition {
  std::string user;
  std::string session;
};
/// Let the session be held by this connection, at this position; answer with taken_over().
struct TakeOver {
  std::string user;
  std::string session;
  Pid position;
};
/// Tell the store that somebody holds this id, which is above its last number; go on with
/// witnessed().
struct Testify {
  history::EventId id;
};
/// Ask the feed; answer with history_read().
struct ReadHistory {
  Question question;
};
/// Nothing now; call tick() at `at`.
struct Wait {
  TimePoint at;
};
/// Close the transport without an answer: the client comes back by itself.
struct GiveUp {
  std::string_view reason;  ///< For the log.
};
/// Answer with CONNECT, then send the events in order, then `catchup`, then everything live.
struct Admit {
  access::User user;
  Recovery recovery;
  std::string claimed;       ///< The sid of the pid that was presented; empty: none was.
  history::Fence fence = 0;  ///< Of that claim.
  std::string pid;           ///< To repeat, when recovered,
  std::string nonce;         ///< and its nonce.
  std::string session;       ///< Whose position is to be kept; empty: none's.
  bool is_kept = false;      ///< It is, and it is `recovery.next`.
  bool has_pid = true;       ///< False: the history could not be read, so nothing can be sealed.
};

using Command = std::variant<Refuse, LookUp, Claim, LoadPosition, TakeOver, Testify, ReadHistory,
                             Wait, GiveUp, Admit>;

class Admission {
 public:
  /// All outlive the admission.
  Admission(const AdmissionOptions& options, const access::Verifier& verifier, const PidSeal& seal);

  /// `auth` is the CONNECT payload, a valid JSON object.
  Command start(std::string_view auth, WallTime wall, TimePoint now);
  Command looked_up(Result<std::optional<access::User>, access::SourceError> answer, TimePoint now);
  Command claimed(const Result<history::Fence, history::StoreError>& fence, TimePoint now);
  Command position_loaded(const Result<std::string, history::StoreError>& position, TimePoint now);
  Command taken_over(const Result<void, history::StoreError>& result, TimePoint now);
  Command witnessed() const { return read_command(); }
  Command history_read(const Result<history::ReadReply, history::StoreError>& answer,
                       TimePoint now);
  /// Begins again after a Wait, from the look-up on: the memberships may have changed meanwhile.
  Command tick();

  /// The socket id of the pid that was presented, empty if none was.
  [[nodiscard]] std::string_view pid_sid() const;
  /// Somebody has claimed the id. True: a later claim than this one's, which so has lost.
  bool claim_heard(std::string_view sid, history::Fence fence);

 private:
  [[nodiscard]] Command unread(TimePoint now);
  [[nodiscard]] Admit admit(Recovery recovery);
  [[nodiscard]] Command admit_blindly();
  [[nodiscard]] Command again(TimePoint now, std::string_view reason) const;
  [[nodiscard]] ReadHistory read_command() const;
  [[nodiscard]] history::Gid looked_up_at(history::Gid clock, TimePoint now) const;

  const AdmissionOptions* options_;
  const access::Verifier* verifier_;
  const PidSeal* seal_;
  TimePoint began_{};
  TimePoint give_up_at_ = never;
  Cursor stated_;  ///< As the client gave it.
  Cursor cursor_;  ///< With what the store keeps of its session.
  bool witnessed_ = false;
  std::string subject_;
  access::User user_;
  std::optional<Pid> held_;  ///< The position that the session was taken over at since the look-up.
  history::Fence fence_ = 0;
  history::Fence heard_ = 0;  ///< The greatest of the id that was heard.
};

}  // namespace crier::gateway

#pragma once

// The admission of a client that sends CONNECT: token, user and memberships, claim, history, in
// that order. With a session, its position is stored before the client is told, and the history is
// then read again. A state machine without I/O: answers go in, the next command comes out.

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
  std::chrono::milliseconds deadline{5'000};  ///< Time limit for a source or store that does not
                                              ///< answer.
  std::chrono::milliseconds retry{250};       ///< Pause between attempts.
  std::uint32_t replay_timestamp_max = 50;
  std::chrono::milliseconds session_ttl{300'000};  ///< Time for which the store keeps positions.
};

/// The five messages of a refusal. Do not change them: existing clients compare them.
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
  std::string_view code;     ///< For programs; stable between releases.
  std::string_view detail;   ///< One sentence for people.
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
/// Make this connection the session's holder, at this position; answer with taken_over().
struct TakeOver {
  std::string user;
  std::string session;
  Pid position;
};
/// Report to the store that a client presents this id, which is above its last number; continue
/// with witnessed().
struct Testify {
  history::EventId id;
};
/// Ask the feed; answer with history_read().
struct ReadHistory {
  Question question;
};
/// Do nothing now; call tick() at `at`.
struct Wait {
  TimePoint at;
};
/// Close the transport without an answer: the client reconnects by itself.
struct GiveUp {
  std::string_view reason;  ///< For the log.
};
/// Answer with CONNECT, then send the events in order, then `catchup`, then everything live.
struct Admit {
  access::User user;
  Recovery recovery;
  std::string claimed;       ///< The sid of the presented pid; empty: there is none.
  history::Fence fence = 0;  ///< The fence of that claim.
  std::string pid;           ///< The pid to repeat, if recovered.
  std::string nonce;         ///< The nonce of that pid.
  std::string session;       ///< The session whose position is to be stored; empty: none.
  bool is_kept = false;      ///< The position is stored already; it is `recovery.next`.
  bool has_pid = true;       ///< False: the history could not be read, so there is no pid to seal.
};

using Command = std::variant<Refuse, LookUp, Claim, LoadPosition, TakeOver, Testify, ReadHistory,
                             Wait, GiveUp, Admit>;

class Admission {
 public:
  /// The arguments outlive the admission.
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
  /// Retries after a Wait, from the look-up on: the memberships may have changed meanwhile.
  Command tick();

  /// The socket id of the presented pid; empty if there is none.
  [[nodiscard]] std::string_view pid_sid() const;
  /// A node has claimed the id. True: that claim is later than this admission's, which has lost it.
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
  Cursor stated_;  ///< The cursor as the client gave it.
  Cursor cursor_;  ///< The cursor with the session's stored position.
  bool witnessed_ = false;
  std::string subject_;
  access::User user_;
  std::optional<Pid> held_;  ///< The position at which the session was taken over since the
                             ///< look-up.
  history::Fence fence_ = 0;
  history::Fence heard_ = 0;  ///< The greatest fence of the id that was reported.
};

}  // namespace crier::gateway

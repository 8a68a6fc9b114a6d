#pragma once

// How a CONNECT becomes a member: token, user and memberships, history, in that order. A state
// machine without I/O: what was learnt goes in, the next command comes out.

#include "access/jwt.hpp"
#include "access/membership.hpp"
#include "base/time.hpp"
#include "gateway/replay.hpp"
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
/// Ask the history; answer with history_read().
struct ReadHistory {
  std::vector<history::ReadRequest> reads;
};
/// Nothing now; call tick() at `at`.
struct Wait {
  TimePoint at;
};
/// Close the transport without an answer: the client comes back by itself.
struct GiveUp {
  std::string_view reason;  ///< For the log.
};
/// Answer with CONNECT, then send `events` in order, then everything live.
struct Admit {
  access::User user;
  history::Epoch epoch;
  std::vector<Replayed> events;
  history::Gid floor = 0;  ///< Nothing up to here is owed any more.
};

using Command = std::variant<Refuse, LookUp, ReadHistory, Wait, GiveUp, Admit>;

class Admission {
 public:
  /// Both outlive the admission.
  Admission(const AdmissionOptions& options, const access::Verifier& verifier);

  /// `auth` is the CONNECT payload, a valid JSON object. `wall_seconds` since 1970.
  Command start(std::string_view auth, std::int64_t wall_seconds, TimePoint now);
  Command looked_up(Result<std::optional<access::User>, access::SourceError> answer, TimePoint now);
  Command history_read(const Result<history::ReadReply, history::StoreError>& answer,
                       TimePoint now);
  /// Repeats what could not be answered.
  Command tick(TimePoint now);

 private:
  enum class State : std::uint8_t { looking_up, reading };
  Command again(TimePoint now, std::string_view reason) const;
  [[nodiscard]] ReadHistory read_command() const;

  const AdmissionOptions* options_;
  const access::Verifier* verifier_;
  State state_ = State::looking_up;
  TimePoint give_up_at_ = never;
  std::optional<std::int64_t> timestamp_ms_;
  std::string subject_;
  access::User user_;
};

}  // namespace crier::gateway

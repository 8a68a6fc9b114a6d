#include "gateway/admission.hpp"

#include "base/json_text.hpp"
#include "base/names.hpp"

#include <algorithm>
#include <utility>

namespace crier::gateway {

namespace {

std::optional<std::string> parse_token(std::string_view auth) {
  const auto value = json::member(auth, "token");
  if (!value || value->empty() || value->front() != '"') return std::nullopt;
  auto token = json::unquote(*value);
  if (!token || token->empty()) return std::nullopt;
  return token;
}

}  // namespace

Admission::Admission(const AdmissionOptions& options, const access::Verifier& verifier,
                     const PidSeal& seal)
    : options_(&options), verifier_(&verifier), seal_(&seal) {}

Command Admission::start(std::string_view auth, WallTime wall, TimePoint now) {
  const auto token = parse_token(auth);
  if (!token) {
    return Refuse{refusal::authentication_required, "token_missing",
                  "The handshake's auth.token must be a non-empty string."};
  }
  auto claims = verifier_->verify(*token, wall);
  if (!claims) {
    return Refuse{refusal::invalid_token, access::to_string(claims.error()),
                  access::explain(claims.error())};
  }
  if (!is_name(claims->subject)) {
    return Refuse{refusal::invalid_payload, "token_subject",
                  "The token's sub must be a user id of 1 to 128 bytes."};
  }
  subject_ = std::move(claims->subject);
  cursor_ = read_cursor(auth, subject_, *seal_);
  give_up_at_ = now + options_->deadline;
  return LookUp{subject_};
}

Command Admission::looked_up(Result<std::optional<access::User>, access::SourceError> answer,
                             TimePoint now) {
  if (!answer) {
    if (answer.error() == access::SourceError::unavailable) {
      return again(now, "the membership source did not answer");
    }
    return Refuse{refusal::failed, "internal", "The user could not be looked up."};
  }
  if (!answer.value() || !answer.value()->active) {
    return Refuse{refusal::no_user, "user_inactive",
                  "The token's user does not exist or is not active."};
  }
  user_ = *std::move(answer).value();
  // A claim once made stands: it is not made again with each attempt.
  const auto* by_pid = std::get_if<PidCursor>(&cursor_);
  if (by_pid != nullptr && fence_ == 0) return Claim{by_pid->pid.sid};
  return read_command();
}

Command Admission::claimed(const Result<history::Fence, history::StoreError>& fence,
                           TimePoint now) {
  if (!fence) return again(now, "the claim could not be made");
  fence_ = *fence;
  if (fence_ < heard_) return GiveUp{"another connection claimed its pid"};
  return read_command();
}

std::string_view Admission::pid_sid() const {
  const auto* by_pid = std::get_if<PidCursor>(&cursor_);
  return by_pid == nullptr ? std::string_view() : by_pid->pid.sid;
}

bool Admission::claim_heard(std::string_view sid, history::Fence fence) {
  if (sid != pid_sid()) return false;
  heard_ = std::max(heard_, fence);
  return fence_ != 0 && fence_ < fence;
}

ReadHistory Admission::read_command() const {
  return {recovery_question(cursor_, user_, options_->replay_timestamp_max)};
}

Command Admission::history_read(const Result<history::ReadReply, history::StoreError>& answer,
                                TimePoint now) {
  const bool asks = !std::holds_alternative<NoCursor>(cursor_);
  if (!answer) {
    if (asks) return again(now, "the history did not answer");
    // Real time goes on without the history; only the client's next return is not recovered.
    return Admit{std::move(user_), {}, {}, false, {}, 0, {}, false};
  }
  Admit admit{std::move(user_), answer->epoch, {}, asks, {}, fence_, {}, true};
  admit.recovery = recover(cursor_, admit.user, *answer, options_->replay_timestamp_max);
  if (auto* by_pid = std::get_if<PidCursor>(&cursor_)) {
    admit.claimed = by_pid->pid.sid;
    if (admit.recovery.recovered) admit.pid = by_pid->sealed;
  }
  return admit;
}

Command Admission::again(TimePoint now, std::string_view reason) const {
  const TimePoint at = now + options_->retry;
  if (at >= give_up_at_) return GiveUp{reason};
  return Wait{at};
}

Command Admission::tick() { return LookUp{subject_}; }

}  // namespace crier::gateway

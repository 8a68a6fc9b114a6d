// Implements the steps of an admission and their retries.

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
  began_ = now;
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
  stated_ = cursor_ = read_cursor(auth, subject_, *seal_);
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
  held_.reset();  // it may have other memberships
  // A claim stays valid, so a retry does not repeat it.
  if (!cursor_.sid.empty() && fence_ == 0) return Claim{cursor_.sid};
  if (!stated_.session.empty() && !stated_.is_stated()) {
    return LoadPosition{subject_, stated_.session};
  }
  return read_command();
}

Command Admission::claimed(const Result<history::Fence, history::StoreError>& fence,
                           TimePoint now) {
  if (!fence) return again(now, "the claim could not be made");
  fence_ = *fence;
  if (fence_ < heard_) return GiveUp{"another connection claimed its pid"};
  return read_command();
}

Command Admission::position_loaded(const Result<std::string, history::StoreError>& position,
                                   TimePoint now) {
  if (!position) return again(now, "the session's position could not be read");
  cursor_ = with_position(stated_, *position, subject_, *seal_);
  return read_command();
}

/// Reads the history only now: the verdicts are about its state after the take-over.
Command Admission::taken_over(const Result<void, history::StoreError>& result, TimePoint now) {
  if (!result) return again(now, "the session's position could not be kept");
  return read_command();
}

std::string_view Admission::pid_sid() const { return cursor_.sid; }

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
  if (!answer) return unread(now);
  Recovery recovery = recover(cursor_, user_, *answer, options_->replay_timestamp_max);
  if (recovery.is_ahead && cursor_.received && !std::exchange(witnessed_, true)) {
    return Testify{*cursor_.received};
  }
  recovery.next.here.memberships.as_of =
      held_ ? held_->here.memberships.as_of : looked_up_at(answer->clock, now);
  if (!cursor_.session.empty() && !held_) {
    held_ = recovery.next;
    return TakeOver{user_.id, cursor_.session, std::move(recovery.next)};
  }
  return admit(std::move(recovery));
}

Command Admission::unread(TimePoint now) {
  if (cursor_.is_stated() || !cursor_.session.empty()) {
    return again(now, "the history did not answer");
  }
  // Live events work without the history; only the client's next reconnect is not recovered.
  return admit_blindly();
}

Admit Admission::admit(Recovery recovery) {
  Admit admit;
  admit.is_kept = held_ == recovery.next;
  admit.user = std::move(user_);
  admit.claimed = cursor_.sid;
  admit.fence = fence_;
  admit.session = cursor_.session;
  if (recovery.recovered) {
    admit.pid = cursor_.pid;
    admit.nonce = cursor_.nonce;
  }
  admit.recovery = std::move(recovery);
  return admit;
}

/// A lower bound for the time of the look-up, by the store's clock.
history::Gid Admission::looked_up_at(history::Gid clock, TimePoint now) const {
  const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(now - began_);
  return clock - std::min(clock, static_cast<history::Gid>(elapsed.count()));
}

Command Admission::admit_blindly() {
  Admit admit;
  admit.has_pid = false;
  for (const auto& program : user_.programs) {
    admit.recovery.verdicts.emplace_back(program, history::Verdict::joined);
  }
  admit.user = std::move(user_);
  return admit;
}

Command Admission::again(TimePoint now, std::string_view reason) const {
  const TimePoint at = now + options_->retry;
  if (at >= give_up_at_) return GiveUp{reason};
  return Wait{at};
}

Command Admission::tick() { return LookUp{subject_}; }

}  // namespace crier::gateway

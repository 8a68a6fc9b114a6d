#include "gateway/admission.hpp"

#include "base/json_text.hpp"
#include "base/names.hpp"

#include <charconv>
#include <cmath>
#include <utility>

namespace crier::gateway {

namespace {

/// The cursor of existing clients: a number of milliseconds, or the same as a string. Anything
/// else means that there is none, as it did before.
std::optional<std::int64_t> parse_timestamp(std::string_view auth) {
  const auto value = json::member(auth, "lastEventTimestamp");
  if (!value) return std::nullopt;
  std::string_view text = *value;
  if (text.size() >= 2 && text.front() == '"') text = text.substr(1, text.size() - 2);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  constexpr double latest = 8.64e15;  // the last Date of JavaScript
  if (!(number > 0) || number > latest) return std::nullopt;
  return static_cast<std::int64_t>(std::floor(number));
}

std::optional<std::string> parse_token(std::string_view auth) {
  const auto value = json::member(auth, "token");
  if (!value || value->empty() || value->front() != '"') return std::nullopt;
  auto token = json::unquote(*value);
  if (!token || token->empty()) return std::nullopt;
  return token;
}

}  // namespace

Admission::Admission(const AdmissionOptions& options, const access::Verifier& verifier)
    : options_(&options), verifier_(&verifier) {}

Command Admission::start(std::string_view auth, std::int64_t wall_seconds, TimePoint now) {
  const auto token = parse_token(auth);
  if (!token) {
    return Refuse{refusal::authentication_required, "token_missing",
                  "The handshake's auth.token must be a non-empty string."};
  }
  auto claims = verifier_->verify(*token, wall_seconds);
  if (!claims) {
    return Refuse{refusal::invalid_token, access::to_string(claims.error()),
                  access::explain(claims.error())};
  }
  if (!is_name(claims->subject)) {
    return Refuse{refusal::invalid_payload, "token_subject",
                  "The token's sub must be a user id of 1 to 128 bytes."};
  }
  subject_ = std::move(claims->subject);
  timestamp_ms_ = parse_timestamp(auth);
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
  if (!timestamp_ms_ || user_.programs.empty()) return Admit{std::move(user_), {}, {}, 0};
  state_ = State::reading;
  return read_command();
}

ReadHistory Admission::read_command() const {
  return {replay_reads(user_.programs, *timestamp_ms_, options_->replay_timestamp_max)};
}

Command Admission::history_read(const Result<history::ReadReply, history::StoreError>& answer,
                                TimePoint now) {
  if (!answer) return again(now, "the history did not answer");
  history::Gid floor = 0;
  for (const auto& kept : answer->programs) floor = std::max(floor, kept.top);
  auto events = replay(*answer, *timestamp_ms_, options_->replay_timestamp_max);
  return Admit{std::move(user_), answer->epoch, std::move(events), floor};
}

Command Admission::again(TimePoint now, std::string_view reason) const {
  const TimePoint at = now + options_->retry;
  if (at >= give_up_at_) return GiveUp{reason};
  return Wait{at};
}

Command Admission::tick(TimePoint /*now*/) {
  if (state_ == State::reading) return read_command();
  return LookUp{subject_};
}

}  // namespace crier::gateway

// Seals, opens and computes digests for pids; their binary layout is described below.

#include "gateway/pid.hpp"

#include "base/assert.hpp"
#include "base/encoding.hpp"

#include <algorithm>
#include <utility>

namespace crier::gateway {

namespace {

constexpr std::size_t code_bytes = 32;
constexpr std::size_t digest_bytes = 16;
constexpr std::size_t body_bytes_max = PidSeal::bytes_max / 4 * 3 - code_bytes;
constexpr char version = 5;

// Layout: version, sid, snapshot, nonce, then what kind of basis follows (0: none), that basis, the
// programs with gaps and those that ended, the stale offset; code. Texts are preceded by their
// length in one byte; numbers take eight bytes unless another count is given. All big-endian.

enum class Kind : std::uint8_t { none, no_cursor, unreadable, snapshot, id, timestamp };

void put_number(std::string& out, std::uint64_t number, int bytes = 8) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(number >> static_cast<unsigned>(shift));
  }
}

void put_text(std::string& out, std::string_view text) {
  CRIER_ASSERT(text.size() <= 0xFF);
  put_number(out, text.size(), 1);
  out += text;
}

void put_digest(std::string& out, const Memberships& memberships) {
  put_number(out, 1, 1);
  put_number(out, memberships.count, 4);
  put_number(out, memberships.newest);
  out += memberships.digest;
  out += memberships.exact;
}

/// Returns the memberships without names.
Memberships unnamed(const Memberships& memberships) {
  Memberships all;
  all.count = static_cast<std::uint32_t>(memberships.named.size());
  all.digest = digest_of(memberships.named);
  all.exact = exact_digest_of(memberships.named);
  for (const Membership& each : memberships.named) {
    if (each.since <= memberships.as_of) all.newest = std::max(all.newest, each.since);
  }
  return all;
}

void put_memberships(std::string& out, const Memberships& memberships, bool by_name) {
  put_number(out, memberships.at);
  put_number(out, memberships.as_of);
  if (!memberships.digest.empty()) return put_digest(out, memberships);
  if (!by_name) return put_digest(out, unnamed(memberships));
  put_number(out, 0, 1);
  put_number(out, memberships.named.size(), 4);
  for (const Membership& membership : memberships.named) {
    put_text(out, membership.program);
    put_number(out, membership.since);
  }
}

void put_snapshot(std::string& out, const Snapshot& snapshot, bool by_name) {
  put_text(out, snapshot.epoch);
  put_number(out, snapshot.gid);
  put_memberships(out, snapshot.memberships, by_name);
}

void put_kind(std::string& out, Kind kind) { put_number(out, static_cast<std::uint64_t>(kind), 1); }

void put_id(std::string& out, const history::EventId& id) {
  put_text(out, id.epoch);
  put_number(out, id.gid);
}

void put_basis(std::string& out, const Basis& basis, bool by_name) {
  if (std::holds_alternative<NoCursor>(basis)) {
    put_kind(out, Kind::no_cursor);
  } else if (std::holds_alternative<UnreadableCursor>(basis)) {
    put_kind(out, Kind::unreadable);
  } else if (const auto* snapshot = std::get_if<Snapshot>(&basis)) {
    put_kind(out, Kind::snapshot);
    put_snapshot(out, *snapshot, by_name);
  } else if (const auto* id = std::get_if<IdCursor>(&basis)) {
    put_kind(out, Kind::id);
    put_id(out, id->id);
  } else if (const auto* time = std::get_if<TimestampCursor>(&basis)) {
    put_kind(out, Kind::timestamp);
    put_number(out, static_cast<std::uint64_t>(time->milliseconds));
  }
}

/// Writes the names, or that there was no room for them.
void put_programs(std::string& out, const std::vector<std::string>& programs, bool is_unnamed,
                  bool by_name) {
  const bool left_out = is_unnamed || !by_name;
  put_number(out, left_out && (is_unnamed || !programs.empty()) ? 1 : 0, 1);
  put_number(out, left_out ? 0 : programs.size(), 4);
  if (left_out) return;
  for (const std::string& program : programs) put_text(out, program);
}

/// Which names a pid contains.
struct Names {
  bool here = false;
  bool earlier = false;
  bool programs = false;  ///< Programs with gaps, and those that ended.
};

/// Whether the names may fit, by their minimum size: saves the attempt for a user of many programs.
bool may_fit(const Memberships& memberships) {
  return memberships.named.size() <= body_bytes_max / 10;
}

std::string body_of(const Pid& pid, const Names& names) {
  std::string out(1, version);
  put_text(out, pid.sid);
  put_snapshot(out, pid.here, names.here);
  put_text(out, pid.nonce);
  if (pid.earlier) {
    put_basis(out, *pid.earlier, names.earlier);
    put_programs(out, pid.gaps, pid.gaps_unnamed, names.programs);
    put_programs(out, pid.ended, pid.ended_unnamed, names.programs);
    put_number(out, pid.stale ? 1 : 0, 1);
    if (pid.stale) put_id(out, *pid.stale);
  } else {
    put_kind(out, Kind::none);
  }
  return out;
}

std::string short_body_of(const Pid& pid) {
  const auto* earlier = pid.earlier ? std::get_if<Snapshot>(&*pid.earlier) : nullptr;
  const bool may_here = may_fit(pid.here.memberships);
  const bool may_earlier = earlier != nullptr && may_fit(earlier->memberships);
  const bool may_programs = pid.gaps.size() + pid.ended.size() <= body_bytes_max / 10;
  // The attempts, in the order in which names are left out.
  for (const Names& names : {Names{true, true, true}, Names{true, false, true},
                             Names{true, false, false}, Names{false, false, true}}) {
    if ((names.here && !may_here) || (names.earlier && !may_earlier)) continue;
    if (names.programs && !may_programs) continue;
    std::string body = body_of(pid, names);
    if (body.size() <= body_bytes_max) return body;
  }
  return body_of(pid, {});
}

class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t number(std::size_t bytes = 8) {
    std::uint64_t number = 0;
    for (const char byte : take(bytes)) number = (number << 8U) | static_cast<unsigned char>(byte);
    return number;
  }
  std::string text() { return std::string(take(number(1))); }
  Memberships memberships() {
    Memberships all;
    all.at = number();
    all.as_of = number();
    const bool by_name = number(1) == 0;
    all.count = static_cast<std::uint32_t>(number(4));
    if (!by_name) {
      all.newest = number();
      all.digest = std::string(take(digest_bytes));
      all.exact = std::string(take(digest_bytes));
      return all;
    }
    for (std::uint32_t left = std::exchange(all.count, 0); left > 0 && ok_; --left) {
      Membership& membership = all.named.emplace_back();
      membership.program = text();
      membership.since = number();
    }
    return all;
  }
  Snapshot snapshot() {
    Snapshot snapshot;
    snapshot.epoch = text();
    snapshot.gid = number();
    snapshot.memberships = memberships();
    return snapshot;
  }
  std::optional<Basis> basis() {
    switch (static_cast<Kind>(number(1))) {
      case Kind::none:
        return std::nullopt;
      case Kind::no_cursor:
        return NoCursor{};
      case Kind::unreadable:
        return UnreadableCursor{};
      case Kind::snapshot:
        return snapshot();
      case Kind::id:
        return IdCursor{id()};
      case Kind::timestamp:
        return TimestampCursor{static_cast<std::int64_t>(number())};
    }
    ok_ = false;
    return std::nullopt;
  }
  history::EventId id() {
    history::Epoch epoch = text();
    return {std::move(epoch), number()};
  }
  void programs(std::vector<std::string>& programs, bool& is_unnamed) {
    is_unnamed = number(1) != 0;
    for (std::uint64_t left = number(4); left > 0 && ok_; --left) programs.push_back(text());
  }
  [[nodiscard]] bool whole() const { return ok_ && bytes_.empty(); }

 private:
  std::string_view take(std::size_t bytes) {
    if (bytes > bytes_.size()) {
      ok_ = false;
      return {};
    }
    const auto taken = bytes_.substr(0, bytes);
    bytes_.remove_prefix(bytes);
    return taken;
  }

  std::string_view bytes_;
  bool ok_ = true;
};

std::string derive(std::string_view secret) {
  return access::Hmac(access::Algorithm::hs256, secret).of("crier pid 5");
}

}  // namespace

std::string digest_of(const std::vector<Membership>& memberships) {
  static const access::Hmac hmac(access::Algorithm::hs256, "crier memberships 2");
  std::string all;
  for (const Membership& membership : memberships) put_text(all, membership.program);
  return hmac.of(all).substr(0, digest_bytes);
}

std::string exact_digest_of(const std::vector<Membership>& memberships) {
  static const access::Hmac hmac(access::Algorithm::hs256, "crier exact memberships 1");
  std::string all;
  for (const Membership& membership : memberships) {
    put_text(all, membership.program);
    put_number(all, membership.since);
  }
  return hmac.of(all).substr(0, digest_bytes);
}

PidSeal::PidSeal(std::string_view secret) : hmac_(access::Algorithm::hs256, derive(secret)) {}

std::string PidSeal::code(std::string_view body, std::string_view user) const {
  std::string all;
  put_text(all, user);
  return hmac_.of(all.append(body));
}

std::string PidSeal::seal(const Pid& pid, std::string_view user) const {
  std::string out = short_body_of(pid);
  CRIER_ASSERT(out.size() <= body_bytes_max);
  out += code(out, user);
  return base64url_encode(out);
}

std::optional<Pid> PidSeal::open(std::string_view text, std::string_view user) const {
  if (text.size() > bytes_max) return std::nullopt;
  const auto bytes = base64url_decode(text);
  if (!bytes || bytes->size() <= code_bytes) return std::nullopt;
  const auto body = std::string_view(*bytes).substr(0, bytes->size() - code_bytes);
  if (!equal_in_constant_time(code(body, user), std::string_view(*bytes).substr(body.size()))) {
    return std::nullopt;
  }
  Input input(body);
  if (input.number(1) != version) return std::nullopt;
  Pid pid;
  pid.sid = input.text();
  pid.here = input.snapshot();
  pid.nonce = input.text();
  pid.earlier = input.basis();
  if (pid.earlier) {
    input.programs(pid.gaps, pid.gaps_unnamed);
    input.programs(pid.ended, pid.ended_unnamed);
    if (input.number(1) != 0) pid.stale = input.id();
  }
  if (!input.whole()) return std::nullopt;
  return pid;
}

}  // namespace crier::gateway

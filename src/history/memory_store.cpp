// Implements the history in memory.

#include "history/memory_store.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace crier::history {
namespace {

constexpr int forgets_a_call = 8;

struct Token {
  Appended result;
  std::size_t body_size;
  std::size_t body_hash;
};

/// The stored events of one program, ordered by gid.
struct Window {
  std::deque<Record> records;
  std::size_t bytes = 0;
  std::unordered_map<std::string, Token> tokens;
  std::deque<std::pair<Gid, std::string>> token_order;
};

struct Program {
  std::string name;
  Seq seq = 0;
  Gid top = 0;
  std::unique_ptr<Window> window;
};

struct Session {
  std::string name;
  std::string holder;
  std::string value;
  Gid saved = 0;
};

std::size_t hash(const Bytes& body) { return std::hash<std::string_view>()(body.view()); }

}  // namespace

/// Shared only with a call that is notifying, so that the store may be destroyed from inside it.
struct MemoryStore::State : std::enable_shared_from_this<State> {
  Retention retention;
  std::function<WallTime()> clock;
  Epoch epoch;
  Gid floor = 0;  ///< Below the first number; at least the last event of every forgotten program.
  Gid last = 0;
  std::list<Program> programs;  ///< Ordered by top. Programs with a window follow those without.
  std::list<Program>::iterator oldest_kept = programs.end();  ///< The first program with a window.
  std::unordered_map<std::string_view, std::list<Program>::iterator> by_name;
  std::size_t bytes = 0;

  BusListener* listener = nullptr;
  std::uint64_t subscriptions_made = 0;
  std::unordered_map<std::string, std::uint64_t> subscriptions;  ///< The number of the current
                                                                 ///< subscription of each program.
  std::deque<std::function<void()>> news;
  bool telling = false;
  bool destroyed = false;

  Fence last_fence = 0;
  std::unordered_map<std::string, Fence> claims;
  std::map<Fence, const std::string*> claims_by_age;

  void pop_record(Window& window);
  void trim(Window& window, Gid oldest);
  void expire(Gid oldest);
  void forget();
  [[nodiscard]] Gid ago(std::chrono::microseconds age) const;
  std::list<Program>::iterator find(const std::string& name);
  Program& newest(const std::string& name);
  std::optional<Result<Appended, StoreError>> first_result(const AppendRequest& request,
                                                           Gid oldest);
  std::pair<Appended, Published> append(AppendRequest request);
  Kept read(ReadRequest request);

  using Sessions = std::list<Session>;
  using Users = std::unordered_map<std::string, Sessions>;
  struct SavedAt {
    Users::iterator user;
    Sessions::iterator session;
  };
  Gid last_saved = 0;
  Users sessions;  ///< Each user's sessions, in the order in which they were saved.
  std::map<Gid, SavedAt> sessions_by_age;

  void save(SessionPosition position, bool takes_over);
  void drop(const SavedAt& session);
  void expire_sessions();
  [[nodiscard]] std::string load(const std::string& user, const std::string& session) const;

  Fence claim(const std::string& sid);
  void expire_claims();

  void add_news(std::function<void()> what);
  void add_news_of(const std::string& program, std::function<void()> what);
  void tell();
};

/// The gid of an event of that age.
Gid MemoryStore::State::ago(std::chrono::microseconds age) const {
  return static_cast<Gid>(std::max<WallTime>(clock() - age.count(), 0));
}

void MemoryStore::State::pop_record(Window& window) {
  const std::size_t size = window.records.front().body.size();
  window.bytes -= size;
  bytes -= size;
  window.records.pop_front();
}

void MemoryStore::State::trim(Window& window, Gid oldest) {
  while (!window.records.empty() &&
         (window.records.size() > retention.events_max || window.bytes > retention.bytes_max ||
          window.records.front().gid < oldest)) {
    pop_record(window);
  }
  while (!window.token_order.empty() && (window.token_order.size() > retention.events_max ||
                                         window.token_order.front().first < oldest)) {
    window.tokens.erase(window.token_order.front().second);
    window.token_order.pop_front();
  }
}

/// Drops the windows whose newest event is too old, even if their programs are not used any more.
void MemoryStore::State::expire(Gid oldest) {
  for (; oldest_kept != programs.end() && oldest_kept->top < oldest; ++oldest_kept) {
    bytes -= oldest_kept->window->bytes;
    oldest_kept->window.reset();
  }
}

/// Forgets some of the programs that have had no event for a long time.
void MemoryStore::State::forget() {
  const Gid oldest = ago(remembered_for(retention));
  for (int i = 0; i < forgets_a_call; ++i) {
    const auto program = programs.begin();
    if (program == oldest_kept || program->top >= oldest) return;
    floor = std::max(floor, program->top);
    by_name.erase(program->name);
    programs.erase(program);
  }
}

std::list<Program>::iterator MemoryStore::State::find(const std::string& name) {
  const auto found = by_name.find(name);
  return found == by_name.end() ? programs.end() : found->second;
}

/// Returns the program, created if necessary, with a window, moved to the newest end.
Program& MemoryStore::State::newest(const std::string& name) {
  auto program = find(name);
  if (program == programs.end()) {
    program = programs.insert(programs.end(), Program{name, 0, 0, nullptr});
    by_name.emplace(program->name, program);
  }
  if (program == oldest_kept) ++oldest_kept;
  programs.splice(programs.end(), programs, program);
  if (!program->window) program->window = std::make_unique<Window>();
  if (oldest_kept == programs.end()) oldest_kept = program;
  return *program;
}

/// The first result for the request's token, if the token is known.
std::optional<Result<Appended, StoreError>> MemoryStore::State::first_result(
    const AppendRequest& request, Gid oldest) {
  const auto program = find(request.program);
  if (request.token.empty() || program == programs.end() || !program->window) return std::nullopt;
  trim(*program->window, oldest);
  const auto known = program->window->tokens.find(request.token);
  if (known == program->window->tokens.end()) return std::nullopt;
  const Token& token = known->second;
  if (token.body_size != request.body.size() || token.body_hash != hash(request.body)) {
    return Unexpected{StoreError::token_taken};
  }
  Appended first = token.result;
  first.repeated = true;
  return first;
}

std::pair<Appended, Published> MemoryStore::State::append(AppendRequest request) {
  Program& program = newest(request.program);
  last = std::max(next_gid(last, clock()), floor + 1);
  const Appended result{{epoch, last, ++program.seq}, std::exchange(program.top, last), false};
  Published published{
      epoch, program.name, {last, program.seq, result.prev, std::move(request.body)}};
  const Bytes& body = published.record.body;
  Window& window = *program.window;
  window.bytes += body.size();
  bytes += body.size();
  window.records.push_back(published.record);
  if (!request.token.empty()) {
    window.tokens.emplace(request.token, Token{result, body.size(), hash(body)});
    window.token_order.emplace_back(last, std::move(request.token));
  }
  trim(window, ago(retention.ttl));
  return {result, std::move(published)};
}

Kept MemoryStore::State::read(ReadRequest request) {
  Kept kept{std::move(request.program), 0, {}};
  const auto program = find(kept.program);
  if (program == programs.end()) return kept;
  kept.top = program->top;
  if (!program->window) return kept;
  trim(*program->window, ago(retention.ttl));
  const std::deque<Record>& records = program->window->records;
  auto from = std::upper_bound(records.begin(), records.end(), request.after,
                               [](Gid after, const Record& record) { return after < record.gid; });
  const auto count = static_cast<std::uint64_t>(records.end() - from);
  if (request.newest_max != 0 && count > request.newest_max) {
    from = records.end() - request.newest_max;
  }
  kept.records.assign(from, records.end());
  return kept;
}

/// Drops old claims. Claims are numbered by the clock, so a number shows its age.
void MemoryStore::State::expire_claims() {
  const Fence oldest = ago(claimed_for(retention));
  while (!claims_by_age.empty() && claims_by_age.begin()->first < oldest) {
    claims.erase(*claims_by_age.begin()->second);
    claims_by_age.erase(claims_by_age.begin());
  }
}

Fence MemoryStore::State::claim(const std::string& sid) {
  expire_claims();
  last_fence = std::max<Fence>(last_fence + 1, ago({}));
  const auto entry = claims.try_emplace(sid, 0).first;
  claims_by_age.erase(entry->second);
  entry->second = last_fence;
  claims_by_age.emplace(last_fence, &entry->first);
  return last_fence;
}

/// Drops old positions, which are numbered by the clock, too.
void MemoryStore::State::expire_sessions() {
  const Gid oldest = ago(retention.ttl);
  while (!sessions_by_age.empty() && sessions_by_age.begin()->first < oldest) {
    drop(sessions_by_age.begin()->second);
  }
}

void MemoryStore::State::drop(const SavedAt& session) {
  const auto [user, at] = session;
  sessions_by_age.erase(at->saved);
  user->second.erase(at);
  if (user->second.empty()) sessions.erase(user);
}

void MemoryStore::State::save(SessionPosition position, bool takes_over) {
  const auto user = sessions.try_emplace(std::move(position.user)).first;
  Sessions& all = user->second;
  auto at = std::ranges::find(all, position.session, &Session::name);
  if (at == all.end()) {
    at = all.insert(at, Session{std::move(position.session), position.holder, {}, 0});
  }
  if (!takes_over && position.holder != at->holder) return;
  sessions_by_age.erase(at->saved);
  all.splice(all.end(), all, at);
  at->holder = std::move(position.holder);
  at->value = std::move(position.value);
  at->saved = last_saved = std::max(last_saved + 1, ago({}));
  sessions_by_age.emplace(at->saved, SavedAt{user, at});
  if (all.size() > retention.sessions_max) drop({user, all.begin()});
}

std::string MemoryStore::State::load(const std::string& user, const std::string& session) const {
  const auto found = sessions.find(user);
  if (found == sessions.end()) return {};
  const auto at = std::ranges::find(found->second, session, &Session::name);
  return at == found->second.end() ? std::string() : at->value;
}

void MemoryStore::State::add_news(std::function<void()> what) { news.push_back(std::move(what)); }

/// Queues a notification for a subscribed program. It is dropped if that subscription has ended by
/// the time of delivery.
void MemoryStore::State::add_news_of(const std::string& program, std::function<void()> what) {
  const auto found = subscriptions.find(program);
  if (found == subscriptions.end()) return;
  add_news([this, program, subscription = found->second, what = std::move(what)] {
    const auto now = subscriptions.find(program);
    if (now != subscriptions.end() && now->second == subscription) what();
  });
}

/// Delivers the queued notifications, unless an outer call is doing so.
void MemoryStore::State::tell() {
  if (telling) return;
  const auto self = shared_from_this();
  telling = true;
  while (!news.empty()) {
    const auto next = std::move(news.front());
    news.pop_front();
    next();
    if (destroyed) news.clear();
  }
  telling = false;
}

MemoryStore::MemoryStore(const Retention& retention, std::function<WallTime()> clock, Random random)
    : state_(std::make_shared<State>()) {
  state_->retention = retention;
  state_->epoch = new_epoch(random);
  state_->floor = static_cast<Gid>(std::max<WallTime>(clock() - 1, 0));
  state_->clock = std::move(clock);
}

MemoryStore::~MemoryStore() { state_->destroyed = true; }

void MemoryStore::append(AppendRequest request, Done<Appended> done) {
  State& state = *state_;
  const Gid oldest = state.ago(state.retention.ttl);
  state.expire(oldest);
  state.forget();
  if (const auto known = state.first_result(request, oldest)) {
    state.add_news([done = std::move(done), result = *known] { done(result); });
    return state.tell();
  }
  auto [appended, published] = state.append(std::move(request));
  const std::string program = published.program;
  state.add_news_of(program, [listener = state.listener, event = std::move(published)] {
    listener->published(event);
  });
  state.add_news([done = std::move(done), result = appended] { done(result); });
  state.tell();
}

void MemoryStore::read(std::vector<ReadRequest> requests, Done<ReadReply> done) {
  State& state = *state_;
  state.expire(state.ago(state.retention.ttl));
  state.forget();
  ReadReply reply{state.epoch, state.floor, {}, std::max(state.ago({}), state.last), state.last};
  for (ReadRequest& request : requests) reply.programs.push_back(state.read(std::move(request)));
  state.add_news(
      [done = std::move(done), reply = std::move(reply)]() mutable { done(std::move(reply)); });
  state.tell();
}

void MemoryStore::take_over(SessionPosition position, Done<void> done) {
  state_->expire_sessions();
  state_->save(std::move(position), true);
  state_->add_news([done = std::move(done)] { done({}); });
  state_->tell();
}

void MemoryStore::save_positions(std::vector<SessionPosition> positions) {
  state_->expire_sessions();
  for (SessionPosition& position : positions) state_->save(std::move(position), false);
}

void MemoryStore::load_position(const std::string& user, const std::string& session,
                                Done<std::string> done) {
  state_->expire_sessions();
  state_->add_news([done = std::move(done), value = state_->load(user, session)] { done(value); });
  state_->tell();
}

void MemoryStore::listen(BusListener& listener) {
  CRIER_ASSERT(state_->listener == nullptr);
  state_->listener = &listener;
  state_->add_news([&listener] { listener.claims_heard(); });
  state_->tell();
}

void MemoryStore::subscribe(const std::string& program) {
  State& state = *state_;
  CRIER_ASSERT(state.listener != nullptr);
  const bool is_new = state.subscriptions.emplace(program, ++state.subscriptions_made).second;
  CRIER_ASSERT(is_new);
  state.add_news_of(program,
                    [listener = state.listener, program] { listener->subscribed(program); });
  state.tell();
}

void MemoryStore::unsubscribe(const std::string& program) { state_->subscriptions.erase(program); }

void MemoryStore::probe(std::function<void(bool)> done) {
  state_->add_news([done = std::move(done), hears = hears()] { done(hears); });
  state_->tell();
}

void MemoryStore::listen_again() {
  State& state = *state_;
  if (state.listener == nullptr) return;
  state.add_news([listener = state.listener] { listener->lost(); });
  state.add_news([listener = state.listener] { listener->claims_heard(); });
  for (auto& [program, subscription] : state.subscriptions) {
    subscription = ++state.subscriptions_made;
    state.add_news_of(program,
                      [listener = state.listener, name = program] { listener->subscribed(name); });
  }
  state.tell();
}

bool MemoryStore::hears() const { return state_->listener != nullptr; }

void MemoryStore::claim(const std::string& sid, Done<Fence> done) {
  State& state = *state_;
  const Fence fence = state.claim(sid);
  if (state.listener != nullptr) {
    state.add_news([listener = state.listener, sid, fence] { listener->claimed(sid, fence); });
  }
  state.add_news([done = std::move(done), fence] { done(fence); });
  state.tell();
}

void MemoryStore::fences(std::vector<std::string> sids, Done<std::vector<Fence>> done) {
  State& state = *state_;
  state.expire_claims();
  std::vector<Fence> fences;
  for (const std::string& sid : sids) {
    const auto found = state.claims.find(sid);
    fences.push_back(found == state.claims.end() ? 0 : found->second);
  }
  state.add_news([done = std::move(done), fences = std::move(fences)] { done(fences); });
  state.tell();
}

std::size_t MemoryStore::held_bytes() const { return state_->bytes; }
std::size_t MemoryStore::program_count() const { return state_->programs.size(); }

}  // namespace crier::history

#include "history/memory_store.hpp"

#include <algorithm>
#include <deque>
#include <list>
#include <unordered_map>
#include <utility>

namespace crier::history {
namespace {

struct Program;

/// What is kept of one program. Ordered by gid, as everything here.
struct Window {
  Program* owner = nullptr;
  std::deque<Record> records;
  std::size_t bytes = 0;
  std::unordered_map<std::string, Appended> tokens;
  std::deque<std::pair<Gid, std::string>> token_order;
};

using Windows = std::list<Window>;

/// A program for the store's life.
struct Program {
  Seq seq = 0;
  Gid top = 0;
  Windows::iterator window;  ///< end() when nothing is kept
};

}  // namespace

struct MemoryStore::State {
  Retention retention;
  std::function<WallTime()> clock;
  Epoch epoch;
  Gid floor = 0;  ///< Below the first number.
  Gid last = 0;
  std::unordered_map<std::string, Program> programs;
  Windows windows;  ///< By the gid of their newest event: what expires as a whole is in front.
  std::size_t bytes = 0;

  void pop_record(Window& window);
  void trim(Window& window, Gid oldest);
  void expire(Gid oldest);
  [[nodiscard]] Gid oldest() const;
  Window& newest_window(Program& program);
  Appended append(AppendRequest request);
  Kept read(ReadRequest request);
};

/// The gid below which events are too old to be kept.
Gid MemoryStore::State::oldest() const {
  const WallTime ttl = std::chrono::microseconds(retention.ttl).count();
  return static_cast<Gid>(std::max<WallTime>(clock() - ttl, 0));
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

/// Drops the programs whose newest event is too old, so that nobody has to touch them.
void MemoryStore::State::expire(Gid oldest) {
  while (!windows.empty() && windows.front().owner->top < oldest) {
    bytes -= windows.front().bytes;
    windows.front().owner->window = windows.end();
    windows.pop_front();
  }
}

/// The program's window, made if there is none, at the newest end.
Window& MemoryStore::State::newest_window(Program& program) {
  if (program.window == windows.end()) {
    windows.emplace_back().owner = &program;
    program.window = std::prev(windows.end());
  } else {
    windows.splice(windows.end(), windows, program.window);
  }
  return *program.window;
}

Appended MemoryStore::State::append(AppendRequest request) {
  const Gid too_old = oldest();
  expire(too_old);
  Program& owner =
      programs.try_emplace(request.program, Program{0, 0, windows.end()}).first->second;
  if (owner.window != windows.end()) {
    trim(*owner.window, too_old);
    const auto known = owner.window->tokens.find(request.token);
    if (known != owner.window->tokens.end()) {
      Appended first = known->second;
      first.repeated = true;
      return first;
    }
  }
  last = std::max(next_gid(last, clock()), floor + 1);
  const Appended result{{epoch, last, ++owner.seq}, std::exchange(owner.top, last), false};
  Window& window = newest_window(owner);
  window.bytes += request.body.size();
  bytes += request.body.size();
  window.records.push_back({last, owner.seq, result.prev, std::move(request.body)});
  if (!request.token.empty()) {
    window.tokens.emplace(request.token, result);
    window.token_order.emplace_back(last, std::move(request.token));
  }
  trim(window, too_old);
  return result;
}

Kept MemoryStore::State::read(ReadRequest request) {
  Kept kept{std::move(request.program), 0, {}};
  const auto found = programs.find(kept.program);
  if (found == programs.end()) return kept;
  kept.top = found->second.top;
  if (found->second.window == windows.end()) return kept;
  const std::deque<Record>& records = found->second.window->records;
  auto from = std::upper_bound(records.begin(), records.end(), request.after,
                               [](Gid after, const Record& record) { return after < record.gid; });
  const auto count = static_cast<std::uint64_t>(records.end() - from);
  if (request.newest_max != 0 && count > request.newest_max) {
    from = records.end() - request.newest_max;
  }
  kept.records.assign(from, records.end());
  return kept;
}

MemoryStore::MemoryStore(const Retention& retention, std::function<WallTime()> clock, Random random)
    : state_(std::make_unique<State>()) {
  state_->retention = retention;
  state_->epoch = new_epoch(random);
  state_->floor = static_cast<Gid>(std::max<WallTime>(clock() - 1, 0));
  state_->clock = std::move(clock);
}

MemoryStore::~MemoryStore() = default;

void MemoryStore::append(AppendRequest request,
                         std::function<void(Result<Appended, StoreError>)> done) {
  done(state_->append(std::move(request)));
}

void MemoryStore::read(std::vector<ReadRequest> requests,
                       std::function<void(Result<ReadReply, StoreError>)> done) {
  ReadReply reply{state_->epoch, state_->floor, {}};
  const Gid too_old = state_->oldest();
  state_->expire(too_old);
  for (ReadRequest& request : requests) {
    const auto found = state_->programs.find(request.program);
    if (found != state_->programs.end() && found->second.window != state_->windows.end()) {
      state_->trim(*found->second.window, too_old);
    }
    reply.programs.push_back(state_->read(std::move(request)));
  }
  done(std::move(reply));
}

std::size_t MemoryStore::held_bytes() const { return state_->bytes; }

}  // namespace crier::history

#pragma once

// The promise, checked: every event reaches every member of its program exactly once and in order,
// or the client is told that it did not; and nobody is told without a cause.

#include "books.hpp"
#include "client.hpp"
#include "members.hpp"
#include "world.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace crier::simulation {

/// As GatewayOptions::replay_timestamp_max is set in every run.
constexpr std::uint32_t replay_timestamp_max = 20;

struct Counts {
  std::map<std::string, std::uint64_t> of;
  void add(const std::string& what, std::uint64_t count = 1) { of[what] += count; }
};

class Checker final : public Application {
 public:
  using Violation = std::function<void(const std::string&)>;
  struct Parts {
    World& world;
    const Books& books;
    const Members& members;
    Counts& counts;
    Violation violation;
    /// When the store, or a node's way to it, was last in trouble.
    std::function<TimePoint()> store_trouble;
  };
  explicit Checker(Parts parts) : parts_(std::move(parts)) {}

  // Application.
  void connecting(Client& client, std::string_view auth) override;
  void connected(Client& client, bool recovered) override;
  void event(Client& client, std::string_view name,
             const std::vector<std::string_view>& arguments) override;
  void disconnected(Client& client, std::string_view reason) override;
  void refused(Client& client, std::string_view why) override;

  /// Its publisher tried again: the first attempt may have been stored.
  void repeated(EventNumber event) { repeated_.insert(event); }
  /// A node has taken it without a number, in an attempt to publish that began then.
  void accepted_unnumbered(EventNumber event, const std::string& program, TimePoint begun) {
    accepted_unnumbered_.push_back({event, program, begun});
  }
  /// The page was loaded anew: what was not stored is forgotten.
  void reloaded(const Client& client);
  /// Whether it has not been told yet how its programs stand.
  [[nodiscard]] bool awaits_verdicts(const Client& client) {
    return views_[client.name()].awaits_verdicts;
  }
  /// After everything has calmed down.
  void check_whole(const Client& client);

 private:
  enum class CursorIs : std::uint8_t { none, pid, id, timestamp };
  /// One program as a client has seen it since it was last told about it.
  struct Segment {
    TimePoint owed_from{};            ///< Every event from here on is owed.
    std::optional<std::size_t> last;  ///< The latest entry that was handled.
    TimePoint admitted_from{};        ///< When the admission that it is known by began …
  };
  struct Received {
    std::string program;
    std::size_t entry = 0;
  };
  struct View {
    std::map<std::string, Segment> segments;
    std::map<EventNumber, history::Epoch> seen;  ///< In which epoch; empty: without a number.
    history::Epoch epoch;
    history::Gid gid = 0;  ///< The greatest that was handled, of that epoch.
    // This connection.
    CursorIs cursor = CursorIs::none;
    std::string cursor_id;
    std::int64_t timestamp_ms = 0;  ///< Of the last cursor of that kind.
    TimePoint sent{};
    TimePoint connected_at{};
    bool connected = false;
    bool recovered = false;
    bool awaits_verdicts = false;
    bool unheard = false;  ///< Verdicts of an earlier connection never came: they are repeated.
    std::size_t replayed = 0;
    std::vector<Received> buffered;  ///< Since CONNECT, until the verdicts come.
    TimePoint pid_from{};            ///< When the admission that gave the pid began.
    bool had_pid = false;
  };

  void violation(const Client& client, const std::string& what);
  void numbered(Client& client, View& view, const std::string& program, const history::EventId& id,
                EventNumber event);
  void unnumbered(Client& client, View& view, const std::string& program, EventNumber event);
  bool may_repeat(const View& view, history::Gid gid) const;
  void take(const Client& client, View& view, const Received& received);
  void check_membership(const Client& client, const View& view, const Received& received);
  void catchup(Client& client, View& view, std::string_view word);
  void check_verdict(const Client& client, const View& view, const std::string& program,
                     std::string_view verdict);
  void check_absent(const Client& client, const View& view,
                    const std::map<std::string, std::string>& verdicts);
  [[nodiscard]] static bool began_after_cursor(const View& view,
                                               const std::vector<Membership>& memberships);
  [[nodiscard]] bool gap_has_cause(const View& view, const std::string& program) const;
  void settle(const Client& client, View& view, const std::map<std::string, std::string>& verdicts);

  void check_unnumbered(const Client& client, const View& view);

  struct Accepted {
    EventNumber event = 0;
    std::string program;
    TimePoint begun{};
  };

  Parts parts_;
  std::map<std::string, View> views_;
  std::set<EventNumber> repeated_;
  std::set<EventNumber> unnumbered_;
  std::vector<Accepted> accepted_unnumbered_;
};

}  // namespace crier::simulation

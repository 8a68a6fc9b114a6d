#pragma once

// The promise, checked: every event reaches every member of its program exactly once and in order,
// or the client is told that it did not; and nobody is told without a cause. Told is who has heard
// `catchup`: all that came on a connection that was cut before it counts for nothing.

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

/// As ReplayOptions::timestamp_max is set in every run.
constexpr std::uint32_t replay_timestamp_max = 20;
/// In some seeds everybody is a member of it, and nothing is ever published to it.
constexpr const char* quiet_program = "p8";

struct Counts {
  std::map<std::string, std::uint64_t> of;
  void add(const std::string& what, std::uint64_t count = 1) { of[what] += count; }
};

/// An event that a node has taken without a number.
struct Unnumbered {
  EventNumber event = 0;
  std::string program;
  TimePoint begun{};     ///< The attempt to publish it,
  TimePoint accepted{};  ///< its answer,
  std::uint16_t port;    ///< and the node's.
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
    std::function<WallTime()> store_clock;
  };
  explicit Checker(Parts parts);

  // Application.
  void connecting(Client& client, std::string_view auth) override;
  void connected(Client& client, bool recovered) override;
  void event(Client& client, std::string_view name,
             const std::vector<std::string_view>& arguments) override;
  void disconnected(Client& client, std::string_view reason) override;
  void refused(Client& client, std::string_view why) override;

  /// Its publisher tried again: the first attempt may have been stored.
  void repeated(EventNumber event) { repeated_.insert(event); }
  /// What is published now is lost on its way to a node, which is not told. It finds out, and then
  /// tells those who lack it: in the end, but not before they go on.
  void lost_unheard() { unheard_.insert(parts_.world.now()); }
  /// A node died that had not heard what was published at this time, and may not have known it.
  void died_unaware(TimePoint lost_at) { unaware_.insert(lost_at); }
  void accepted_unnumbered(Unnumbered event) { accepted_.push_back(std::move(event)); }
  /// The page was loaded again: what was not stored is forgotten.
  void reloaded(const Client& client);
  /// Whether it has not been told yet how its programs stand.
  [[nodiscard]] bool awaits_verdicts(const Client& client) {
    return views_[client.name()].awaits_verdicts;
  }
  /// After everything has calmed down.
  void check_whole(const Client& client);
  void check_unexplained();

 private:
  enum class CursorIs : std::uint8_t { none, pid, id, timestamp, session, unreadable };
  /// One program as a client has seen it since it was last told about it.
  struct Segment {
    TimePoint owed_from{};            ///< Every event from here on is owed.
    std::optional<std::size_t> last;  ///< The latest entry that was handled.
    TimePoint admitted_from{};        ///< When the admission that it is known by began …
    std::set<std::size_t> untold;     ///< Entries that were lost unheard, and it has gone beyond.
  };
  struct Received {
    std::string program;
    std::size_t entry = 0;
  };
  struct View {
    std::map<std::string, Segment> segments;
    std::map<EventNumber, history::Epoch> seen;  ///< In which epoch; empty: without a number.
    std::set<EventNumber> unheard;  ///< Those that came before a `catchup` that did not.
    history::Epoch epoch;
    history::Gid gid = 0;  ///< The greatest that was handled, of that epoch.
    // This connection.
    CursorIs cursor = CursorIs::none;
    CursorIs basis = CursorIs::none;  ///< What its verdicts are about.
    std::string cursor_id;            ///< The last of that kind.
    std::int64_t timestamp_ms = 0;
    TimePoint sent{};
    TimePoint connected_at{};
    bool connected = false;
    bool recovered = false;
    bool awaits_verdicts = false;
    std::size_t replayed = 0;
    std::set<EventNumber> here;  ///< All that have come by it.
    history::Gid replayed_to = 0;
    history::EventId snapshot;       ///< Of its `catchup`.
    std::vector<Received> buffered;  ///< Since CONNECT, until the verdicts come.
    // The pid.
    CursorIs pid_basis = CursorIs::none;  ///< What verdicts by it are about; pid: what it says.
    TimePoint pid_from{};                 ///< When the admission began that was heard last.
  };
  using Verdicts = std::map<std::string, std::string>;

  void violation(const Client& client, const std::string& what);
  void numbered(Client& client, View& view, const std::string& program, const history::EventId& id,
                EventNumber event);
  void unnumbered(Client& client, View& view, const std::string& program, EventNumber event);
  [[nodiscard]] static bool knows_no_position(const View& view);
  bool repeats(Client& client, View& view, const history::EventId& id, EventNumber event);
  void take(const Client& client, View& view, const Received& received);
  [[nodiscard]] static bool is_beyond_cursor(const View& view, const Entry& entry);
  [[nodiscard]] bool is_taken_for_another(const View& view, const Entry& entry) const;
  [[nodiscard]] std::vector<std::size_t> missing(const View& view, const std::string& program,
                                                 std::size_t end) const;
  void check_membership(const Client& client, const View& view, const Received& received);
  void check_unnumbered(const Client& client, const View& view);
  [[nodiscard]] bool lacks(const Client& client, const View& view, const Unnumbered& event) const;

  // Verdicts.
  void catchup(Client& client, View& view, const std::vector<std::string_view>& arguments);
  Verdicts read_verdicts(const Client& client, const View& view, std::string_view word);
  void take_position(Client& client, View& view, const std::vector<std::string_view>& arguments,
                     const Verdicts& verdicts);
  void check_verdict(const Client& client, const View& view, const std::string& program,
                     std::string_view verdict);
  void check_told(const Client& client, const View& view, const std::string& program,
                  std::string_view verdict);
  void check_recovered(const Client& client, const View& view, const std::string& program);
  void check_absent(const Client& client, const View& view, const Verdicts& verdicts);
  void check_known(const Client& client, const View& view, const Verdicts& verdicts);
  [[nodiscard]] bool reset_has_cause(const View& view, const std::string& program) const;
  [[nodiscard]] bool gap_has_cause(const View& view, const std::string& program) const;
  [[nodiscard]] bool joined_has_cause(const Client& client, const View& view,
                                      const std::string& program) const;
  [[nodiscard]] TimePoint known_from(const View& view, const std::string& program) const;
  void settle(const Client& client, View& view, const Verdicts& verdicts);

  /// A gap that only a marker which is not stored yet can explain.
  struct Unexplained {
    std::string what;
    std::string program;
    TimePoint time{};
  };

  Parts parts_;
  std::map<std::string, View> views_;
  std::set<EventNumber> repeated_;
  std::set<TimePoint> unheard_;
  std::set<TimePoint> unaware_;
  std::set<EventNumber> unnumbered_;
  std::vector<Unnumbered> accepted_;
  std::vector<Unexplained> unexplained_;
};

}  // namespace crier::simulation

#pragma once

// One run: nodes, store, memberships, publishers and clients, as a plan says.

#include "books.hpp"
#include "checker.hpp"
#include "client.hpp"
#include "members.hpp"
#include "node.hpp"
#include "owed_shelf.hpp"
#include "plan.hpp"
#include "store_link.hpp"
#include "store_model.hpp"
#include "world.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace crier::simulation {

struct Outcome {
  std::optional<std::string> violation;  ///< The first.
  Counts counts;
  std::uint64_t hash = 0;
};

class Cluster {
 public:
  Cluster(const Plan& plan, bool trace);
  ~Cluster();

  /// Only the faults whose places in the plan are in `faults` happen.
  Outcome run(const std::set<std::size_t>& faults);

 private:
  struct Running {
    Host* host = nullptr;
    StoreLink* link = nullptr;
    Duration clock_step{};
    std::vector<TimePoint> lost_at;  ///< When messages to it were lost.
    std::unique_ptr<Node> node;
  };
  struct Publishing {
    EventNumber event = 0;
    std::string program;
    std::string token;
    std::string data;
    TimePoint give_up{};
    unsigned attempt = 0;
    TimePoint begun{};           ///< The latest attempt,
    const Host* host = nullptr;  ///< and where.
    std::uint16_t port = 0;
    std::string id;  ///< Id of an answer that was lost.
  };

  void fail(const std::string& what);
  void start_node();
  void kill_node(std::size_t index, bool silent, Duration down);
  void stop_node(std::size_t index);
  [[nodiscard]] std::uint16_t route(std::size_t client, Dice& dice);
  Running* pick(Dice& dice);

  void begin_load();
  [[nodiscard]] history::Gid since() const;
  void draw_cursor(std::size_t client, ClientOptions& options);
  void publish_later();
  void publish(const std::string& program, std::size_t longer = 0);
  void publish_after(const std::string& program, std::int64_t after_ms);
  void attempt(const std::shared_ptr<Publishing>& publishing);
  void answered(const std::shared_ptr<Publishing>& publishing, const Result<Position>& result);
  void check_accepted(const Publishing& publishing, const Position& position);
  void retry(const std::shared_ptr<Publishing>& publishing, Duration delay);

  void hit(const Fault& fault);
  void hit(FaultKind kind, Dice& dice);
  void publish_burst(Dice& dice);
  void hit_answers(FaultKind kind, Dice& dice);
  void hit_network(FaultKind kind, Dice& dice);
  void hit_node(FaultKind kind, Dice& dice);
  void hit_store(FaultKind kind, Dice& dice);
  void hit_link(FaultKind kind, Dice& dice);
  void rush(Dice& dice);
  void cut_admission(Dice& dice);
  void hit_holes(FaultKind kind, Dice& dice);
  void publish_others(const std::string& program, std::int64_t from_ms, std::int64_t to_ms);
  void lose_late(Running& running, const std::string& program, Dice& dice);
  void lose(Running& running, const std::string& program);
  void lose_end(Running& running, const std::string& program, Dice& dice);
  void died_unaware(const Running& running);
  void evict_unheard(Running& running, const std::string& program);
  void flood(const std::string& program);
  void read_late(Running& running, const std::string& program, Dice& dice);
  void hear_late(Running& running, Dice& dice);
  void come_to(Running& running, std::int64_t after_ms, Dice& dice);
  void cut_half(Dice& dice);
  void late_answers(Dice& dice);
  void hit_absence(Dice& dice);
  void hit_crowd(Dice& dice);
  void interrupt_memberships(Dice& dice);
  void hit_threads(FaultKind kind, Dice& dice);
  void stand_still(const Running& running, std::size_t thread, Duration time);
  void claim_unheard(Running& running, Dice& dice);
  void want_again(Running& running, Dice& dice);
  Client* pick_modest(Dice& dice) const;
  void part(const Running& running, const Running& other, const std::string& user,
            const std::string& program);
  void stand_behind(const Running& running);
  void miss_before_subscribed(const Running& running, const std::string& program);
  [[nodiscard]] const Running* other_than(const Running& running) const;
  void send_guests(std::uint16_t port, Duration time);
  void cut_all(Cut how, const Host* host);
  void hit_members(FaultKind kind, Dice& dice);
  void change(FaultKind kind, const std::string& user, const std::string& program, Dice dice);
  void come_again(const std::string& user, Dice& dice);
  void calm_down();
  void check_owners();
  void check_end();

  Plan plan_;
  World world_;
  Counts counts_;
  std::optional<std::string> violation_;
  Books books_;
  StoreModel store_;
  Members members_;
  OwedShelf shelf_;
  Checker checker_;
  Dice dice_;
  std::vector<std::unique_ptr<Running>> nodes_;
  std::vector<std::unique_ptr<Running>>
      dead_;  ///< Kept until the end: destroyed, they would speak.
  std::vector<std::unique_ptr<Client>> clients_;
  EventNumber next_event_ = 1;
  std::uint64_t next_host_ = 0;
  bool loading_ = false;
  std::uint64_t answers_to_lose_ = 0;
  std::uint64_t rushes_ = 0;                    ///< Still to come,
  std::uint64_t cut_admissions_ = 0;            ///< these,
  std::uint64_t late_answers_ = 0;              ///< and these.
  std::uint16_t guests_port_ = 0;               ///< Where clients are sent,
  TimePoint guests_until_{};                    ///< and so long.
  std::map<std::size_t, std::uint16_t> stays_;  ///< Of clients: where they are sent whatever else.
  TimePoint away_until_{};                      ///< No client gets anywhere before.
  TimePoint store_trouble_{};
  TimePoint claims_lost_{};                        ///< The latest, by a store that goes back.
  std::map<std::string, TimePoint> shared_since_;  ///< Socket ids that two sockets have.
};

}  // namespace crier::simulation

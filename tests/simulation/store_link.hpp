#pragma once

// One node's history: its two connections to the simulated store. Behaves as backends/redis does: a
// call that is lost fails, an append that is lost is tried again with its token, and what is heard
// comes in one order or is declared lost.

#include "base/random.hpp"
#include "history/epochs.hpp"
#include "history/store.hpp"
#include "net/loop.hpp"
#include "store_model.hpp"

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace crier::simulation {

class StoreLink final : public history::HistoryStore {
 public:
  /// What is heard may take up to `bus_delay_max`.
  StoreLink(net::Loop& loop, StoreModel& store, Random random, std::string name,
            Duration bus_delay_max = {});
  ~StoreLink() override;

  void append(history::AppendRequest request, history::Done<history::Appended> done) override;
  void read(std::vector<history::ReadRequest> requests,
            history::Done<history::ReadReply> done) override;
  [[nodiscard]] bool available() const override { return commands_.up; }
  [[nodiscard]] history::StoreHealth health() const override { return {}; }
  void when_available(std::function<void()> call) override;
  void witnessed(const history::Epoch& epoch, history::Gid gid) override;
  void take_over(history::SessionPosition position, history::Done<void> done) override;
  void save_positions(std::vector<history::SessionPosition> positions) override;
  void load_position(const std::string& user, const std::string& session,
                     history::Done<std::string> done) override;
  void listen(history::BusListener& listener) override;
  void subscribe(const std::string& program) override;
  void unsubscribe(const std::string& program) override;
  void probe(std::function<void(bool)> done) override;
  void listen_again() override {
    if (listener_ != nullptr) break_connection(subscriber_, false);
  }
  [[nodiscard]] bool hears() const override { return hears_claims_; }
  void claim(const std::string& sid, history::Done<history::Fence> done) override;
  void fences(std::vector<std::string> sids,
              history::Done<std::vector<history::Fence>> done) override;

  // From the store.
  void hear(history::Published event);
  void hear_claim(const std::string& sid, history::Fence fence);
  void server_gone();

  // Faults.
  /// Neither connection works for so long; `silent`: nobody is told at first.
  void cut(Duration time, bool silent);
  /// The command connection breaks: what was answered may not have been heard.
  void drop_commands() { break_connection(commands_, false); }
  void drop_subscriber() { break_connection(subscriber_, false); }
  /// The next event of the program is not heard; `lost` is called then.
  void lose_next(const std::string& program, std::function<void()> lost) {
    unheard_ = program;
    lost_ = std::move(lost);
  }
  /// What it hears takes up to `most` longer for so long.
  void hear_late(Duration most, Duration time) {
    late_most_ = most;
    late_until_ = world_.now() + time;
  }
  /// The next read of all that a program has is answered late; `meanwhile` is called at the store.
  void read_late(Duration late, std::function<void(const std::string& program)> meanwhile) {
    read_late_ = late;
    meanwhile_ = std::move(meanwhile);
  }
  /// What it subscribes to until then is at the store so much later.
  void subscribe_late(Duration late, TimePoint until) {
    subscribe_late_ = late;
    subscribes_late_until_ = until;
  }
  [[nodiscard]] bool listens() const {
    return subscriber_.up && !subscriber_.silent && world_.now() >= deaf_until_;
  }
  /// To what it listens.
  [[nodiscard]] const std::set<std::string>& heard() const { return heard_at_store_; }
  /// What is called until then is answered more than a second late.
  void answer_late(TimePoint until) { answers_late_until_ = until; }
  /// Nothing is heard, though the connection seems sound: it leads to a server that nobody writes
  /// to any more. It ends when that goes away.
  void deafen(Duration time);

 private:
  /// One TCP connection to the store.
  struct Connection {
    bool up = false;
    bool silent = false;
    std::uint64_t number = 0;  ///< Grows with each attempt: what belongs to an earlier one is void.
    TimePoint last_there{};
    TimePoint last_back{};
    unsigned failures = 0;
  };
  struct Append {
    history::AppendRequest request;
    history::Done<history::Appended> done;
    std::string call;
    bool own_token = false;
    TimePoint deadline;
    unsigned attempts = 0;
  };
  struct Call {
    std::function<std::function<void()>(const Caller&)> execute;
    std::function<void()> fail;
  };
  using Appends = std::map<std::uint64_t, Append>;

  void connect(Connection& connection);
  void connected(Connection& connection);
  void keep_alive();
  void break_connection(Connection& connection, bool silent);
  void down(Connection& connection);
  void retry(Connection& connection);
  Duration delay();
  /// Runs `at_store` when a message gets there; it returns what the answer does back here.
  void round_trip(Connection& connection, std::function<std::function<void()>()> at_store);
  void back(Connection& connection, std::function<void()> at_node);
  void post(std::function<void()> task);

  void send(std::uint64_t append);
  void appended(std::uint64_t append, const std::optional<history::Appended>& result);
  void refused(std::uint64_t append);
  void expire(std::uint64_t append);
  void begin(Call call);
  void time_out(Connection& connection, std::uint64_t call);
  void subscribe_at_store(const std::string& program);
  Caller caller();
  void delay_read(const std::vector<history::ReadRequest>& requests);
  void note(const history::Epoch& epoch, history::Gid gid);

  net::Loop& loop_;
  World& world_;
  StoreModel& store_;
  Random random_;
  Dice dice_;
  std::string name_;
  Duration bus_delay_max_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  Connection commands_;
  Connection subscriber_;
  TimePoint cut_until_{};
  TimePoint deaf_until_{};
  TimePoint late_until_{};
  Duration late_most_{};
  TimePoint subscribes_late_until_{};
  Duration subscribe_late_{};
  Duration read_late_{};
  Duration answer_late_{};  ///< The answer that is about to leave the store.
  std::function<void(const std::string&)> meanwhile_;
  TimePoint answers_late_until_{};
  std::string unheard_;  ///< The program whose next event is not heard; empty: none.
  std::function<void()> lost_;
  Appends appends_;
  std::map<std::uint64_t, Call> calls_;
  std::uint64_t next_call_ = 1;
  std::string run_id_;
  std::function<void()> when_available_;
  history::Gid seen_ = 0;
  history::Epochs epochs_;
  history::Gid seen_in_epoch_ = 0;
  // As backends/redis/witness.hpp has it.
  TimePoint witnesses_until_{};
  history::Epoch witnessed_epoch_;
  history::Gid witnessed_ = 0;

  history::BusListener* listener_ = nullptr;
  bool hears_claims_ = false;
  struct Subscription {
    std::uint64_t number = 0;  ///< A late answer to an earlier one of the program says nothing.
    bool confirmed = false;
  };
  std::map<std::string, Subscription> wanted_;
  std::set<std::string> heard_at_store_;  ///< Subscribed, as the store sees it.
  bool claims_at_store_ = false;
  std::map<std::uint64_t, std::function<void(bool)>> probes_;
};

}  // namespace crier::simulation

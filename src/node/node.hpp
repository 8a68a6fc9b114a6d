#pragma once

// A gateway process.

#include "access/jwt.hpp"
#include "access/membership.hpp"
#include "base/random.hpp"
#include "catalog/catalog.hpp"
#include "crier/gateway.hpp"
#include "crier/http.hpp"
#include "gateway/feed.hpp"
#include "gateway/pid.hpp"
#include "history/store.hpp"
#include "net/door.hpp"
#include "node/history_hub.hpp"
#include "node/opening.hpp"
#include "node/owed.hpp"
#include "node/publisher.hpp"
#include "web/worker.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::node {

/// How many workers `options` ask for; 0 means one for each core of this process, 64 at most.
std::size_t worker_count(const GatewayOptions& options);

/// One gateway process: its workers and their threads, the history and the publisher between them.
/// With one worker all is on its loop; with several, the history and the publisher have a loop and
/// a thread of their own, the home. Built and destroyed while nothing runs.
class Node {
 public:
  /// What a node is made of, and does not choose itself.
  struct Parts {
    /// Called once a worker, with its loop.
    std::function<std::unique_ptr<access::MembershipSource>(net::Loop&)> memberships;
    /// Called once, with the loop that it is to be used on. What it throws comes out of the
    /// constructor.
    std::function<std::unique_ptr<history::HistoryStore>(net::Loop&)> history;
    std::function<WallTime()> wall_clock;
    std::function<Random()> random;
    gateway::FeedOptions feed;
    std::shared_ptr<const net::TlsServer> tls = {};  ///< For the listeners; null: without.
    std::unique_ptr<OwedRecord> owed = {};  ///< Null: what is owed does not outlive the process.
  };
  Node(const GatewayOptions& options, Parts parts, const LogSink& log);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Before run(). The handler runs on the first worker, whichever got the request.
  void handle(std::string_view method, std::string_view path, const HttpHandler& handler);
  /// Has the port. Connections are refused until the history has answered once, or
  /// `history_start_deadline` has passed.
  Result<void, std::string> listen();
  [[nodiscard]] std::uint16_t port() const;

  /// Ids of the sockets on all workers, while nothing runs.
  [[nodiscard]] std::vector<std::string> socket_ids() const;

  /// The home's, for what comes and goes with the node.
  [[nodiscard]] net::Loop& loop() { return home_.loop(); }
  /// The first worker runs on the calling thread, until a stop() has been carried out. Throws
  /// std::system_error when a thread cannot be had, and std::runtime_error when the port turned out
  /// to be somebody else's when it was to be opened.
  void run();

  // From any thread.
  void stop();
  /// As Publisher::publish(); `done` runs on the home, or at once when it does not run.
  void publish(std::string program, std::string body, std::string token, Publisher::Done done);
  /// As Publisher::mark_gap().
  void mark_gap(std::string program);
  /// Whether the calling thread is one of this node's.
  [[nodiscard]] bool is_current() const;

 private:
  struct Lane;
  struct Survey;

  [[nodiscard]] bool has_home() const { return home_of_its_own_ != nullptr; }
  void connect(Lane& lane);
  void publish_from(Lane& lane, std::string program, std::string body, std::string token,
                    Publisher::Done done);
  /// Runs `task` on the home's loop, from a worker's: at once if they are the same. False: the home
  /// runs no more, and the task was destroyed.
  template <class Task>
  bool at_home(Task task);
  /// Runs `task` on the lane's loop, from the home's: at once if they are the same.
  template <class Task>
  void at(Lane& lane, Task task);
  /// As mark_gap(), from a worker's thread.
  void mark_gap_from_lane(const std::string& program);
  void deliver_unnumbered(const std::string& program, const Bytes& body);
  /// `done` runs on whichever loop has its say last.
  void survey(std::function<void(const Survey&)> done);
  [[nodiscard]] HttpResponse ready(const Survey& survey, bool stopping) const;
  void add_operational_routes(Lane& lane);
  void begin_stop(Lane& lane);
  Result<void, std::string> open_ports();
  void open_port(web::Worker& worker);
  void tell_what_is_missing();
  void tell_what_is_owed();
  void run_here(web::Worker& worker);

  GatewayOptions options_;
  Parts parts_;
  web::Totals totals_;
  access::Verifier verifier_;
  gateway::PidSeal seal_;
  catalog::Catalog catalog_ = catalog::Catalog::built_in();
  Random random_;
  std::vector<std::unique_ptr<web::Worker>> workers_;
  std::vector<web::Worker*> siblings_;
  std::unique_ptr<web::Worker> home_of_its_own_;  ///< With several workers.
  web::Worker& home_;
  std::shared_ptr<net::Door> home_door_;
  std::unique_ptr<history::HistoryStore> history_;
  std::optional<HistoryHub> history_hub_;
  Owed owed_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  Publisher publisher_;
  Opening opening_;
  std::mutex problem_mutex_;
  std::string problem_;                     ///< Why a port could not be opened.
  std::atomic<std::size_t> under_way_ = 0;  ///< Publishes that were not answered yet.
};

}  // namespace crier::node

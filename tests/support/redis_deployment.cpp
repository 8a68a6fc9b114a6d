#include "tests/support/redis_deployment.hpp"

#include "backends/redis/client/topology.hpp"
#include "base/assert.hpp"

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace crier::redis {
namespace {

constexpr std::size_t primaries = 3;

/// Asks again until it holds; throws if that takes too long.
template <class Predicate>
void wait_until(Predicate holds, const char* what) {
  net::Loop loop;
  if (!turn_until(loop, holds)) throw std::runtime_error(what);
}

/// Whether the field before `value` in a flat list of fields and values is `field`.
bool has_field(const redisReply& fields, std::string_view field, std::string_view value) {
  for (std::size_t i = 0; i + 1 < fields.elements; i += 2) {
    if (field == fields.element[i]->str) return value == fields.element[i + 1]->str;
  }
  return false;
}

/// The value of a line of INFO replication.
std::string replication(TestServer& server, const std::string& field) {
  const std::string info = server.text({"INFO", "replication"});
  const std::size_t at = info.find(field + ':');
  if (at == std::string::npos) return {};
  const std::size_t begin = at + field.size() + 1;
  return info.substr(begin, info.find('\r', begin) - begin);
}

}  // namespace

bool has_caught_up(TestServer& replica, TestServer& master) {
  return replication(replica, "master_link_status") == "up" &&
         replication(replica, "slave_repl_offset") == replication(master, "master_repl_offset");
}

TestSentinel::TestSentinel(std::uint16_t master_port, const std::string& more)
    : port_(free_port()) {
  std::string pattern = (std::filesystem::temp_directory_path() / "crier-redis-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = pattern;
  const std::string file = folder_ + "/sentinel.conf";
  std::ofstream(file) << "port " << port_ << "\nbind 127.0.0.1\ndir " << folder_
                      << "\nsentinel monitor events 127.0.0.1 " << master_port
                      << " 1\nsentinel down-after-milliseconds events 500\n"
                         "sentinel failover-timeout events 2000\n"
                      << more;
  process_ =
      std::make_unique<TestProcess>(std::vector<std::string>{"redis-server", file, "--sentinel"});
  if (!process_->wait_for("Sentinel ID is")) throw std::runtime_error("no Sentinel starts");
  // Otherwise it asks every ten seconds how things are. It promotes only whom it heard of within
  // five ping-periods, which must not be too short for a busy machine.
  TestServer::command_at(port_, {"SENTINEL", "DEBUG", "info-period", "300", "ping-period", "300"});
}

TestSentinel::~TestSentinel() {
  process_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

bool TestSentinel::knows_a_replica() const {
  const auto replicas = TestServer::command_at(port_, {"SENTINEL", "REPLICAS", "events"});
  return replicas->elements == 1 && has_field(*replicas->element[0], "master-link-status", "ok");
}

TestCluster::TestCluster() {
  const unsigned slot = slot_of(hash_tag);
  for (std::size_t i = 0; i <= primaries; ++i) {
    nodes_.push_back(std::make_unique<TestServer>(std::vector<std::string>{
        "--cluster-enabled", "yes", "--cluster-port", std::to_string(free_port()),
        "--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0",
        "--cluster-replica-validity-factor", "0"}));
    node(i).command({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
    if (i == primaries) break;
    const std::size_t first = 16384 * i / primaries;
    const std::size_t end = 16384 * (i + 1) / primaries;
    node(i).command({"CLUSTER", "ADDSLOTSRANGE", std::to_string(first), std::to_string(end - 1)});
    if (first <= slot && slot < end) owner_ = i;
  }
  for (std::size_t i = 1; i < nodes_.size(); ++i) {
    const std::string info = node(i).text({"CLUSTER", "NODES"});
    const std::size_t at = info.find('@') + 1;
    node(0).command({"CLUSTER", "MEET", "127.0.0.1", std::to_string(node(i).port()),
                     info.substr(at, info.find_first_of(", ", at) - at)});
  }
  wait_until([&] { return agrees(); }, "the cluster does not come together");
  const std::string owner_id = id(owner_);
  wait_until([&] { return replica().text({"CLUSTER", "REPLICATE", owner_id}) == "OK"; },
             "the replica does not know its primary");
  wait_until([&] { return has_caught_up(replica(), node(owner_)); }, "the replica does not follow");
}

bool TestCluster::agrees() {
  for (const auto& node : nodes_) {
    const std::string info = node->text({"CLUSTER", "INFO"});
    if (info.find("cluster_state:ok") == std::string::npos) return false;
    if (info.find("cluster_known_nodes:4") == std::string::npos) return false;
  }
  return true;
}

void TestCluster::move_slot(std::size_t to) {
  const std::string slot = std::to_string(slot_of(hash_tag));
  const std::string to_id = id(to);
  node(to).command({"CLUSTER", "SETSLOT", slot, "IMPORTING", id(owner_)});
  node(owner_).command({"CLUSTER", "SETSLOT", slot, "MIGRATING", to_id});
  const auto keys = node(owner_).command({"CLUSTER", "GETKEYSINSLOT", slot, "10000"});
  for (std::size_t i = 0; i < keys->elements; ++i) {
    CRIER_ASSERT(node(owner_).text({"MIGRATE", "127.0.0.1", std::to_string(node(to).port()),
                                    keys->element[i]->str, "0", "5000"}) == "OK");
  }
  CRIER_ASSERT(node(to).text({"CLUSTER", "SETSLOT", slot, "NODE", to_id}) == "OK");
  CRIER_ASSERT(node(owner_).text({"CLUSTER", "SETSLOT", slot, "NODE", to_id}) == "OK");
  owner_ = to;
}

}  // namespace crier::redis

#pragma once

#include "access/jwt.hpp"
#include "access/membership.hpp"
#include "catalog/catalog.hpp"
#include "crier/gateway.hpp"
#include "gateway/admission.hpp"
#include "history/store.hpp"
#include "server/sockets.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace crier::server {

/// The gateway's side of the sockets: admits members of programs, catches them up, and delivers
/// what is published. Carries out the commands of gateway/. On the loop's thread only.
class Programs final : public Application, public TurnUser {
 public:
  struct Parts {
    Worker& worker;
    Engine& engine;
    Sockets& sockets;
    access::MembershipSource& memberships;
    history::HistoryStore& history;
    const access::Verifier& verifier;
    const catalog::Catalog& catalog;
    std::function<WallTime()> wall_clock;
  };
  /// The parts outlive it.
  Programs(const Parts& parts, const gateway::AdmissionOptions& options,
           std::size_t event_bytes_max);
  ~Programs() override;

  using Done = std::function<void(Result<Position>)>;
  /// Checks, stores and delivers; `done` is called once, later or now. Positions are reported in
  /// order, and an event is on its way to all members when its position is reported.
  void publish(std::string_view program, std::string_view body, Done done);
  void refuse_publishes() { refusing_ = true; }
  /// Whether everything accepted has been handed to its members.
  [[nodiscard]] bool idle() const { return in_flight_ == 0 && live_.empty(); }

  // Application.
  void connect_requested(const Ticket& ticket, std::string auth) override;
  void withdrawn(const Ticket& ticket) override;
  void event(Key socket, socketio::EventReceived& event) override;
  void ack(Key socket, socketio::AckReceived& ack) override;
  void left(Key socket, std::string_view reason) override;

  // TurnUser.
  void turn_end() override { deliver(); }
  void tick(TimePoint now) override;
  [[nodiscard]] TimePoint deadline() const override;

 private:
  struct Pending;
  struct Live {
    std::string program;
    history::Gid gid;  ///< 0: unnumbered.
    Packet packet;
  };

  void perform(Key session, gateway::Command command);
  void look_up(Key session, const std::string& user);
  void read_history(Pending& pending);
  void read_waiting();
  void admit(Pending& pending, gateway::Admit& admit);
  void refuse(Pending& pending, const gateway::Refuse& refuse);
  [[nodiscard]] Pending* find(Key session, std::uint64_t serial) const;
  void appended(const std::string& program, const Bytes& body,
                const Result<history::Appended, history::StoreError>& result, const Done& done);
  /// Hands what was published since the last call to the members, in order.
  void deliver();
  void deliver_late(const Live& live);

  Parts parts_;
  gateway::AdmissionOptions options_;
  std::size_t event_bytes_max_;
  std::unordered_map<Key, std::unique_ptr<Pending>> pending_;  ///< By session.
  struct Waiting {
    Key session;
    std::uint64_t serial;
  };
  std::multimap<TimePoint, Waiting> waits_;
  std::deque<Waiting> readers_;  ///< Who waits until fewer reads are in flight.
  std::size_t reads_in_flight_ = 0;
  bool reading_waiting_ = false;
  std::uint64_t serial_ = 0;
  std::vector<Live> live_;
  std::unordered_map<Key, history::Gid> floors_;  ///< Of sockets that were caught up.
  history::Gid floor_max_ = 0;
  std::size_t in_flight_ = 0;
  bool refusing_ = false;
};

}  // namespace crier::server

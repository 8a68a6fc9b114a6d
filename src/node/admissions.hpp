#pragma once

// Admission of members to their programs on one worker.

#include "access/jwt.hpp"
#include "access/membership.hpp"
#include "gateway/admission.hpp"
#include "gateway/receipts.hpp"
#include "node/counters.hpp"
#include "node/delivery.hpp"
#include "node/owed.hpp"
#include "sockets/sockets.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace crier::node {

/// Admits members of programs and catches them up: carries out the commands of gateway::Admission.
/// On the loop's thread only.
class Admissions final : public sockets::Application,
                         public web::TurnUser,
                         private Delivery::ClaimUser {
 public:
  struct Parts {
    web::Worker& worker;
    sockets::Sessions& sessions;
    sockets::Sockets& sockets;
    access::MembershipSource& memberships;
    history::Claims& claims;
    Delivery& delivery;
    const access::Verifier& verifier;
    const gateway::PidSeal& seal;
    Owed& owed;
    std::function<WallTime()> wall_clock;
  };
  /// The parts outlive it.
  Admissions(const Parts& parts, const gateway::AdmissionOptions& options);
  ~Admissions() override;

  [[nodiscard]] const Counters& counters() const { return counters_; }

  // Application.
  void connect_requested(const sockets::Ticket& ticket, std::string auth) override;
  void withdrawn(const sockets::Ticket& ticket) override;
  void event(Key socket, socketio::EventReceived& event) override;
  void ack(Key socket, socketio::AckReceived& ack) override;
  void pinged(Key socket) override;
  void ponged(Key socket) override;
  void left(Key socket, std::string_view id, std::string_view reason) override;
  void drained(Key socket) override { parts_.delivery.replays().drained(socket); }

  // TurnUser.
  void turn_end() override { look_up_wanted(); }
  void tick(TimePoint now) override;
  [[nodiscard]] TimePoint deadline() const override;

 private:
  struct Pending;
  /// Tells a late answer to an earlier CONNECT of the same session.
  struct Waiting {
    Key session = 0;
    std::uint64_t serial = 0;
  };
  /// One look-up a user at a time; who comes while it is under way waits for the next.
  struct LookUps {
    bool under_way = false;
    std::vector<Waiting> waiting;
  };
  struct Owner {
    Key socket = 0;
    history::Fence fence = 0;
  };
  using UserAnswer = Result<std::optional<access::User>, access::SourceError>;

  void claimed(const std::string& sid, history::Fence fence) override;
  void claims_heard() override;

  void perform(Key session, gateway::Command command);
  void want(const std::string& user, const Waiting& asker);
  void look_up_wanted();
  void look_up(const std::string& user);
  void looked_up(const std::vector<Waiting>& askers, const UserAnswer& answer);
  void claim(Pending& pending, const std::string& sid);
  void load_position(Pending& pending, const gateway::LoadPosition& load);
  void take_over(Pending& pending, gateway::TakeOver session);
  void ask(Pending& pending, gateway::Question question);
  void read(Waiting asker, const Result<history::ReadReply, history::StoreError>& reply);
  void admit(Pending& pending, gateway::Admit& admit);
  Key accept(const sockets::Ticket& ticket, gateway::Admit& admitted, std::string holder,
             const std::string& nonce);
  void keep(Key socket, gateway::Admit& admitted, std::string holder);
  void catch_up(Key socket, const gateway::Admit& admitted, std::string_view nonce);
  void save_positions_soon();
  void save_positions();
  void refuse(Pending& pending, const gateway::Refuse& refuse);
  void give_up(Key session, std::string_view reason);
  void close(Key socket);
  [[nodiscard]] Pending* find(Waiting waiting) const;
  void drop(Key session);

  Parts parts_;
  gateway::AdmissionOptions options_;
  std::unordered_map<Key, std::unique_ptr<Pending>> pending_;  ///< By session.
  std::multimap<TimePoint, Waiting> waits_;
  std::map<std::string, LookUps> look_ups_;  ///< By user.
  std::vector<std::string> wanted_;          ///< Users to look up at the end of the turn.
  std::uint64_t serial_ = 0;
  Counters counters_;
  TimePoint ask_fences_at_ = never;  ///< Again, because the store did not answer.
  gateway::Receipts receipts_;       ///< By socket.
  TimePoint save_positions_at_ = never;
  /// By a hash of the socket's id: who has a pid, and who is claiming one.
  std::unordered_multimap<std::size_t, Owner> owners_;
  std::unordered_multimap<std::size_t, Waiting> claiming_;
};

}  // namespace crier::node

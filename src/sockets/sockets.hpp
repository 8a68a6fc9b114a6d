#pragma once

// Socket.IO sockets on the sessions of one worker.

#include "base/random.hpp"
#include "socketio/client.hpp"
#include "socketio/rooms.hpp"
#include "sockets/fanout.hpp"
#include "sockets/sessions.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace crier::sockets {

/// The only namespace of a gateway.
constexpr std::string_view main_namespace = "/";

/// A CONNECT that awaits its answer.
struct Ticket {
  Key session = 0;
  std::string nsp;
};

/// Who decides about sockets. Called on the loop's thread; may call back into Sockets.
class Application {
 public:
  virtual ~Application() = default;
  /// Answer with accept() or refuse(), now or later. `auth` is a JSON object.
  virtual void connect_requested(const Ticket& ticket, std::string auth) = 0;
  /// The ticket's client went away, or left, before it was answered.
  virtual void withdrawn(const Ticket& ticket) = 0;
  virtual void event(Key socket, socketio::EventReceived& event) = 0;
  virtual void ack(Key socket, socketio::AckReceived& ack) = 0;
  /// The socket has left its rooms; its key finds nothing from now on.
  virtual void left(Key socket, std::string_view id, std::string_view reason) = 0;
  /// As MessageLayer's, of the session's sockets one by one.
  virtual void drained(Key /*socket*/) {}
  virtual void pinged(Key /*socket*/) {}
  virtual void ponged(Key /*socket*/) {}
};

/// The Socket.IO sockets on these sessions: their namespaces, rooms, and delivery to them.
class Sockets final : public MessageLayer {
 public:
  /// All outlive it. Call attach() before the first session.
  Sockets(web::Worker& worker, const socketio::ClientOptions& options, Random& random);
  ~Sockets() override;
  void attach(Sessions& sessions, Application& application);

  // MessageLayer.
  void opened(Key session) override;
  void received(Key session, bool binary, std::string_view data) override;
  void route_changed(Key session, int descriptor) override;
  void closed(Key session, std::string_view reason) override;
  void drained(Key session) override;
  void pinged(Key session) override;
  void ponged(Key session) override;
  [[nodiscard]] TimePoint deadline(Key session) const override;
  void tick(Key session) override;

  // Answers to connect_requested(). Asserts that the ticket is open.
  /// The client gets CONNECT with the new socket's id; returns its key.
  Key accept(const Ticket& ticket) { return accept(ticket, make_id(), {}); }
  /// The same with an id of the caller's (an earlier socket's, or from make_id()) and a pid, unless
  /// that is empty.
  Key accept(const Ticket& ticket, std::string id, std::string_view pid);
  std::string make_id() { return random_.id20(); }
  /// `data` is a JSON value or empty.
  void refuse(const Ticket& ticket, std::string_view message, std::string_view data);
  [[nodiscard]] bool is_open(const Ticket& ticket) const;

  // On sockets; those that have gone are ignored.
  [[nodiscard]] std::string_view id(Key socket) const;
  [[nodiscard]] Key session_of(Key socket) const;
  void send(Key socket, const EncodedEvent& event);
  void send(Key socket, const std::vector<socketio::Send>& messages);
  void join(Key socket, std::string_view room);
  void leave(Key socket, std::string_view room);
  /// A socket that is still sent what it missed is a member of its rooms, and no broadcast reaches
  /// it.
  void set_replaying(Key socket, bool replaying);
  [[nodiscard]] bool is_replaying(Key socket) const { return replays_at(slot_of(socket)); }
  /// Leaves its namespace; the client is told.
  void disconnect(Key socket);

  /// Events for the members of one room.
  struct Batch {
    std::string room;
    std::vector<EncodedEvent> events;
  };
  /// Delivers the batches in order; what several of them hold for one socket leaves in one call.
  /// Returns how many events went to members.
  std::size_t broadcast(std::string_view nsp, std::span<const Batch> batches);
  /// Delivers the events, in order, to each member of the room. Returns how many members.
  std::size_t broadcast(std::string_view nsp, std::string_view room,
                        std::span<const EncodedEvent> events);
  [[nodiscard]] std::size_t member_count(std::string_view nsp, std::string_view room) const;
  [[nodiscard]] std::vector<Key> members(std::string_view nsp, std::string_view room) const;
  [[nodiscard]] std::vector<Key> all(std::string_view nsp) const;
  [[nodiscard]] std::size_t count() const { return sockets_.size(); }
  [[nodiscard]] std::size_t room_count(std::string_view nsp) const;

 private:
  struct Client;
  struct Socket;

  void run(Key session, socketio::ClientOutputs& outputs);
  void run_one(Key session, socketio::ClientOutput& output);
  [[nodiscard]] Client* find_client(Key session) const;
  [[nodiscard]] Key find_socket(Key session, std::string_view nsp) const;
  void left(Key session, std::string_view nsp);
  void remove(Key socket, std::string_view reason);
  [[nodiscard]] socketio::Route route_of(Key socket, Key session, int descriptor) const;
  void set_route(Key socket, Key session, socketio::Rooms& rooms, int descriptor);
  [[nodiscard]] bool replays_at(std::uint32_t slot) const {
    return slot < replaying_.size() && replaying_[slot];
  }
  /// What sockets have not taken goes on through their sessions.
  void finish(std::vector<ShortWrite> writes);

  web::Worker& worker_;
  const socketio::ClientOptions& options_;
  Random& random_;
  Sessions* sessions_ = nullptr;
  Application* application_ = nullptr;
  std::vector<std::unique_ptr<Client>> clients_;  ///< By the session's slot.
  std::vector<std::unique_ptr<Client>> gone_;
  Spares<socketio::ClientOutput> spares_;
  SlotTable<Socket> sockets_;
  std::vector<bool> replaying_;        ///< By slot.
  std::vector<std::uint32_t> places_;  ///< By slot; in use within fan_out() only.
  std::map<std::string, socketio::Rooms, std::less<>> rooms_;  ///< By namespace.
};

}  // namespace crier::sockets

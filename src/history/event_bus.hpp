#pragma once

// The reading side of a store: reads of stored events, and notifications of events as they are
// published.

#include "history/claims.hpp"
#include "history/records.hpp"

#include <functional>
#include <string>
#include <vector>

namespace crier::history {

/// A published event, as every node receives it.
struct Published {
  Epoch epoch;
  std::string program;
  Record record;
};

/// Receives a store's notifications. Called on the loop's thread, possibly from inside a call to
/// the store.
class BusListener {
 public:
  /// The subscription is in force: every event published in the program from now on is reported,
  /// until lost() or unsubscribe().
  virtual void subscribed(const std::string& program) = 0;
  /// Reports an event of a subscribed program: each once, in the order of publishing over all
  /// programs.
  virtual void published(Published event) = 0;
  /// Every claim from now on is reported, until lost().
  virtual void claims_heard() = 0;
  /// A node has claimed the socket id `sid`; it may be this one.
  virtual void claimed(const std::string& sid, Fence fence) = 0;
  /// Notifications may have been missed, and will be missed until claims_heard() and, for each
  /// remaining subscription, subscribed() are called again. The store does so without a request.
  virtual void lost() = 0;

 protected:
  ~BusListener() = default;
};

/// Subscriptions and reads. Used from one loop's thread; the listener is called and `done` runs
/// there too.
class EventBus {
 public:
  /// Sets the listener. Call it once, before all other functions. The listener outlives the store.
  virtual void listen(BusListener& listener) = 0;
  /// Subscribes to the program's events; subscribed() follows, perhaps much later. Once for each
  /// program.
  virtual void subscribe(const std::string& program) = 0;
  /// Ends the subscription: no event of the program is reported after this call.
  virtual void unsubscribe(const std::string& program) = 0;
  /// Calls `done(true)` when all events published before the call have been reported; `done(false)`
  /// if that is uncertain: lost() has been called or will be.
  virtual void probe(std::function<void(bool)> done) = 0;
  /// Renews all subscriptions, because notifications have proved unreliable. lost() is called, in
  /// this call or later.
  virtual void listen_again() = 0;
  /// Whether events and claims are reported now.
  [[nodiscard]] virtual bool hears() const = 0;

  /// Reads all requested programs in one consistent snapshot, which contains every append reported
  /// before.
  virtual void read(std::vector<ReadRequest> requests, Done<ReadReply> done) = 0;

 protected:
  ~EventBus() = default;
};

}  // namespace crier::history

#pragma once

// The reading side of a store: events that are kept, and events as they are published.

#include "history/claims.hpp"
#include "history/records.hpp"

#include <functional>
#include <string>
#include <vector>

namespace crier::history {

/// An event as every node hears it.
struct Published {
  Epoch epoch;
  std::string program;
  Record record;
};

/// What a store tells its node. Called on the loop's thread, also from inside a call to the store.
class BusListener {
 public:
  /// Whatever is published in the program from now on is heard, until lost() or unsubscribe().
  virtual void subscribed(const std::string& program) = 0;
  /// Each event of a subscribed program once, in the order of publishing over all programs.
  virtual void published(Published event) = 0;
  /// Whatever is claimed from now on is heard, until lost().
  virtual void claims_heard() = 0;
  /// Somebody has claimed the socket id `sid`, perhaps through this very store.
  virtual void claimed(const std::string& sid, Fence fence) = 0;
  /// Something may have been missed, and will be until claims_heard() and, for each subscription
  /// that is still wanted, subscribed() come again; they do by themselves.
  virtual void lost() = 0;

 protected:
  ~BusListener() = default;
};

/// Used from one loop's thread; the listener is called and `done` runs there too.
class EventBus {
 public:
  /// Sets who hears of events and claims. Once, before anything else of what follows. The listener
  /// outlives the store.
  virtual void listen(BusListener& listener) = 0;
  /// Asks for the program's events; subscribed() answers, perhaps much later. Once a program.
  virtual void subscribe(const std::string& program) = 0;
  /// No event of the program is heard after this call.
  virtual void unsubscribe(const std::string& program) = 0;
  /// Calls `done(true)` when all that was published before the call has been heard; `done(false)`
  /// when that cannot be said: lost() has come or comes.
  virtual void probe(std::function<void(bool)> done) = 0;
  /// Drops the subscriptions and begins anew, because what is heard cannot be trusted any more.
  /// lost() comes, in this call or later.
  virtual void listen_again() = 0;
  /// Whether events and claims are heard now.
  [[nodiscard]] virtual bool hears() const = 0;

  /// One consistent answer for all programs asked for: it holds every append reported before.
  virtual void read(std::vector<ReadRequest> requests, Done<ReadReply> done) = 0;

 protected:
  ~EventBus() = default;
};

}  // namespace crier::history

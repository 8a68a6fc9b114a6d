#pragma once

// What a browser gives to a page: requests over kept connections, WebSockets, and a queue of
// microtasks. Only what the official client uses of it.

#include "network.hpp"
#include "world.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace crier::simulation {

/// A page's thread. Everything that comes from outside runs as a task; what a task puts off runs
/// right after it.
class Page {
 public:
  Page(World& world, Dice dice, std::string name)
      : world(world), dice(dice), name(std::move(name)) {}

  void task(const std::function<void()>& run);
  void microtask(std::function<void()> run) { microtasks_.push_back(std::move(run)); }
  /// Runs `action` as a task after `delay`.
  void after(Duration delay, std::function<void()> action);

  World& world;
  Dice dice;
  std::string name;
  TimePoint reads_from{};  ///< Nothing is read from the network before: a slow or sleeping page.

 private:
  std::deque<std::function<void()>> microtasks_;
  bool running_ = false;
};

/// One connection of the page.
class PageConnection : public EndUser, public std::enable_shared_from_this<PageConnection> {
 public:
  PageConnection(Page& page, std::shared_ptr<Wire> wire);
  virtual ~PageConnection();
  void start();
  void send(std::string bytes);
  void close(bool reset);
  [[nodiscard]] Wire& wire() { return *wire_; }

  void end_readable() override;
  void end_writable() override;

 protected:
  virtual void received(std::string_view bytes) = 0;
  /// `failed`: by a reset.
  virtual void ended(bool failed) = 0;
  Page& page_;

 private:
  void write();
  std::shared_ptr<Wire> wire_;
  std::string unsent_;
  bool closed_ = false;
};

/// Requests to one server. A GET whose kept connection broke before an answer began is repeated,
/// the same to the byte, as browsers do; so is a POST.
class Requests : public std::enable_shared_from_this<Requests> {
 public:
  /// `status` 0: the network failed.
  using Done = std::function<void(int status, const std::string& body)>;

  Requests(Page& page, std::uint16_t port) : page_(page), port_(port) {}
  ~Requests();
  void send(const std::string& method, const std::string& target, const std::string& body,
            Done done);
  [[nodiscard]] std::size_t repeats() const { return repeats_; }

 private:
  class Connection;
  struct Exchange {
    std::string bytes;
    Done done;
    bool repeated = false;
  };
  void run(const std::shared_ptr<Exchange>& exchange);
  void finished(const std::shared_ptr<Connection>& connection, bool keep);
  void failed(const std::shared_ptr<Connection>& connection, const std::shared_ptr<Exchange>& what,
              bool answer_began);

  Page& page_;
  std::uint16_t port_;
  std::vector<std::shared_ptr<Connection>> connections_;  ///< Busy and idle.
  std::size_t repeats_ = 0;
};

/// A WebSocket as JavaScript sees it.
class WebSocket : public std::enable_shared_from_this<WebSocket> {
 public:
  struct Handlers {
    std::function<void()> open;
    std::function<void(std::string_view text)> message;
    std::function<void()> error;
    std::function<void()> close;
  };
  WebSocket(Page& page, std::uint16_t port, std::string target, Handlers handlers);
  ~WebSocket();
  void start();
  void send(std::string_view text);
  void close();

 private:
  class Connection;
  enum class State : std::uint8_t { connecting, open, closing, closed };
  void connected(const std::shared_ptr<Wire>& wire);
  void receive(std::string_view bytes);
  bool take_answer();
  bool take_frame();
  void frame(unsigned opcode, std::string_view payload);
  void send_frame(unsigned opcode, std::string_view payload);
  void lost(bool failed);

  Page& page_;
  std::uint16_t port_;
  std::string target_;
  Handlers handlers_;
  State state_ = State::connecting;
  std::shared_ptr<Connection> connection_;
  std::string input_;
  bool answered_ = false;
};

}  // namespace crier::simulation

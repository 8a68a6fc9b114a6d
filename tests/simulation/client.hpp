#pragma once

// The official Socket.IO client on one page: manager, socket of the main namespace, and an
// application that counts what its handlers see. Follows socket.io-client 4.8.

#include "browser.hpp"
#include "engine_client.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::simulation {

/// What the application adds to the official client's own recovery.
class Client;

enum class CursorKind : std::uint8_t {
  none,
  event_id,
  timestamp,
  iso_time,   ///< The same as text.
  session,    ///< A word of its own, always the same.
  future,     ///< What the history has not numbered yet.
  unreadable  ///< Something that no gateway has given, or has given to somebody else.
};

struct ClientOptions {
  std::string user;
  std::string token;
  Transports transports = Transports::polling_then_websocket;
  CursorKind cursor = CursorKind::none;
  bool knows_pid = true;  ///< False: a client without any recovery of its own.
  /// Some of its connects are with a pid that nobody can open for it: the secret was rotated, or it
  /// was another user's.
  bool loses_pid = false;
  /// One of another user, for a pid that is not its own; null: there is none.
  std::function<const Client*()> other_user = {};
};

/// What an application (and the checker behind it) learns.
class Application {
 public:
  virtual ~Application() = default;
  /// The CONNECT packet has been handed to the transport.
  virtual void connecting(Client& client, std::string_view auth) = 0;
  /// CONNECT has come: before events that waited for it are handled.
  virtual void connected(Client& client, bool recovered) = 0;
  virtual void event(Client& client, std::string_view name,
                     const std::vector<std::string_view>& arguments) = 0;
  virtual void disconnected(Client& client, std::string_view reason) = 0;
  /// Final: the client does not come back by itself.
  virtual void refused(Client& client, std::string_view why) = 0;
};

class Client {
 public:
  /// `route` names the port to connect to: a load balancer's choice.
  Client(World& world, std::string name, ClientOptions options,
         std::function<std::uint16_t()> route, Application& application);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void start();
  /// The page is loaded anew: what the script kept is gone, what it stored is not.
  void reload();
  /// Reads nothing for so long.
  void sleep(Duration time) { page_->reads_from = page_->world.now() + time; }
  /// Leaves for good.
  void stop();

  [[nodiscard]] const std::string& name() const { return page_->name; }
  [[nodiscard]] const ClientOptions& options() const { return options_; }
  [[nodiscard]] bool is_connected() const { return connected_; }
  [[nodiscard]] const std::string& sid() const { return id_; }
  [[nodiscard]] const std::optional<std::string>& pid() const { return pid_; }
  [[nodiscard]] const std::optional<std::string>& offset() const { return last_offset_; }
  [[nodiscard]] bool has_lost_pid() const { return has_lost_pid_; }
  [[nodiscard]] std::size_t repeated_polls() const { return repeated_polls_; }
  /// Where its latest connection leads.
  [[nodiscard]] std::uint16_t port() const { return engine_ ? engine_->port() : 0; }
  [[nodiscard]] std::size_t upgrades() const { return upgrades_; }

  // What the application stores, as in the browser's storage.
  std::string stored_id;
  std::int64_t stored_timestamp_ms = 0;

 private:
  // Manager.
  void open(bool reconnecting);
  void engine_failed(bool reconnecting);
  void engine_opened(bool reconnecting);
  void engine_data(std::string_view data);
  void manager_closed(std::string_view reason);
  void reconnect();
  Duration backoff();
  void detach();

  // Socket.
  void send_connect();
  void lose_pid();
  [[nodiscard]] std::string auth();
  [[nodiscard]] std::string cursor();
  [[nodiscard]] std::string future();
  [[nodiscard]] std::string unreadable();
  void packet(std::string_view packet);
  void on_connect(std::string_view data);
  void on_event(std::string_view data);
  void emit(std::string_view data);
  void destroy(std::string_view why);

  std::shared_ptr<Page> page_;
  Dice losses_;
  ClientOptions options_;
  std::function<std::uint16_t()> route_;
  Application& application_;

  std::shared_ptr<EngineClient> engine_;
  std::vector<std::shared_ptr<EngineClient>> past_;  ///< Their last requests may be under way.
  bool started_ = false;
  bool manager_open_ = false;
  bool reconnecting_ = false;
  bool skip_reconnect_ = false;
  unsigned attempts_ = 0;
  std::uint64_t generation_ = 0;  ///< Of the script: timers of an earlier one are void.
  std::uint64_t opening_ = 0;

  bool connected_ = false;
  std::string id_;
  std::optional<std::string> pid_;
  bool has_lost_pid_ = false;
  bool hears_nothing_ = false;  ///< Its connection is about to be cut.
  std::optional<std::string> last_offset_;
  std::vector<std::string> receive_buffer_;
  std::size_t repeated_polls_ = 0;
  std::size_t upgrades_ = 0;
};

}  // namespace crier::simulation

#pragma once

// A connection to a Redis server, as its users see it.

#include "backends/redis/client/url.hpp"
#include "base/random.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <hiredis/hiredis.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::redis {

class Discovery;

/// Where a server is, and how long to wait for it.
struct ConnectionOptions {
  std::string url = "redis://127.0.0.1:6379/0";  ///< As url.hpp has it.
  std::string ca_file = {};           ///< PEM, for rediss: whom to trust instead of the system's.
  std::string certificate_file = {};  ///< PEM, for rediss: shown to a server that asks; with
  std::string key_file = {};          ///< its key, which may be in the same file.
  std::string sentinel_user = {};     ///< For the Sentinels themselves, if they want a password.
  std::string sentinel_password = {};
  std::chrono::milliseconds connect_timeout{1000};
  std::chrono::milliseconds command_timeout{2000};  ///< Then the connection counts as lost.
  std::chrono::milliseconds retry_min{100};         ///< Between attempts to connect; doubles, with
  std::chrono::milliseconds retry_max{2000};        ///< jitter, up to this.
};

/// What a connection tells its one user, who may destroy it in either call.
class ConnectionUser {
 public:
  /// A new connection is there; AUTH and SELECT, if the URL wants them, are on their way. A server
  /// that had to be found has said that it is a master. Whether it is of use otherwise is for the
  /// user to find out: then settled(), or else drop().
  virtual void on_connected() = 0;
  /// An attempt failed, or the connection is gone. Commands without an answer fail right after
  /// this call; the next attempt follows by itself. `why` never holds a secret.
  virtual void on_lost(const std::string& why) = 0;
  /// An answer that begins with a word, which may be a message or the confirmation of a
  /// subscription. True: taken. False: it is the answer to the oldest command that waits for one.
  virtual bool on_push(const redisReply& /*push*/) { return false; }

 protected:
  ~ConnectionUser() = default;
};

/// One pipelined connection to a Redis server, which comes back by itself: each attempt waits twice
/// as long as the one before, with jitter. With Sentinel or a cluster each attempt first asks where
/// the server is, another node than the attempt before: so whoever finds that this server serves no
/// longer (READONLY, MOVED, ASK, CLUSTERDOWN, an ended subscription) drops it. Commands of one turn
/// of the loop leave in one write. Used and destroyed on the loop's thread.
class Connection final : private net::StreamUser {
 public:
  /// Called once, with the server's answer, or null when the connection was lost before it: the
  /// command may or may not have been carried out. Not called once the connection is destroyed.
  using Done = std::function<void(const redisReply*)>;

  /// `random` and `user` outlive it. The first attempt starts at once.
  Connection(net::Loop& loop, Url url, const ConnectionOptions& options, Random& random,
             ConnectionUser& user);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Without a connection, `done(nullptr)` is called before this returns; else only later.
  void send(const std::vector<std::string>& command, Done done);

  /// Sends a command that is answered by pushes only, or by one error, which ends the connection
  /// unless a later command takes it for its own answer.
  void send_for_pushes(const std::vector<std::string>& command);

  /// No command waits for its answer.
  [[nodiscard]] bool idle() const { return pending_.empty(); }

  /// Ends this connection, if there is one, as if it had been lost.
  void drop(const std::string& why) {
    if (stream_) lose(why);
  }

  /// The server is of use: the next attempts start with the shortest wait again.
  void settled() { failures_ = 0; }

 private:
  void on_readable() override;
  void on_writable() override;

  void attempt();
  void search();
  void connect(const Host& node);
  void expect_master();
  void begin(net::Stream stream);
  void expect_ok(const std::vector<std::string>& command);
  bool take_answers();
  void schedule_flush(bool was_idle);
  void flush();
  void check_timeout();
  void lose(const std::string& why);
  Duration next_wait();

  struct FreeReader {
    void operator()(redisReader* reader) const { redisReaderFree(reader); }
  };
  struct Mark {};  ///< Alive as long as what it marks.

  net::Loop& loop_;
  const Url url_;
  const ConnectionOptions options_;
  Random& random_;
  ConnectionUser& user_;
  std::unique_ptr<Discovery> discovery_;  ///< The newest search.
  std::size_t searches_ = 0;
  std::vector<Host> learned_;  ///< Nodes of the cluster, from the last search that succeeded.
  std::unique_ptr<net::Connecting> connecting_;
  std::optional<net::Stream> stream_;
  std::unique_ptr<redisReader, FreeReader> reader_;
  std::deque<Done> pending_;
  std::string queued_;       ///< Not handed to the stream yet;
  std::string writing_;      ///< being written,
  std::size_t written_ = 0;  ///< up to here.
  bool flush_scheduled_ = false;
  bool write_blocked_ = false;  ///< Waiting to be writable, or broken.
  TimePoint progress_{};        ///< When the oldest command was sent, or bytes came since.
  bool timeout_armed_ = false;
  unsigned failures_ = 0;
  std::shared_ptr<Mark> alive_ = std::make_shared<Mark>();
  std::shared_ptr<Mark> connected_;
  net::Timer timeout_;
  net::Timer retry_;
};

/// The URL in `options`, if it is understood and the files for TLS can be used; else one sentence,
/// without a password.
Result<Url, std::string> checked_url(const ConnectionOptions& options);

/// The first word of an error answer, such as `NOSCRIPT`; `answer` if it has none.
std::string error_code(const redisReply& error);
/// The text of an error answer, to be shown: without what it may quote of the command, shortened,
/// and without control characters.
std::string error_text(const redisReply& error);

}  // namespace crier::redis

// Connects to a Redis server, reconnects with backoff, and pipelines commands.

#include "backends/redis/client/connection.hpp"

#include "backends/redis/client/discovery.hpp"
#include "backends/redis/client/topology.hpp"
#include "base/assert.hpp"
#include "net/tls.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace crier::redis {
namespace {

constexpr int reads_a_turn = 16;
constexpr unsigned doublings_max = 20;
constexpr std::size_t error_text_max = 200;

/// Appends a command in the Redis protocol: an array of bulk strings.
void write_command(std::string& out, const std::vector<std::string>& command) {
  out.append("*").append(std::to_string(command.size())).append("\r\n");
  for (const std::string& argument : command) {
    out.append("$").append(std::to_string(argument.size())).append("\r\n");
    out.append(argument).append("\r\n");
  }
}

bool may_be_push(const redisReply& reply) {
  return reply.type == REDIS_REPLY_ARRAY && reply.elements > 0 &&
         reply.element[0]->type == REDIS_REPLY_STRING;
}

net::TlsFiles tls_files(const ConnectionOptions& options) {
  return {options.ca_file, options.certificate_file, options.key_file};
}

struct FreeReply {
  void operator()(void* reply) const { freeReplyObject(reply); }
};

}  // namespace

Result<Url, std::string> checked_url(const ConnectionOptions& options) {
  auto url = parse_url(options.url);
  if (!url) return url;
  if (!url->tls) {
    // Who names them expects that nobody can listen in.
    const bool no_files =
        options.ca_file.empty() && options.certificate_file.empty() && options.key_file.empty();
    if (no_files) return url;
    return Unexpected{
        std::string("The Redis URL must begin with rediss: files for TLS are named.")};
  }
  const auto tls = net::TlsClient::load(tls_files(options));
  if (!tls) return Unexpected{"For Redis " + tls.error() + "."};
  return url;
}

std::string error_code(const redisReply& error) {
  const std::string_view text(error.str, static_cast<std::size_t>(error.len));
  const std::size_t end = text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
  const std::string_view code = text.substr(0, end);
  return code.empty() ? "answer" : std::string(code);
}

std::string error_text(const redisReply& error) {
  std::string text(error.str, static_cast<std::size_t>(error.len));
  for (const std::string_view quote : {", with args beginning with", " Args: "}) {
    text.resize(std::min(text.find(quote), text.size()));
  }
  text.resize(std::min(text.size(), error_text_max));
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

Connection::Connection(net::Loop& loop, Url url, const ConnectionOptions& options, Random& random,
                       ConnectionUser& user)
    : loop_(loop),
      url_(std::move(url)),
      options_(options),
      random_(random),
      user_(user),
      timeout_(loop, [this] { check_timeout(); }),
      retry_(loop, [this] { attempt(); }) {
  attempt();
}

Connection::~Connection() = default;

void Connection::attempt() {
  if (url_.form != Form::single) return search();
  connect(url_.nodes.front());
}

/// Each search begins with another node: the one before may have told of a server that is gone.
void Connection::search() {
  std::vector<Host> nodes = url_.nodes;
  for (const Host& node : learned_) {
    if (std::ranges::find(nodes, node) == nodes.end()) nodes.push_back(node);
  }
  const auto first = static_cast<std::ptrdiff_t>(searches_++ % nodes.size());
  std::rotate(nodes.begin(), nodes.begin() + first, nodes.end());
  discovery_ = std::make_unique<Discovery>(loop_, url_, std::move(nodes), options_, random_,
                                           [this](Result<Found, std::string> found) {
                                             if (!found) return lose(found.error());
                                             learned_ = std::move(found->nodes);
                                             connect(found->server);
                                           });
}

void Connection::connect(const Host& node) {
  std::shared_ptr<const net::TlsClient> tls;
  if (url_.tls) {
    auto loaded = net::TlsClient::load(tls_files(options_));
    if (!loaded) {
      // Later, because the constructor must not call back.
      return loop_.post([this, mark = std::weak_ptr<Mark>(alive_), why = loaded.error()] {
        if (!mark.expired()) lose(why);
      });
    }
    tls = std::move(loaded).value();
  }
  connecting_ = std::make_unique<net::Connecting>(
      loop_, node.name, node.port, options_.connect_timeout,
      [this](Result<net::Stream, std::string> stream) {
        if (!stream) return lose(stream.error());
        begin(std::move(stream).value());
      },
      std::move(tls));
}

void Connection::begin(net::Stream stream) {
  stream_.emplace(std::move(stream));
  stream_->set_user(*this);
  stream_->wait_readable();
  reader_.reset(redisReaderCreate());
  CRIER_ASSERT(reader_ != nullptr);
  connected_ = std::make_shared<Mark>();
  if (url_.credentials) {
    const auto& [user, password] = *url_.credentials;
    if (user.empty()) {
      expect_ok({"AUTH", password});
    } else {
      expect_ok({"AUTH", user, password});
    }
  }
  if (url_.database != 0) expect_ok({"SELECT", std::to_string(url_.database)});
  if (url_.form != Form::single) return expect_master();
  user_.on_connected();
}

void Connection::expect_master() {
  send({"ROLE"}, [this](const redisReply* reply) {
    if (reply == nullptr) return;
    if (reply->type == REDIS_REPLY_ERROR) {
      return lose("refused ROLE (" + error_text(*reply) + ")");
    }
    if (!is_master(*reply)) return lose("the server that was found is not a master");
    user_.on_connected();
  });
}

void Connection::expect_ok(const std::vector<std::string>& command) {
  send(command, [this, name = command.front()](const redisReply* reply) {
    if (reply == nullptr || reply->type != REDIS_REPLY_ERROR) return;
    std::string text = error_text(*reply);
    // Whatever a server makes of AUTH, the password stays here.
    const auto& password = url_.credentials ? url_.credentials->password : std::string();
    if (!password.empty() && text.find(password) != text.npos) text = error_code(*reply);
    lose("refused " + name + " (" + text + ")");
  });
}

void Connection::send(const std::vector<std::string>& command, Done done) {
  if (!stream_) return done(nullptr);
  const bool was_idle = pending_.empty();
  write_command(queued_, command);
  pending_.push_back(std::move(done));
  if (was_idle) progress_ = loop_.now();
  if (!timeout_armed_) {
    timeout_armed_ = true;
    timeout_.arm(progress_ + options_.command_timeout);
  }
  schedule_flush(was_idle);
}

void Connection::send_for_pushes(const std::vector<std::string>& command) {
  if (!stream_) return;
  write_command(queued_, command);
  schedule_flush(false);
}

/// A lone command leaves at once; what follows it in this turn leaves together.
void Connection::schedule_flush(bool was_idle) {
  if (write_blocked_ || flush_scheduled_) return;
  if (was_idle) return flush();
  flush_scheduled_ = true;
  loop_.post([this, mark = std::weak_ptr<Mark>(connected_)] {
    if (mark.expired()) return;
    flush_scheduled_ = false;
    flush();
  });
}

void Connection::flush() {
  if (write_blocked_) return;
  while (true) {
    if (written_ == writing_.size()) {
      writing_.clear();
      written_ = 0;
      if (queued_.empty()) return;
      std::swap(writing_, queued_);
    }
    const net::IoResult result = stream_->write(std::string_view(writing_).substr(written_));
    written_ += result.bytes;
    if (result.status == net::IoStatus::done) continue;
    write_blocked_ = true;
    if (result.status == net::IoStatus::would_block) return stream_->wait_writable();
    // Later, because send() must not call back; what the server said last comes first.
    loop_.post([this, mark = std::weak_ptr<Mark>(connected_)] {
      if (!mark.expired()) on_readable();
      if (!mark.expired()) lose("the connection broke");
    });
    return;
  }
}

void Connection::on_writable() {
  write_blocked_ = false;
  flush();
}

void Connection::on_readable() {
  std::array<char, 65536> buffer;  // NOLINT: filled by the read
  for (int i = 0; i < reads_a_turn; ++i) {
    const net::IoResult result = stream_->read(buffer);
    if (result.status == net::IoStatus::would_block) break;
    if (result.status == net::IoStatus::closed) return lose("the server closed the connection");
    if (result.status == net::IoStatus::failed) return lose(stream_->failure());
    progress_ = loop_.now();
    if (redisReaderFeed(reader_.get(), buffer.data(), result.bytes) != REDIS_OK) {
      return lose("an answer that is not Redis protocol");
    }
    if (!take_answers()) return;
  }
  stream_->wait_readable();
}

/// False: this connection, or the whole object, is gone.
bool Connection::take_answers() {
  const std::weak_ptr<Mark> mark = connected_;
  while (true) {
    void* raw = nullptr;
    const int status = redisReaderGetReply(reader_.get(), &raw);
    const std::unique_ptr<redisReply, FreeReply> reply(static_cast<redisReply*>(raw));
    if (status == REDIS_OK && reply == nullptr) return true;
    if (status == REDIS_OK && may_be_push(*reply)) {
      const bool taken = user_.on_push(*reply);
      if (mark.expired()) return false;
      if (taken) continue;
    }
    if (status != REDIS_OK || pending_.empty()) {
      lose("an answer that is not Redis protocol");
      return false;
    }
    const Done done = std::move(pending_.front());
    pending_.pop_front();
    done(reply.get());
    if (mark.expired()) return false;
  }
}

void Connection::check_timeout() {
  timeout_armed_ = false;
  if (pending_.empty()) return;
  const TimePoint due = progress_ + options_.command_timeout;
  if (loop_.now() >= due) return lose("no answer in time");
  timeout_armed_ = true;
  timeout_.arm(due);
}

void Connection::lose(const std::string& why) {
  connected_.reset();
  stream_.reset();
  reader_.reset();
  queued_.clear();
  writing_.clear();
  written_ = 0;
  flush_scheduled_ = write_blocked_ = timeout_armed_ = false;
  timeout_.cancel();
  const std::deque<Done> unanswered = std::exchange(pending_, {});
  retry_.arm(loop_.now() + next_wait());

  const std::weak_ptr<Mark> mark = alive_;
  user_.on_lost(why);
  for (const Done& done : unanswered) {
    if (mark.expired()) return;
    done(nullptr);
  }
}

Duration Connection::next_wait() {
  const Duration longest = options_.retry_max;
  const Duration wait =
      std::min(longest, Duration(options_.retry_min) * (1U << std::min(failures_, doublings_max)));
  ++failures_;
  return wait / 2 +
         Duration(static_cast<Duration::rep>(random_.number() % 1024) * wait.count() / 2048);
}

}  // namespace crier::redis

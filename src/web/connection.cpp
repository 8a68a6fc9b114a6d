// Serves one HTTP or WebSocket connection.

#include "web/connection.hpp"

#include "base/assert.hpp"
#include "web/worker.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace crier::web {

namespace {

constexpr std::size_t held_bytes_max = 64 * 1024;
constexpr std::size_t answers_bytes_max = 256 * 1024;  // that a peer does not read
constexpr std::chrono::milliseconds drain_timeout{2'000};
constexpr int reads_a_turn = 8;
constexpr std::size_t offer_bytes = 256 * 1024;
constexpr std::size_t tls_offer_bytes = 16 * 1024;  // as many as a record holds

}  // namespace

Connection::Connection(Worker& worker, Key key, net::Stream stream)
    : worker_(worker),
      key_(key),
      stream_(std::move(stream)),
      http_(std::make_unique<Http>(worker.options().http)) {
  stream_.set_user(*this);
  set_deadline();
  stream_.wait_readable();
}

Connection::Connection(Worker& worker, Key key, net::Stream stream, Parcel& parcel)
    : worker_(worker),
      key_(key),
      stream_(std::move(stream)),
      http_(std::move(parcel.http)),
      outbox_(std::move(parcel.outbox)) {
  stream_.set_user(*this);
}

Connection::~Connection() = default;

// Moving. Nothing is read or parsed between move_to() and arrived(), on the other side.

void Connection::move_to(Worker& other) {
  CRIER_ASSERT(http_ && http_->phase == Phase::body);
  moving_to_ = &other;
  worker_.loop().post([&worker = worker_, key = key_] {
    if (Connection* connection = worker.find(key)) connection->leave();
  });
}

void Connection::leave() {
  if (closed()) return;
  if (ending()) {  // answered meanwhile: it has only to see the peer's end
    moving_to_ = nullptr;
    stream_.wait_readable();
    return;
  }
  auto parcel = std::make_shared<Parcel>(
      Parcel{std::move(stream_).detach(), std::move(http_), std::move(outbox_)});
  ++worker_.totals().connections;  // which close() takes off again: it counts on its way
  close();
  moving_to_->loop().post([&to = *moving_to_, parcel] { to.receive(*parcel); });
}

void Connection::arrived() {
  if (outbox_ && outbox_->due() == Outbox::Due::writable) {
    stream_.wait_writable();
  } else if (outbox_) {
    worker_.mark_dirty(key_);
  }
  head_seen();
  complete_empty_body();
  set_deadline();
  resume();
  if (closed() || (http_ && http_->paused)) return;
  stream_.wait_readable();
}

// Reading. While a request is in hand, or answers pile up, what comes behind it is held, and when
// that is much nothing more is read.

void Connection::on_readable() {
  if (closed()) return;
  for (int reads = 0; reads < reads_a_turn; ++reads) {
    const auto scratch = worker_.scratch();
    const auto result = stream_.read(scratch);
    if (result.status == net::IoStatus::would_block) break;
    if (result.status != net::IoStatus::done) {
      peer_gone(result.status == net::IoStatus::failed);
      return;
    }
    read_input(scratch.first(result.bytes));
    if (closed()) return;
    if (result.bytes < scratch.size() || holds_much() || moving_to_ != nullptr) break;
  }
  if (holds_much()) {
    http_->paused = true;  // resume() asks again
    return;
  }
  if (moving_to_ == nullptr) stream_.wait_readable();
  // What answers it leaves now: a peer that waits for it need not wait for others' turn.
  if (!closed() && outbox_ && outbox_->due() == Outbox::Due::turn_end) flush();
}

bool Connection::holds_much() const {
  return http_ != nullptr && http_->held.size() - http_->held_begin > held_bytes_max;
}

void Connection::read_input(std::span<char> bytes) {
  if (ending()) return;
  if (reader_) {
    read_websocket(bytes);
    return;
  }
  if (http_->held.empty()) {
    const auto rest = parse(bytes);
    if (http_ && !closed()) http_->held.append(rest.data(), rest.size());
  } else {
    http_->held.erase(0, std::exchange(http_->held_begin, 0));
    http_->held.append(bytes.data(), bytes.size());
  }
}

std::span<char> Connection::parse(std::span<char> bytes) {
  std::string_view input(bytes.data(), bytes.size());
  http_->parsing = true;
  while (parse_step(input)) {
  }
  if (closed()) return {};
  http_->parsing = false;
  const auto rest = bytes.last(input.size());
  if (reader_) {
    http_.reset();
    set_deadline();
    if (!rest.empty()) read_websocket(rest);
    return {};
  }
  set_deadline();
  return rest;
}

void Connection::resume() {
  if (ending() || moving_to_ != nullptr) return;
  if (!http_ || http_->phase == Phase::in_hand) return;
  if (!http_->held.empty() || reader_) {
    std::string held = std::exchange(http_->held, {});
    const std::size_t begin = std::exchange(http_->held_begin, 0);
    const std::size_t rest = parse(std::span(held).subspan(begin)).size();
    if (!http_ || closed()) return;
    if (rest > 0) {
      http_->held_begin = held.size() - rest;
      http_->held = std::move(held);
    }
  }
  if (http_->paused && moving_to_ == nullptr && !holds_much()) {
    http_->paused = false;
    stream_.wait_readable();
  }
}

bool Connection::parse_step(std::string_view& input) {
  if (ending() || reader_ || http_->phase == Phase::in_hand) return false;
  if (moving_to_ != nullptr) return false;
  if (input.empty() || backlog_bytes() > answers_bytes_max) return false;
  switch (http_->parser.receive(input)) {
    case http::Progress::more:
      if (http_->phase == Phase::idle && http_->parser.in_request()) http_->phase = Phase::head;
      return false;
    case http::Progress::head:
      head_seen();
      if (input.empty()) complete_empty_body();
      return true;
    case http::Progress::complete:
      request_complete();
      return true;
    case http::Progress::failed:
      request_failed();
      return false;
  }
  return false;
}

// The body may be complete already without another byte of input.
void Connection::complete_empty_body() {
  if (ending() || moving_to_ != nullptr || http_->phase != Phase::body) return;
  std::string_view none;
  const auto progress = http_->parser.receive(none);
  if (progress == http::Progress::complete) request_complete();
  if (progress == http::Progress::failed) request_failed();
}

void Connection::head_seen() {
  const http::Request& request = http_->parser.request();
  owner = 0;
  http_->answered = false;
  http_->phase = Phase::body;
  http_->keep_alive = request.keep_alive;
  http_->head_only = request.method == http::Method::head;
  http_->origin = request.header("origin");
  endpoint_ = worker_.endpoint_for(request.path());
  const std::size_t body_max = endpoint_->head(*this, request);
  if (ending() || moving_to_ != nullptr) return;
  if (http_->phase != Phase::body) {  // answered: the body is not wanted
    close_after_flush();
    return;
  }
  http_->parser.set_body_bytes_max(body_max);
  if (request.expects_continue && request.version_minor >= 1) {
    queue(Bytes("HTTP/1.1 100 Continue\r\n\r\n"));
  }
}

void Connection::request_complete() {
  http_->phase = Phase::in_hand;
  request_deadline_ = never;
  http::Request request = std::move(http_->parser.request());
  http_->parser.reset();
  endpoint_->request(*this, request);
}

void Connection::request_failed() {
  const int status = http_->parser.status();
  if (!http_->answered) log_no_request();
  const bool has_head = http_->phase == Phase::body;
  http_->phase = Phase::in_hand;
  http_->keep_alive = false;
  if (has_head) {
    endpoint_->body_failed(*this, status);
  } else {
    endpoint_ = nullptr;
    answer({status, {}, {}});
  }
}

// TLS where there is none, and the reverse, show here.
void Connection::log_no_request() const {
  worker_.log(LogLevel::debug, "a connection began without an HTTP request",
              {{"peer", stream_.peer_address()}, {"reason", stream_.failure()}});
}

// HTTP.

void Connection::answer(const http::Response& response) {
  CRIER_ASSERT(http_ && (http_->phase == Phase::body || http_->phase == Phase::in_hand));
  const bool keep_alive = http_->keep_alive && http_->phase == Phase::in_hand && !half_closed_;
  queue(Bytes(http::serialize(response, keep_alive, http_->head_only)));
  for (const Bytes& piece : http::pieces_behind(response, http_->head_only)) queue(piece);
  http_->phase = Phase::idle;
  http_->answered = true;
  if (!keep_alive) {
    close_after_flush();
    return;
  }
  if (http_->parsing) return;
  set_deadline();
  resume_later();
}

void Connection::resume_later() {
  if (http_->phase == Phase::in_hand || (http_->held.empty() && !http_->paused)) return;
  worker_.loop().post([&worker = worker_, key = key_] {
    if (Connection* connection = worker.find(key)) connection->resume();
  });
}

bool Connection::awaits_answer() const {
  return !closed() && http_ && (http_->phase == Phase::body || http_->phase == Phase::in_hand);
}

void Connection::close_after_answer() {
  if (http_) http_->keep_alive = false;
}

std::string_view Connection::origin() const {
  return http_ ? std::string_view(http_->origin) : std::string_view();
}

void Connection::abort() {
  stream_.reset_on_close();
  close();
}

// WebSocket.

void Connection::open_websocket(std::string_view response, const websocket::ReaderLimits& limits,
                                websocket::Inflater* inflater) {
  CRIER_ASSERT(http_ && http_->phase == Phase::in_hand);
  http_->phase = Phase::idle;
  reader_ = std::make_unique<websocket::Reader>(limits, inflater);
  queue(Bytes(std::string(response)));
}

void Connection::read_websocket(std::span<char> input) {
  while (!ending()) {
    auto message = reader_->next(input);
    if (!message) {
      queue(Bytes(websocket::close_frame(message.error())));
      endpoint_->websocket_lost(*this, true);
      if (!closed()) close_after_flush();
      return;
    }
    if (!message.value()) return;
    websocket_message(*message.value());
  }
}

void Connection::websocket_message(const websocket::Message& message) {
  switch (message.opcode) {
    case websocket::Opcode::ping:
      if (outbox().add_pong(Bytes(websocket::frame(websocket::Opcode::pong, message.data)))) {
        worker_.mark_dirty(key_);
      }
      return;
    case websocket::Opcode::pong:
      return;
    case websocket::Opcode::close:
      queue(Bytes(websocket::close_frame(message.close_code)));
      endpoint_->websocket_lost(*this, false);
      if (!closed()) close_after_flush();
      return;
    default:
      endpoint_->message(*this, message);
  }
}

// Ending.

void Connection::peer_gone(bool error) {
  if (error && http_ && http_->phase == Phase::idle && !http_->answered) log_no_request();
  if (!error && owes_half_closed()) {
    half_closed_ = true;
    return;
  }
  if (ending()) {
    report_lost_answer(error);
    close();
    return;
  }
  tell_lost(error);
  if (closed()) return;
  if (!error && outbox_) {  // an answer that is queued still goes to a peer that has only ended
    half_closed_ = true;
    close_after_flush();
    return;
  }
  close();
}

/// Whether a peer that has only ended its sending half, and may still read, is to get something
/// before the connection closes: the rest of what is queued, or an answer that is not there yet.
bool Connection::owes_half_closed() const {
  if (ending_ == Ending::flushing) return outbox_ != nullptr;
  return !ending() && http_ && http_->phase == Phase::in_hand && endpoint_->answers_half_closed();
}

void Connection::tell_lost(bool error) {
  if (reader_) {
    endpoint_->websocket_lost(*this, error);
  } else if (awaits_answer()) {
    endpoint_->lost(*this, false);
  } else {
    report_lost_answer(error);
  }
}

// A peer that ends in good order after it has acknowledged everything has its answer.
void Connection::report_lost_answer(bool error) {
  if (!http_ || !http_->answered || endpoint_ == nullptr) return;
  if (!error && !outbox_ && stream_.all_acknowledged()) return;
  endpoint_->lost(*this, true);
}

void Connection::close_after_flush() {
  if (ending()) return;
  ending_ = Ending::flushing;
  if (outbox_) outbox_->end();
  set_deadline();
  if (!outbox_) finish_sending();
}

void Connection::disown() {
  owner = 0;
  if (ending()) return;
  disowned_ = true;
  set_deadline();
}

void Connection::finish_sending() {
  stream_.shut_down_write();
  if (half_closed_) {
    close();
    return;
  }
  ending_ = Ending::draining;
  worker_.set_deadline(key_, worker_.now() + drain_timeout);
}

void Connection::close() {
  if (closed()) return;
  ending_ = Ending::closed;
  worker_.forget(key_);
}

void Connection::expired() {
  if (closed()) return;
  if (is_sending() && request_deadline_ > worker_.now()) return check_progress();
  // A WebSocket that is neither closing nor disowned has no other deadline: its peer has taken
  // since what it was slow to take.
  if (reader_ && !ending() && !disowned_) return set_deadline();
  if (!ending() && http_ && (http_->phase == Phase::head || http_->phase == Phase::body)) {
    http_->keep_alive = false;
    if (http_->phase == Phase::body) {
      endpoint_->lost(*this, false);
      if (closed() || !awaits_answer()) return;
    }
    http_->phase = Phase::in_hand;
    answer({408, {}, {}});
    return;
  }
  report_lost_answer(false);
  if (!closed()) close();
}

/// Whether it has bytes for a peer that is to take them in time. (A connection that closes has its
/// own time.)
bool Connection::is_sending() const {
  return outbox_ && outbox_->due() == Outbox::Due::writable && !ending() && !disowned_;
}

TimePoint Connection::stalls_at() const {
  return is_sending() ? outbox_->taken_at() + worker_.options().slow_reader_timeout : never;
}

void Connection::check_progress() {
  if (worker_.now() < stalls_at()) return set_deadline();
  endpoint_->stalled(*this);
  if (!closed()) abort();
}

void Connection::set_deadline() {
  TimePoint deadline = never;
  const auto& options = worker_.options();
  if (ending() || disowned_) {
    deadline = worker_.now() + options.request_timeout;
  } else if (http_ && !reader_) {
    // The clock of a request starts with its first byte and is not moved on by later ones.
    if (http_->phase == Phase::head || http_->phase == Phase::body) {
      if (request_deadline_ == never) request_deadline_ = worker_.now() + options.request_timeout;
      deadline = request_deadline_;
    } else {
      request_deadline_ = never;
      if (http_->phase == Phase::idle && !is_sending()) {
        deadline = worker_.now() +
                   (http_->answered ? options.keep_alive_timeout : options.request_timeout);
      }
    }
  }
  worker_.set_deadline(key_, std::min(deadline, stalls_at()));
}

// Sending.

Outbox& Connection::outbox() {
  if (!outbox_) {
    outbox_ = worker_.spare_outbox();
    outbox_->begin(worker_.now());
  }
  return *outbox_;
}

void Connection::queue(Bytes bytes) {
  if (ending()) return;
  if (outbox().add(std::move(bytes))) worker_.mark_dirty(key_);
}

void Connection::queue_rest(Bytes frame, std::size_t sent) {
  if (ending()) return;
  if (outbox().add_rest(std::move(frame), sent)) worker_.mark_dirty(key_);
}

std::size_t Connection::backlog_bytes() const { return outbox_ ? outbox_->bytes() : 0; }

void Connection::flush() {
  if (closed() || !outbox_ || outbox_->due() == Outbox::Due::writable) return;
  if (!write_outbox()) {
    outbox_->wait_writable();
    stream_.wait_writable();
    if (is_sending() && outbox_->watch()) set_deadline();
    if (reader_ && !ending()) endpoint_->writable_changed(*this, false);
    return;
  }
  if (closed()) return;
  worker_.spare(std::move(outbox_));
  if (ending()) {
    finish_sending();
  } else if (http_) {
    resume_later();
  }
}

bool Connection::write_outbox() {
  // A TLS record, or more than the kernel is likely to take.
  const std::size_t bytes_max = stream_.descriptor() < 0 ? tls_offer_bytes : offer_bytes;
  std::array<iovec, net::Stream::pieces_max> room;
  for (;;) {
    const auto pieces = outbox_->offer(room, bytes_max);
    if (pieces.empty()) return true;
    const auto result = stream_.write(pieces);
    if (result.status == net::IoStatus::would_block) return false;
    if (result.status != net::IoStatus::done) {
      peer_gone(true);
      return true;
    }
    outbox_->taken(result.bytes, worker_.now());
  }
}

void Connection::on_writable() {
  if (closed() || !outbox_) return;
  outbox_->became_writable();
  flush();
  if (!ending() && !outbox_ && http_) set_deadline();
  if (!ending() && !outbox_ && reader_) endpoint_->writable_changed(*this, true);
}

}  // namespace crier::web

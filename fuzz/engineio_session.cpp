// Fuzzes a session with a sequence of inputs and a clock moved by hand. It checks that each request
// is answered or aborted exactly once; no output refers to a wire after its end; a close is alone
// in its payload; a repeated GET gets the same bytes; messages go out once and in order; nothing is
// held after the session's end, and no output follows it.
#include "base/encoding.hpp"
#include "engineio/session.hpp"
#include "one_input.hpp"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <set>
#include <utility>

using namespace crier;
using namespace crier::engineio;
using std::chrono::milliseconds;

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

class Bench {
 public:
  explicit Bench(std::string_view input) : input_(input) {
    options_.ping_interval = milliseconds(300);
    options_.ping_timeout = milliseconds(200);
    options_.upgrade_timeout = milliseconds(1000);
    options_.close_timeout = milliseconds(2000);
    options_.slow_reader_timeout = milliseconds(900);
  }

  void run() {
    if (byte() % 4 == 0) {
      const WireId wire = new_wire();
      session_.open_websocket(wire, now_, out_);
    } else {
      session_.open_polling(new_request({}), now_, out_);
    }
    settle();
    while (!input_.empty()) {
      const unsigned op = byte();
      step(op, byte());
      settle();
    }
    close(true);
    settle();
    check(over_);
  }

 private:
  struct Asked {
    bool is_poll = false;
    std::string t;
  };

  unsigned char byte() {
    if (input_.empty()) return 0;
    const auto value = static_cast<unsigned char>(input_.front());
    input_.remove_prefix(1);
    return value;
  }

  RequestId new_request(Asked asked) {
    asked_[++last_request_] = std::move(asked);
    return last_request_;
  }
  WireId new_wire() {
    wires_.insert(++last_wire_);
    return last_wire_;
  }
  /// Any wire so far, most often a recent one.
  [[nodiscard]] WireId some_wire(unsigned arg) const {
    return last_wire_ == 0 ? 99 : last_wire_ - std::min<WireId>(arg % 3, last_wire_ - 1);
  }
  [[nodiscard]] RequestId some_request(unsigned arg) const {
    return last_request_ - std::min<RequestId>(arg % 4, last_request_ - 1);
  }

  void step(unsigned op, unsigned arg) {
    if (op % 16 < 8) {
      step_of_client(op % 16, arg);
    } else {
      step_of_server(op % 16, arg);
    }
  }

  void step_of_client(unsigned op, unsigned arg) {
    switch (op) {
      case 0:
      case 1:
        return poll(arg % 4 == 0 ? "" : std::string(1, static_cast<char>('a' + arg % 4)));
      case 2:
        posting_ = new_request({});
        return session_.post_started(posting_, now_, out_);
      case 3:
        return post(arg);
      case 4:
        return session_.probe(new_wire(), now_, out_);
      case 5:
        return session_.text(some_wire(0), packets_[arg % packets_.size()], now_, out_);
      case 6:
        return session_.text(some_wire(arg / 16), packets_[arg % packets_.size()], now_, out_);
      default:
        return session_.binary(some_wire(arg), "x", now_, out_);
    }
  }

  void step_of_server(unsigned op, unsigned arg) {
    switch (op) {
      case 8:
        return lose_wire(some_wire(arg), arg % 2 == 0);
      case 9:
        asked_.erase(some_request(arg));
        return session_.request_lost(some_request(arg), now_, out_);
      case 10:
        // Only answered requests: request_lost() handles the open ones.
        if (asked_.contains(some_request(arg))) return;
        return session_.answered_connection_lost(some_request(arg), now_, out_);
      case 11:
      case 12:
        return send(arg);
      case 13:
        now_ += milliseconds(arg * 4);
        session_.tick(now_, out_);
        return check(session_.deadline() > now_);
      case 14:
        now_ += milliseconds(arg);  // the tick is late
        return;
      default:
        return close_or_other(arg);
    }
  }

  void poll(std::string t) {
    const bool pending = std::any_of(asked_.begin(), asked_.end(),
                                     [](const auto& each) { return each.second.is_poll; });
    const bool repeats = !pending && !t.empty() && t == answered_t_ && running_over_polling();
    const RequestId request = new_request({true, t});
    session_.poll(request, t, now_, out_);
    if (!repeats || session_.closed()) return;
    check(out_.size() == 1 && std::get<Reply>(out_.front()).body.joined() == answered_);
    asked_.erase(request);
    out_.clear();
  }

  void post(unsigned arg) {
    static constexpr std::string_view types[] = {"text/plain", "", "application/octet-stream"};
    std::string body;
    for (unsigned i = 0; i <= arg % 4; ++i) {
      if (i > 0) body += separator;
      body += packets_[byte() % packets_.size()];
    }
    if (arg >= 240) return session_.post_too_large(posting_, out_);
    session_.post(posting_, types[arg / 4 % 40 == 39 ? 2 : arg % 2], body, now_, out_);
  }

  void lose_wire(WireId wire, bool error) {
    wires_.erase(wire);
    session_.wire_lost(wire, error, now_, out_);
  }

  void send(unsigned arg) {
    const std::string text = "4" + std::to_string(++sent_);
    const bool dropped = arg % 8 == 0;
    if (!dropped && !session_.closed() && !closing_) owed_.push_back(text);
    session_.send({arg % 8 == 1, Bytes(text), {}, dropped}, now_, out_);
  }

  void close_or_other(unsigned arg) {
    if (arg < 128) return session_.other_method(new_request({}), out_);
    close(arg % 2 == 0);
  }

  void close(bool discard) {
    if (discard) owed_.clear();
    closing_ = true;
    session_.close(discard, CloseReason::forced_close, now_, out_);
  }

  [[nodiscard]] bool running_over_polling() const {
    return !session_.closed() && session_.transport() == TransportKind::polling;
  }

  void settle() {
    for (const Output& output : out_) std::visit([this](const auto& each) { saw(each); }, output);
    out_.clear();
    check(over_ == session_.closed());
    check(!over_ || session_.deadline() == never);
    check(session_.direct() == (!over_ && session_.transport() == TransportKind::websocket));
    check(!session_.direct() || wires_.contains(session_.wire()));
  }

  void saw(const Reply& reply) {
    const auto found = asked_.find(reply.request);
    check(found != asked_.end());
    const Asked asked = found->second;
    asked_.erase(found);
    check(!over_ || reply.status == 400);
    if (asked.is_poll && reply.status == 200) {
      answered_ = reply.body.joined();
      answered_t_ = asked.t;
      deliver_payload(answered_);
    }
  }
  void saw(const Abort& abort) { check(!over_ && asked_.erase(abort.request) == 1); }
  void saw(const SendMessage& message) {
    check(!over_ && wires_.contains(message.wire));
    const std::string_view data = message.data.view();
    if (message.binary || data.starts_with('4')) deliver(data);
  }
  void saw(const CloseWire& close) { check(wires_.erase(close.wire) == 1); }
  void saw(const Received& /*received*/) { check(!over_); }
  void saw(const Upgraded& upgraded) { check(!over_ && session_.wire() == upgraded.wire); }
  void saw(const Pinged& /*pinged*/) { check(!over_ && !std::exchange(pinged_, true)); }
  void saw(const Ponged& /*ponged*/) { check(!over_ && std::exchange(pinged_, false)); }
  void saw(const Closed& closed) {
    check(!over_ && asked_.empty() && wires_.empty());
    const bool in_order = closed.reason == CloseReason::forced_close && closed.detail.empty();
    check(!in_order || owed_.empty());
    over_ = true;
  }

  void deliver_payload(std::string_view payload) {
    const PollingPayload decoded = decode_payload(payload);
    check(!decoded.malformed);
    for (const Packet& packet : decoded.packets) {
      check(packet.type != PacketType::close || payload == "1");
      if (packet.type != PacketType::message) continue;
      deliver(packet.binary ? std::string(packet.data()) : "4" + std::string(packet.data()));
    }
  }
  /// Checks the order of messages. Volatile ones may come between those that are owed.
  void deliver(std::string_view text) {
    if (!owed_.empty() && owed_.front() == text) return owed_.pop_front();
    check(std::stoi(std::string(text.substr(1))) > delivered_volatile_);
    check(std::find(owed_.begin(), owed_.end(), text) == owed_.end());
    delivered_volatile_ = std::stoi(std::string(text.substr(1)));
  }

  static constexpr std::string_view long_packet = "4long long long long long long long";
  const std::vector<std::string_view> packets_ = {
      "2probe", "5", "3", "4a", "bAQID", "6", "0", "1", "2", "", "x", "b!", "4\xff", long_packet};

  std::string_view input_;
  SessionOptions options_;
  Session session_{options_, "sid"};
  TimePoint now_{std::chrono::hours(1)};
  Outputs out_;
  std::map<RequestId, Asked> asked_;  ///< Not answered yet.
  std::set<WireId> wires_;            ///< Neither closed nor lost yet.
  RequestId last_request_ = 0;
  RequestId posting_ = 0;
  WireId last_wire_ = 0;
  std::string answered_;
  std::string answered_t_;
  std::deque<std::string> owed_;
  int sent_ = 0;
  int delivered_volatile_ = 0;
  bool closing_ = false;
  bool pinged_ = false;
  bool over_ = false;
};

}  // namespace

void one_input(std::string_view input, std::size_t /*split*/) { Bench(input).run(); }

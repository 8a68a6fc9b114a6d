// Fuzzes a Socket.IO client's state. The input is a script, one step in each line: `t` text, `b`
// binary, `a`/`r` accept/refuse the open request, `d` disconnect a namespace, `c` close. A model
// that reads only the outputs must agree with the client after every step. The client is moved
// once, at the line after `split`.
#include "base/assert.hpp"
#include "base/json_text.hpp"
#include "one_input.hpp"
#include "socketio/client.hpp"

#include <algorithm>
#include <set>
#include <string>

using namespace crier;
using namespace crier::socketio;

namespace {

const ClientOptions options{.connect_timeout = std::chrono::seconds(1),
                            .packet = {.attachments_max = 3},
                            .namespaces_max = 3,
                            .reassembly_bytes_max = 64};

class Model {
 public:
  void operator()(const ConnectRequested& o) {
    alive();
    CRIER_ASSERT(!joined.contains(o.nsp) && pending.insert(o.nsp).second);
    CRIER_ASSERT(joined.size() + pending.size() <= options.namespaces_max);
    CRIER_ASSERT(json::members(o.auth).has_value());
  }
  void operator()(const EventReceived& o) {
    message(o.nsp, o.arguments, o.attachments);
    CRIER_ASSERT(!json::elements(o.arguments)->empty());
  }
  void operator()(const AckReceived& o) { message(o.nsp, o.arguments, o.attachments); }
  void operator()(const Left& o) {
    alive();
    CRIER_ASSERT(joined.erase(o.nsp) == 1);
  }
  void operator()(const Withdrawn& o) {
    CRIER_ASSERT(!over || closed);
    CRIER_ASSERT(pending.erase(o.nsp) == 1);
  }
  void operator()(const Violation& o) {
    alive();
    CRIER_ASSERT(!o.detail.empty());
    over = true;
  }
  void operator()(const Send& o) const {
    alive();
    CRIER_ASSERT(sending && !o.binary && o.data.view().starts_with('4'));
  }

  std::set<std::string> joined;
  std::set<std::string> pending;
  bool over = false;
  bool closed = false;
  bool sending = false;  ///< Only the server's own steps send.

 private:
  void alive() const { CRIER_ASSERT(!over); }
  void message(const std::string& nsp, const std::string& arguments,
               const std::vector<Bytes>& attachments) const {
    alive();
    CRIER_ASSERT(joined.contains(nsp));
    CRIER_ASSERT(json::elements(arguments).has_value());
    CRIER_ASSERT(attachments.size() <= options.packet.attachments_max);
    std::size_t bytes = 0;
    for (const Bytes& attachment : attachments) bytes += attachment.size();
    CRIER_ASSERT(bytes <= options.reassembly_bytes_max);
  }
};

void answer(Client& client, Model& model, bool accepted, ClientOutputs& out) {
  if (model.pending.empty()) return;
  const std::string nsp = *model.pending.begin();
  model.pending.erase(model.pending.begin());
  if (accepted) {
    model.joined.insert(nsp);
    client.accept(nsp, R"({"sid":"s"})", out);
  } else {
    client.refuse(nsp, R"({"message":"no"})", out);
  }
}

void step(Client& client, Model& model, std::string_view line) {
  ClientOutputs out;
  const char action = line.empty() ? ' ' : line.front();
  const std::string_view rest = line.substr(std::min<std::size_t>(1, line.size()));
  model.sending = action == 'a' || action == 'r' || action == 'd';
  if (action == 't') client.receive_text(rest, out);
  if (action == 'b') client.receive_binary(rest, out);
  if (action == 'a' || action == 'r') answer(client, model, action == 'a', out);
  if (action == 'd') {
    model.joined.erase(std::string(rest));
    client.disconnect(rest, out);
  }
  if (action == 'c') {
    model.over = model.closed = true;
    model.joined.clear();
    client.close(out);
  }
  for (const ClientOutput& output : out) std::visit(model, output);
  CRIER_ASSERT(action != 'c' || model.pending.empty());
  const auto joined = client.joined();
  CRIER_ASSERT(std::set(joined.begin(), joined.end()) == model.joined);
  for (const std::string& nsp : model.pending) CRIER_ASSERT(client.is_pending(nsp));
}

}  // namespace

void one_input(std::string_view input, std::size_t split) {
  Client first(options, TimePoint{});
  Model model;
  std::size_t at = 0;
  while (at < split) {
    const std::size_t end = std::min(input.find('\n', at), input.size());
    step(first, model, input.substr(at, end - at));
    at = end + 1;
  }
  Client second = std::move(first);
  while (at <= input.size()) {
    const std::size_t end = std::min(input.find('\n', at), input.size());
    step(second, model, input.substr(at, end - at));
    at = end + 1;
  }
}

#include "polling_client.hpp"

#include "clock.hpp"
#include "http_response.hpp"

#include <sys/epoll.h>

namespace load {

void PollingClient::connect() {
  sid_.clear();
  unsent_.clear();
  poll();
}

void PollingClient::disconnect() {
  for (Channel* channel : {&polls_, &posts_}) {
    channel->stream.reset();
    channel->rest.clear();
    channel->waiting = false;
  }
}

void PollingClient::opened(std::string_view handshake) {
  sid_ = string_after(handshake, R"("sid":")");
}

void PollingClient::transmit(std::string_view packet) {
  constexpr char separator = '\x1E';
  if (!unsent_.empty()) unsent_ += separator;
  unsent_ += packet;
  if (!posts_.waiting) post();
}

void PollingClient::poll() { request(polls_, "GET", ""); }

void PollingClient::post() {
  const std::string body = std::move(unsent_);
  unsent_.clear();
  request(posts_, "POST", body);
}

void PollingClient::request(Channel& channel, std::string_view method, std::string_view body) {
  if (!channel.stream.is_open() && !channel.stream.open(shared().loop, route(), channel)) {
    return lose("connect", channel.stream.problem());
  }
  std::string text(method);
  text += ' ' + shared().path + "?EIO=4&transport=polling";
  if (!sid_.empty()) text += "&sid=" + sid_;
  text += " HTTP/1.1\r\nHost: " + shared().url.authority() + "\r\n";
  if (method == "POST") {
    text +=
        "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n";
  }
  text += "\r\n";
  text += body;
  channel.waiting = true;
  channel.stream.send(text);
}

void PollingClient::ready(std::uint32_t events) {
  polls_.ready(events);
  posts_.ready(events);
}

void PollingClient::Channel::ready(std::uint32_t events) {
  if (!client.open()) return;
  if (client.paused()) {
    const bool gone = (events & (EPOLLHUP | EPOLLERR)) != 0 && waiting;
    if (gone) client.lose("closed by the server", "while it did not read");
    return;
  }
  stream.flush();
  while (stream.is_open()) {
    std::vector<char>& buffer = client.shared().buffer;
    const long count = stream.read(buffer.data(), buffer.size());
    if (count == 0) return;
    if (count > 0) {
      client.read(*this, {buffer.data(), static_cast<std::size_t>(count)});
      continue;
    }
    const std::string problem = stream.problem();
    stream.reset();
    if (waiting) client.lose(client.joined() ? "connection lost" : "connect", problem);
  }
}

void PollingClient::read(Channel& channel, std::string_view bytes) {
  if (!channel.rest.empty()) bytes = channel.rest.append(bytes);
  HttpResponse response;
  const std::size_t taken = read_response(bytes, response);
  if (taken == 0) {
    if (channel.rest.empty()) channel.rest = bytes;
    return;
  }
  if (taken == std::string_view::npos || !channel.waiting) return lose("answer to polling", bytes);
  // What follows may come back here, and reads what the response points to.
  [[maybe_unused]] const std::string kept = std::move(channel.rest);
  channel.rest.clear();
  channel.waiting = false;
  if (!response.keep) channel.stream.reset();
  answered(channel, response.status, response.body);
}

void PollingClient::answered(Channel& channel, int status, std::string_view body) {
  if (status != 200) {
    return lose((&channel == &polls_ ? "poll " : "post ") + std::to_string(status), body);
  }
  if (&channel == &posts_) {
    if (!unsent_.empty()) post();
    return;
  }
  payload(body);
  if (open()) poll();
}

void PollingClient::payload(std::string_view body) {
  const std::int64_t now = nanoseconds();
  while (!body.empty() && open()) {
    const std::size_t end = body.find('\x1E');
    packet(body.substr(0, end), now);
    body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
  }
  if (has_delivery()) ++shared().reads;
}

}  // namespace load

#include "figures.hpp"
#include "json.hpp"

#include <array>
#include <cstdio>

namespace load {

std::string json_string(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte >= 0x7F) {  // What a server said may be anything.
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(byte));
      quoted += escape.data();
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

JsonObject& JsonObject::raw(std::string_view name, std::string_view json) {
  if (text_.size() > 1) text_ += ',';
  text_ += '"';
  text_ += name;
  text_ += "\":";
  text_ += json;
  return *this;
}

JsonObject& JsonObject::add(std::string_view name, double value) {
  std::array<char, 64> digits{};
  std::snprintf(digits.data(), digits.size(), "%.9g", value);
  return raw(name, digits.data());
}

JsonObject& JsonObject::add(std::string_view name, std::uint64_t value) {
  return raw(name, std::to_string(value));
}

JsonObject& JsonObject::add(std::string_view name, std::string_view value) {
  return raw(name, json_string(value));
}

namespace {

std::string quantiles(const Histogram& histogram) {
  return JsonObject()
      .add("p50", histogram.quantile(0.5) / 1e3)
      .add("p90", histogram.quantile(0.9) / 1e3)
      .add("p99", histogram.quantile(0.99) / 1e3)
      .add("p999", histogram.quantile(0.999) / 1e3)
      .add("max", histogram.most() / 1e3)
      .add("count", histogram.count())
      .text();
}

/// `plural`, its rate, its CPU and its durations.
void add_count(JsonObject& object, const std::string& plural, const std::string& singular,
               const std::string& durations, const Count& count) {
  object.add(plural, count.count).add(plural + "_per_second", count.per_second);
  if (count.cpu_microseconds) object.add("cpu_us_per_" + singular, *count.cpu_microseconds);
  if (count.took.count() > 0) object.raw(durations, quantiles(count.took));
}

void add_connecting(JsonObject& object, const Figures& figures) {
  if (figures.connect) {
    JsonObject connect;
    connect.add("count", figures.connect->count)
        .add("seconds", figures.connect_seconds)
        .add("per_second", figures.connect->per_second)
        .add("failed", figures.connect_failed)
        .raw("handshake_us", quantiles(figures.connect->took));
    object.raw("connect", connect.text());
  }
  if (figures.memory) {
    object.raw("memory", JsonObject()
                             .add("rss_before", figures.memory->before)
                             .add("rss_connected", figures.memory->connected)
                             .add("bytes_per_connection", figures.memory->per_connection)
                             .text());
  }
  JsonObject server;
  if (figures.cpu_seconds_connecting) {
    server.add("cpu_seconds_connecting", *figures.cpu_seconds_connecting);
    if (figures.connect && figures.connect->cpu_microseconds) {
      server.add("cpu_us_per_connect", *figures.connect->cpu_microseconds);
    }
  }
  if (figures.cpu_share) server.add("cpu_share", *figures.cpu_share);
  if (figures.cpu_seconds_connecting || figures.cpu_share) object.raw("server", server.text());
}

void add_deliveries(JsonObject& object, const Figures& figures) {
  if (!figures.deliveries) return;
  add_count(object, "deliveries", "delivery", "latency_us", *figures.deliveries);
  object.add("deliveries_in_window", figures.deliveries_in_window)
      .add("other_events", figures.other_events)
      .add("frames_per_read", figures.frames_per_read);
  if (figures.broadcast) object.raw("broadcast_us", quantiles(*figures.broadcast));
}

void add_errors(JsonObject& object, const Figures& figures) {
  JsonObject counts;
  JsonObject samples;
  for (const auto& [name, kind] : figures.errors.kinds()) {
    const std::string quoted = json_string(name);
    const std::string_view bare = std::string_view(quoted).substr(1, quoted.size() - 2);
    counts.add(bare, kind.count);
    if (!kind.sample.empty()) samples.add(bare, kind.sample);
  }
  object.raw("errors", counts.text());
  if (!figures.errors.kinds().empty()) object.raw("error_samples", samples.text());
  object.add("disconnects", figures.disconnects);
}

}  // namespace

std::string to_json(const Figures& figures) {
  JsonObject object;
  object.add("command", figures.command)
      .add("url", figures.url)
      .add("clients", figures.clients)
      .add("transport", figures.transport);
  if (figures.window) object.add("window", *figures.window);
  if (figures.rate) object.add("rate", *figures.rate);
  add_connecting(object, figures);
  if (figures.window_seconds) object.add("window_seconds", *figures.window_seconds);
  add_deliveries(object, figures);
  if (figures.publishes)
    add_count(object, "publishes", "publish", "publish_us", *figures.publishes);
  if (figures.acks) add_count(object, "acks", "ack", "round_trip_us", *figures.acks);
  if (figures.recoveries) {
    add_count(object, "recoveries", "recovery", "recovery_us", *figures.recoveries);
    object.add("not_recovered", figures.not_recovered);
  }
  if (figures.slow) {
    object.raw("slow", JsonObject()
                           .add("clients", figures.slow->clients)
                           .add("closed", figures.slow->closed)
                           .add("deliveries", figures.slow->deliveries)
                           .text());
  }
  if (figures.generator_idle) object.add("generator_idle", *figures.generator_idle);
  add_errors(object, figures);
  return object.text();
}

}  // namespace load

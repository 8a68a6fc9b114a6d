#include "figures.hpp"
#include "format.hpp"

#include <algorithm>
#include <utility>

namespace load {

namespace {

std::string line(const std::string& name, const std::string& value) {
  std::string text = name;
  text.resize(std::max<std::size_t>(text.size() + 2, 22), ' ');
  return text + value + '\n';
}

std::string durations(const std::string& name, const Histogram& histogram) {
  if (histogram.count() == 0) return "";
  std::string text;
  for (const auto& [label, share] :
       {std::pair{"p50 ", 0.5}, {"p90 ", 0.9}, {"p99 ", 0.99}, {"p99.9 ", 0.999}}) {
    text += label + duration_text(histogram.quantile(share)) + " · ";
  }
  return line(name, text + "most " + duration_text(histogram.most()));
}

std::string counted(const std::string& name, const std::string& each, const Count& count) {
  std::string text =
      grouped(static_cast<double>(count.count)) + ", " + grouped(count.per_second) + " a second";
  if (count.cpu_microseconds)
    text += ", " + formatted("%.2f", *count.cpu_microseconds) + " µs of server CPU each";
  return line(name, text) + durations(each, count.took);
}

std::string connecting(const Figures& figures) {
  if (!figures.connect) return "";
  std::string text = counted("connects", "handshake", *figures.connect);
  if (figures.connect_failed > 0) {
    text += line("not connected", grouped(static_cast<double>(figures.connect_failed)));
  }
  if (figures.memory) {
    text += line("server memory",
                 grouped(static_cast<double>(figures.memory->before) / 1024) + " KiB before, " +
                     grouped(static_cast<double>(figures.memory->connected) / 1024) +
                     " KiB connected: " + grouped(figures.memory->per_connection) +
                     " bytes a connection");
  }
  return text;
}

std::string window(const Figures& figures) {
  if (!figures.window_seconds) return "";
  std::string text = formatted("%.2f s", *figures.window_seconds);
  if (figures.cpu_share)
    text += ", server on " + formatted("%.0f", 100 * *figures.cpu_share) + " % of a core";
  if (figures.generator_idle)
    text += ", crier-load idle for " + formatted("%.0f %%", 100 * *figures.generator_idle);
  return line("window", text);
}

std::string problems(const Figures& figures) {
  std::string text;
  if (figures.slow) {
    text += line("slow clients", grouped(static_cast<double>(figures.slow->clients)) +
                                     ", of which the server closed " +
                                     grouped(static_cast<double>(figures.slow->closed)));
  }
  if (figures.disconnects > 0)
    text += line("disconnects", grouped(static_cast<double>(figures.disconnects)));
  for (const auto& [name, kind] : figures.errors.kinds()) {
    std::string sample = kind.sample.substr(0, kind.sample.find_first_of("\r\n"));
    if (!sample.empty()) sample.insert(0, ": ");
    text += line("error", grouped(static_cast<double>(kind.count)) + " × " + name + sample);
  }
  return text;
}

}  // namespace

std::string to_text(const Figures& figures) {
  std::string text =
      line(figures.command, figures.url + ", " + grouped(static_cast<double>(figures.clients)) +
                                " clients, " + figures.transport);
  text += connecting(figures) + window(figures);
  if (figures.deliveries) {
    text += counted("deliveries", "latency", *figures.deliveries);
    if (figures.broadcast) text += durations("whole broadcast", *figures.broadcast);
    text += line("frames a read", formatted("%.2f", figures.frames_per_read));
  }
  if (figures.publishes) text += counted("publishes", "answer", *figures.publishes);
  if (figures.acks) text += counted("acknowledgements", "round trip", *figures.acks);
  if (figures.recoveries) {
    text += counted("recoveries", "recovery", *figures.recoveries);
    text += line("not recovered", grouped(static_cast<double>(figures.not_recovered)));
  }
  return text + problems(figures);
}

}  // namespace load

#include "figures.hpp"
#include "format.hpp"
#include "plot.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace load {

namespace {

constexpr std::string_view style = R"(
:root { color-scheme: light dark; --ink: #1c2127; --soft: #5b6570; --paper: #fcfcfb; --card: #fff; --edge: #dfe3e6; --mark: #0f6fb8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaec; --soft: #9aa4ad; --paper: #15181b; --card: #1d2125; --edge: #31373d; --mark: #58aee8; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1360px; padding: 32px 24px 64px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 22px; margin: 0; }
p { margin: 4px 0 24px; color: var(--soft); overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px; margin: 0 0 24px; }
.tiles div, figure, .wide { background: var(--card); border: 1px solid var(--edge); border-radius: 8px; padding: 12px 16px; }
dt, figcaption { color: var(--soft); font-size: 13px; }
dd { margin: 0; font-size: 22px; font-variant-numeric: tabular-nums; }
dd small { font-size: 13px; color: var(--soft); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 12px; }
figure { margin: 0; }
svg { display: block; width: 100%; height: auto; margin-top: 8px; }
svg text { fill: var(--soft); font-size: 12px; }
.grid { stroke: var(--edge); }
.line { fill: none; stroke: var(--mark); stroke-width: 2; stroke-linejoin: round; }
.dot { fill: var(--mark); opacity: 0; }
.dot:hover { opacity: 1; }
.bar { fill: var(--mark); }
.bar:hover { opacity: .7; }
.wide { margin-top: 12px; overflow-x: auto; }
pre { margin: 8px 0 0; font: 13px/1.5 ui-monospace, monospace; }
)";

std::string tile(const std::string& name, const std::string& value, const std::string& unit = "") {
  return "<div><dt>" + name + "</dt><dd>" + value +
         (unit.empty() ? "" : " <small>" + unit + "</small>") + "</dd></div>\n";
}

/// What happened in the window, and its word; null when the command has none.
const Count* main_count(const Figures& figures, std::string& name) {
  const std::pair<const char*, const std::optional<Count>*> all[] = {
      {"deliveries", &figures.deliveries},
      {"acknowledgements", &figures.acks},
      {"recoveries", &figures.recoveries},
      {"publishes", &figures.publishes},
      {"connects", &figures.connect}};
  for (const auto& [word, count] : all) {
    if (!*count) continue;
    name = word;
    return &**count;
  }
  return nullptr;
}

std::string tiles(const Figures& figures) {
  std::string name;
  const Count* count = main_count(figures, name);
  std::string html = "<dl class=\"tiles\">\n";
  if (count != nullptr) {
    html += tile(name, grouped(count->per_second), "a second");
    if (count->took.count() > 0) {
      html += tile("half within", duration_text(count->took.quantile(0.5)));
      html += tile("99 % within", duration_text(count->took.quantile(0.99)));
    }
    if (count->cpu_microseconds)
      html += tile("server CPU each", formatted("%.2f", *count->cpu_microseconds), "µs");
  }
  if (figures.memory) {
    html += tile("server memory a connection", grouped(figures.memory->per_connection), "bytes");
  }
  if (figures.generator_idle) {
    html += tile("crier-load idle", formatted("%.0f", 100 * *figures.generator_idle),
                 "% of the window");
  }
  return html + "</dl>\n";
}

/// As it stands at an axis.
std::string duration_mark(double nanoseconds) {
  if (nanoseconds < 1e6) return formatted("%.3g µs", nanoseconds / 1e3);
  if (nanoseconds < 1e9) return formatted("%.3g ms", nanoseconds / 1e6);
  return formatted("%.3g s", nanoseconds / 1e9);
}

std::string percentile_plot(const Histogram& took) {
  Plot plot;
  plot.title = "How long, by percentile";
  plot.x_name = "percentile";
  plot.x_marks = {{0, "0"}, {1, "90"}, {2, "99"}, {3, "99.9"}, {4, "99.99"}, {5, "99.999"}};
  const double most =
      std::min(5.0, std::log10(static_cast<double>(std::max<std::uint64_t>(took.count(), 10))));
  plot.x_most = most;
  plot.y_text = duration_mark;
  std::vector<Point> points;
  for (double at = 0; at < most + 0.001; at += most / 80) {
    points.push_back({at, took.quantile(1 - std::pow(10, -at))});
  }
  return line_plot(plot, points);
}

std::string histogram_plot(const Histogram& took) {
  constexpr double per_doubling = 6;
  const auto group_of = [](double nanoseconds) {
    return static_cast<int>(std::floor(std::log2(std::max(nanoseconds, 1.0)) * per_doubling));
  };
  std::map<int, std::uint64_t> groups;
  took.each([&](double from, double to, std::uint64_t count) {
    groups[group_of((from + to) / 2)] += count;
  });
  if (groups.empty()) return "";
  Plot plot;
  plot.title = "How many took how long";
  plot.x_name = "duration, each step 1.12 times the last";
  plot.x_least = groups.begin()->first - 1;
  plot.x_most = groups.rbegin()->first + 2;
  for (double decade = 1; decade < 1e13; decade *= 10) {
    for (const double each : {1.0, 3.0}) {
      if (each > 1 && plot.x_most - plot.x_least > 17 * per_doubling) continue;
      plot.x_marks.push_back(
          {std::log2(decade * each) * per_doubling, duration_mark(decade * each)});
    }
  }
  plot.y_text = grouped;
  std::vector<Bar> bars;
  for (const auto& [group, count] : groups) {
    const double from = std::exp2(group / per_doubling);
    bars.push_back({static_cast<double>(group), group + 1.0, static_cast<double>(count),
                    duration_text(from) + ": " + grouped(static_cast<double>(count))});
  }
  return bar_plot(plot, bars);
}

Plot over_time(const Figures& figures, const std::string& title) {
  Plot plot;
  plot.title = title;
  plot.x_name = "seconds of the window";
  plot.x_most = figures.samples.back().seconds;
  for (const double value : round_values(plot.x_most, 6)) {
    plot.x_marks.push_back({value, formatted("%g", value)});
  }
  return plot;
}

std::string time_plots(const Figures& figures, const std::string& name) {
  const std::vector<Sample>& samples = figures.samples;
  if (samples.size() < 3) return "";
  std::vector<Point> events;
  std::vector<Point> cpu;
  std::vector<Point> resident;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    const Sample& before = samples[i - 1];
    const Sample& now = samples[i];
    const double seconds = now.seconds - before.seconds;
    if (seconds < 0.005) continue;
    const double middle = (now.seconds + before.seconds) / 2;
    events.push_back({middle, static_cast<double>(now.events - before.events) / seconds});
    cpu.push_back({middle, 100 * (now.cpu_seconds - before.cpu_seconds) / seconds});
    resident.push_back({now.seconds, static_cast<double>(now.resident) / 1048576});
  }
  Plot plot = over_time(figures, name + " a second");
  plot.y_text = grouped;
  std::string html = line_plot(plot, events);
  if (!figures.cpu_share) return html;
  plot = over_time(figures, "Server CPU, % of a core");
  plot.y_text = [](double value) { return formatted("%.0f %%", value); };
  html += line_plot(plot, cpu);
  plot = over_time(figures, "Server memory (RSS)");
  plot.y_text = [](double value) { return formatted("%.4g MiB", value); };
  return html + line_plot(plot, resident);
}

}  // namespace

std::string to_html(const Figures& figures) {
  std::string name;
  const Count* count = main_count(figures, name);
  std::string title = "crier-load " + figures.command;
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>" +
      title + "</title><style>" + std::string(style) + "</style></head>\n<body><h1>" + title +
      "</h1><p>" + escape_html(figures.url) + " · " +
      grouped(static_cast<double>(figures.clients)) + " clients over " + figures.transport;
  if (figures.window) html += " · " + grouped(static_cast<double>(*figures.window)) + " under way";
  if (figures.rate) html += " · " + formatted("%g", *figures.rate) + " a second";
  html += "</p>\n" + tiles(figures) + "<div class=\"plots\">\n";
  if (count != nullptr && count->took.count() > 0) {
    html += percentile_plot(count->took) + histogram_plot(count->took);
  }
  html += time_plots(figures, name.empty() ? "events" : name) + "</div>\n";
  html += "<div class=\"wide\"><dt>All figures</dt><pre>" + escape_html(to_text(figures)) +
          "</pre></div>\n";
  return html + "</body></html>";
}

}  // namespace load

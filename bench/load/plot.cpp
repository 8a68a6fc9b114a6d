#include "plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace load {

namespace {

constexpr double width = 640;
constexpr double height = 230;
constexpr double left = 78;
constexpr double right = 26;
constexpr double top = 12;
constexpr double bottom = 44;

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

/// Where values are on the paper.
struct Paper {
  const Plot& plot;
  double y_most;

  [[nodiscard]] double x(double value) const {
    const double span = plot.x_most - plot.x_least;
    const double share = span > 0 ? (value - plot.x_least) / span : 0;
    return left + std::clamp(share, 0.0, 1.0) * (width - left - right);
  }
  [[nodiscard]] double y(double value) const {
    return height - bottom - (y_most > 0 ? value / y_most : 0) * (height - top - bottom);
  }
};

std::string text_at(double x, double y, const char* anchor, const std::string& text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\">" +
         escape_html(text) + "</text>";
}

std::string axes(const Paper& paper) {
  std::string svg;
  for (const double value : round_values(paper.y_most, 4)) {
    const std::string y = number(paper.y(value));
    svg += "<line class=\"grid\" x1=\"" + number(left) + "\" x2=\"" + number(width - right) +
           "\" y1=\"" + y + "\" y2=\"" + y + "\"/>" +
           text_at(left - 8, paper.y(value) + 4, "end", paper.plot.y_text(value));
  }
  for (const Mark& mark : paper.plot.x_marks) {
    if (mark.at < paper.plot.x_least || mark.at > paper.plot.x_most) continue;
    svg += text_at(paper.x(mark.at), height - bottom + 18, "middle", mark.text);
  }
  return svg + text_at((left + width - right) / 2, height - 6, "middle", paper.plot.x_name);
}

std::string figure(const Paper& paper, const std::string& content) {
  return "<figure><figcaption>" + escape_html(paper.plot.title) +
         "</figcaption><svg viewBox=\"0 0 " + number(width) + ' ' + number(height) +
         "\" role=\"img\" aria-label=\"" + escape_html(paper.plot.title) + "\">" + axes(paper) +
         content + "</svg></figure>\n";
}

}  // namespace

std::vector<double> round_values(double most, int count) {
  if (!(most > 0)) return {0};
  const double rough = most / count;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double each : {1.0, 2.0, 5.0}) {
    if (each * power >= rough) {
      step = each * power;
      break;
    }
  }
  std::vector<double> values;
  for (int i = 0; i * step <= most * 1.0001; ++i) values.push_back(i * step);
  return values;
}

std::string line_plot(const Plot& plot, const std::vector<Point>& points) {
  double most = 0;
  for (const Point& point : points) most = std::max(most, point.y);
  const Paper paper{plot, most * 1.05};
  std::string line;
  std::string dots;
  for (const Point& point : points) {
    const std::string x = number(paper.x(point.x));
    const std::string y = number(paper.y(point.y));
    line += (line.empty() ? "M" : "L") + x + ' ' + y;
    dots += "<circle class=\"dot\" cx=\"" + x + "\" cy=\"" + y + "\" r=\"5\"><title>" +
            escape_html(plot.y_text(point.y)) + "</title></circle>";
  }
  return figure(paper, "<path class=\"line\" d=\"" + line + "\"/>" + dots);
}

std::string bar_plot(const Plot& plot, const std::vector<Bar>& bars) {
  double most = 0;
  for (const Bar& bar : bars) most = std::max(most, bar.y);
  const Paper paper{plot, most * 1.05};
  std::string content;
  for (const Bar& bar : bars) {
    const double x = paper.x(bar.from);
    const double wide = std::max(paper.x(bar.to) - x - 1, 1.0);
    // What is there is seen, however little.
    const double y = std::min(paper.y(bar.y), paper.y(0) - 1);
    content += "<rect class=\"bar\" x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" +
               number(wide) + "\" height=\"" + number(paper.y(0) - y) + "\"><title>" +
               escape_html(bar.text) + "</title></rect>";
  }
  return figure(paper, content);
}

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace load

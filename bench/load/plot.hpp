#pragma once

// Drawings of a report, as SVG that takes its colours from the page.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace load {

struct Mark {
  double at = 0;     ///< On its axis.
  std::string text;  ///< Beside it.
};

struct Plot {
  std::string title;
  std::string x_name;
  std::vector<Mark> x_marks;
  double x_least = 0;
  double x_most = 1;
  /// What a value on the vertical axis is called; it begins at 0.
  std::function<std::string(double)> y_text;
};

struct Point {
  double x = 0;
  double y = 0;
};

/// A figure with a line through `points`.
[[nodiscard]] std::string line_plot(const Plot& plot, const std::vector<Point>& points);

struct Bar {
  double from = 0;
  double to = 0;
  double y = 0;
  std::string text;  ///< Shown when it is pointed at.
};

/// A figure with bars from the horizontal axis.
[[nodiscard]] std::string bar_plot(const Plot& plot, const std::vector<Bar>& bars);

/// Round values from 0 to `most` or just below it, about `count` of them.
[[nodiscard]] std::vector<double> round_values(double most, int count);

/// Text as HTML shows it.
[[nodiscard]] std::string escape_html(std::string_view text);

}  // namespace load

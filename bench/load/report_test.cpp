#include "figures.hpp"
#include "format.hpp"
#include "json.hpp"
#include "plot.hpp"

#include <gtest/gtest.h>

namespace {

using load::Figures;

Figures some_figures() {
  Figures figures;
  figures.command = "fanout";
  figures.url = "http://127.0.0.1:3000";
  figures.transport = "websocket";
  figures.clients = 10;
  figures.window = 1;
  figures.window_seconds = 2;
  figures.cpu_share = 0.5;
  figures.deliveries.emplace();
  figures.deliveries->count = 1000;
  figures.deliveries->per_second = 500;
  figures.deliveries->cpu_microseconds = 1000;
  for (int i = 0; i < 1000; ++i) figures.deliveries->took.record(i * 1000);
  figures.errors.add("publish 500", "<script>alert(\"\x01\xC3\")</script>");
  for (int i = 0; i < 5; ++i) figures.samples.push_back({i * 0.5, i * 250ULL, i * 0.25, 1'000'000});
  return figures;
}

TEST(Report, AsJsonHasTheFiguresThatThereAreAndNoOthers) {
  const std::string json = to_json(some_figures());
  EXPECT_EQ(json.find('\n'), std::string::npos);
  for (
      const std::string_view part :
      {R"({"command":"fanout","url":"http://127.0.0.1:3000","clients":10,"transport":"websocket","window":1,)",
       R"("server":{"cpu_share":0.5})",
       R"("deliveries":1000,"deliveries_per_second":500,"cpu_us_per_delivery":1000,)",
       R"("latency_us":{"p50":)", R"("max":999,"count":1000})", R"("errors":{"publish 500":1})",
       R"("error_samples":{"publish 500":"<script>alert(\"\u0001\u00c3\")</script>"})",
       R"("disconnects":0})"}) {
    EXPECT_NE(json.find(part), std::string::npos) << part << " in " << json;
  }
  for (const std::string_view part : {"rate\"", "acks", "recover", "memory", "connect\"", "slow"}) {
    EXPECT_EQ(json.find(part), std::string::npos) << part << " in " << json;
  }
}

TEST(Report, SmallFiguresAreNotZero) {
  Figures figures = some_figures();
  figures.cpu_seconds_connecting = 0.00048;
  EXPECT_NE(to_json(figures).find(R"("cpu_seconds_connecting":0.00048)"), std::string::npos);
}

TEST(Report, AsAPageDrawsWhatItHasAndRunsNothing) {
  const std::string html = to_html(some_figures());
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_NE(html.find("&lt;script"), std::string::npos);
  std::size_t drawings = 0;
  for (std::size_t at = html.find("<svg"); at != std::string::npos; at = html.find("<svg", at + 1))
    ++drawings;
  EXPECT_EQ(drawings, 5);
  EXPECT_EQ(html.find("nan"), std::string::npos);
}

TEST(Report, OfNothingMeasuredIsStillOne) {
  Figures figures;
  figures.command = "connect";
  EXPECT_EQ(
      to_json(figures),
      R"({"command":"connect","url":"","clients":0,"transport":"","errors":{},"disconnects":0})");
  EXPECT_NE(to_html(figures).find("</html>"), std::string::npos);
}

TEST(Report, WritesNumbersAsPeopleReadThem) {
  EXPECT_EQ(load::grouped(1234567), "1,234,567");
  EXPECT_EQ(load::grouped(-123456), "-123,456");
  EXPECT_EQ(load::grouped(999), "999");
  EXPECT_EQ(load::duration_text(1500), "2 µs");
  EXPECT_EQ(load::duration_text(1.5e6), "1.50 ms");
  EXPECT_EQ(load::duration_text(61e9), "61.00 s");
}

TEST(Report, MarksItsAxesAtRoundValues) {
  EXPECT_EQ(load::round_values(10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(load::round_values(730, 4), (std::vector<double>{0, 200, 400, 600}));
  EXPECT_EQ(load::round_values(0, 4), (std::vector<double>{0}));
}

}  // namespace

#pragma once

// For tests: a feed whose commands read as lines of text.

#include "gateway/feed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace crier::gateway {

using history::Gid;
using history::Kept;
using history::ReadReply;
using history::Record;

/// A feed whose commands are texts: `subscribe p`, `read p>0 q>5` (`p` alone: the top), `deliver p
/// 7`, `close p gap`, `answer 1 p:9[7,9]`, `answer 1 p:9[] broken`, `probe`.
class FeedTest : public testing::Test {
 protected:
  static std::string words(const FeedCommand& command) {
    if (const auto* subscribe = std::get_if<Subscribe>(&command)) {
      return "subscribe " + subscribe->program;
    }
    if (const auto* unsubscribe = std::get_if<Unsubscribe>(&command)) {
      return "unsubscribe " + unsubscribe->program;
    }
    if (const auto* event = std::get_if<Deliver>(&command)) {
      return "deliver " + event->program + " " + std::to_string(event->record.gid);
    }
    if (const auto* close = std::get_if<CloseMembers>(&command)) {
      return "close " + close->program + " " + std::string(close->reason);
    }
    if (const auto* read = std::get_if<ReadStore>(&command)) return words(*read);
    if (const auto* answered = std::get_if<Answered>(&command)) return words(*answered);
    if (const auto* gap = std::get_if<MarkGap>(&command)) return "mark " + gap->program;
    return std::holds_alternative<ListenAgain>(command) ? "listen again" : "probe";
  }
  static std::string words(const ReadStore& read) {
    std::string text = "read";
    for (const auto& one : read.reads) {
      text += " " + one.program;
      if (one.after != after_everything) text += ">" + std::to_string(one.after);
    }
    return text;
  }
  static std::string words(const Answered& answered) {
    std::string text = "answer " + std::to_string(answered.question);
    if (!answered.reply) return text + " failed";
    for (const auto& kept : answered.reply->programs) {
      text += " " + kept.program + ":" + std::to_string(kept.top) + "[";
      for (const auto& record : kept.records) text += std::to_string(record.gid) + " ";
      if (text.back() == ' ') text.pop_back();
      text += kept.broken ? "] broken" : "]";
    }
    return text;
  }

  /// Returns the commands as texts. Answers probes, unless the test does so.
  std::vector<std::string> commands() {
    std::vector<std::string> all;
    while (feed.has_command()) {
      const FeedCommand command = feed.next_command();
      if (answers_probes && std::holds_alternative<ProbeStore>(command)) {
        feed.probed(true);
      } else {
        all.push_back(words(command));
      }
    }
    return all;
  }

  static Record record(Gid gid, Gid prev, std::string body = "{}") {
    return {gid, 1, prev, Bytes(std::move(body))};
  }
  void hear(const std::string& program, Gid gid, Gid prev, const std::string& epoch = "e1") {
    feed.published({epoch, program, record(gid, prev)}, now);
  }
  /// A program's records at these gids, chained from `before`.
  static Kept kept(std::string program, const std::vector<Gid>& gids, Gid before = 0) {
    Kept kept{std::move(program), before, {}};
    for (const Gid gid : gids) {
      kept.records.push_back(record(gid, kept.top));
      kept.top = gid;
    }
    return kept;
  }
  static Kept top(std::string program, Gid gid) { return {std::move(program), gid, {}}; }
  static Kept broken(std::string program, Gid gid) { return {std::move(program), gid, {}, true}; }
  void read(std::vector<Kept> programs, const std::string& epoch = "e1", Gid floor = 0,
            Gid clock = 0, Gid last = 0) {
    feed.store_read(ReadReply{epoch, floor, std::move(programs), clock, last}, now);
  }
  void ask(std::uint64_t question, std::vector<std::pair<std::string, Gid>> reads,
           const std::string& epoch = "", Gid cursor = 0) {
    Question what;
    for (auto& [program, after] : reads) what.reads.push_back({program, after, 0});
    what.epoch = epoch;
    what.cursor = cursor;
    feed.ask(question, std::move(what), now);
  }
  /// A member of each program, whose top is as given.
  void live(const std::vector<std::pair<std::string, Gid>>& programs) {
    std::vector<Kept> tops;
    std::vector<std::pair<std::string, Gid>> reads;
    for (const auto& [program, gid] : programs) {
      reads.emplace_back(program, after_everything);
      tops.push_back(top(program, gid));
    }
    ask(99, reads);
    for (std::size_t i = 0; i < programs.size(); ++i) {
      feed.subscribed(programs[i].first);
      commands();
      read({tops[i]});
      commands();
    }
    for (const auto& [program, gid] : programs) members.insert(program);
  }

  std::set<std::string> members;
  bool answers_probes = true;
  TimePoint now{};
  FeedOptions options{{4, 100, std::chrono::seconds(60)}, std::chrono::seconds(5)};
  Feed feed{options, [this](const std::string& program) { return members.contains(program); }, now};
};

}  // namespace crier::gateway

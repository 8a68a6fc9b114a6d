#pragma once

// What the contract suites of a store begin with. A subject (template argument) makes the store and
// waits for it:
//
//   void open(const Retention&)        a store without events or claims
//   void close()                       destroys the store; also from inside a call by it
//   HistoryView& store()             what is read, heard and claimed
//   EventLog& log()                  what is written
//   void wait(pred)                    until pred() holds; fails the test when it never does
//   bool eventually_expired(pred)      whether pred() comes to hold once `Retention::ttl` is over
//   static constexpr milliseconds ttl  a short one, as eventually_expired() can wait for it

#include "history/store.hpp"
#include "tests/contract/heard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace crier::history {

template <class Subject>
class HistoryContract : public testing::Test {
 protected:
  using Outcome = Result<Appended, StoreError>;

  static AppendRequest request(std::string program, std::string body, std::string token = {}) {
    return {std::move(program), Bytes(std::move(body)), std::move(token)};
  }

  Outcome try_append(std::string program, std::string body, std::string token) {
    std::optional<Outcome> outcome;
    subject.log().append(request(std::move(program), std::move(body), std::move(token)),
                         [&](Outcome result) { outcome = std::move(result); });
    subject.wait([&] { return outcome.has_value(); });
    return std::move(outcome).value();
  }
  Appended append(std::string program, std::string body = "{}", std::string token = {}) {
    return try_append(std::move(program), std::move(body), std::move(token)).value();
  }

  ReadReply read(std::vector<ReadRequest> requests) {
    std::optional<Result<ReadReply, StoreError>> outcome;
    store().read(std::move(requests), [&](auto result) { outcome = std::move(result); });
    subject.wait([&] { return outcome.has_value(); });
    return outcome.value().value();
  }

  Kept kept(std::string program, Gid after = 0, std::uint32_t newest_max = 0) {
    ReadReply reply = read({{std::move(program), after, newest_max}});
    EXPECT_EQ(reply.programs.size(), 1U);
    return std::move(reply.programs.at(0));
  }

  void open_listening(const std::vector<std::string>& programs = {}) {
    subject.open({});
    store().listen(heard);
    subject.wait([&] { return heard.count("claims") == 1; });
    for (const std::string& program : programs) subscribe(program);
  }

  /// Until it is confirmed once more.
  void subscribe(const std::string& program) {
    const std::string word = "subscribed " + program;
    const std::size_t before = heard.count(word);
    store().subscribe(program);
    subject.wait([&] { return heard.count(word) > before; });
  }

  bool probe() {
    std::optional<bool> outcome;
    store().probe([&](bool heard_all) { outcome = heard_all; });
    subject.wait([&] { return outcome.has_value(); });
    return *outcome;
  }

  Fence claim(const std::string& sid) {
    std::optional<Fence> fence;
    store().claim(sid, [&](auto result) { fence = result.value(); });
    subject.wait([&] { return fence.has_value(); });
    return *fence;
  }

  std::vector<Fence> fences(std::vector<std::string> sids) {
    std::optional<std::vector<Fence>> fences;
    store().fences(std::move(sids), [&](auto result) { fences = result.value(); });
    subject.wait([&] { return fences.has_value(); });
    return *fences;
  }

  HistoryView& store() { return subject.store(); }

  Heard heard;  // outlives the store
  Subject subject;
};

inline std::vector<std::string> bodies(const Kept& kept) {
  std::vector<std::string> all;
  for (const Record& record : kept.records) all.emplace_back(record.body.view());
  return all;
}

inline std::vector<Seq> seqs(const Kept& kept) {
  std::vector<Seq> all;
  for (const Record& record : kept.records) all.push_back(record.seq);
  return all;
}

/// Each record after the one before it, by gid, seq and prev; the last one is the top.
inline void expect_chain(const Kept& kept) {
  for (std::size_t i = 1; i < kept.records.size(); ++i) {
    EXPECT_GT(kept.records[i].gid, kept.records[i - 1].gid);
    EXPECT_EQ(kept.records[i].seq, kept.records[i - 1].seq + 1);
    EXPECT_EQ(kept.records[i].prev, kept.records[i - 1].gid);
  }
  if (!kept.records.empty()) {
    EXPECT_EQ(kept.records.back().gid, kept.top);
  }
}

}  // namespace crier::history

#pragma once

// For tests: a listener that notes what it is told.

#include "history/store.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace crier::history {

/// `then`, if set, is called after each note.
class Heard final : public BusListener {
 public:
  void subscribed(const std::string& program) override { note("subscribed " + program); }
  void published(Published event) override {
    events.push_back(std::move(event));
    if (then) then();
  }
  void claims_heard() override { note("claims"); }
  void claimed(const std::string& sid, Fence fence) override {
    claims.emplace_back(sid, fence);
    if (then) then();
  }
  void lost() override { note("lost"); }

  [[nodiscard]] std::size_t count(const std::string& word) const {
    return static_cast<std::size_t>(std::count(words.begin(), words.end(), word));
  }
  [[nodiscard]] std::vector<std::string> seqs() const {
    std::vector<std::string> all;
    for (const Published& event : events) {
      all.push_back(event.program + std::to_string(event.record.seq));
    }
    return all;
  }

  std::vector<std::string> words;  ///< Everything but events and claims.
  std::vector<Published> events;
  std::vector<std::pair<std::string, Fence>> claims;
  std::function<void()> then;

 private:
  void note(std::string word) {
    words.push_back(std::move(word));
    if (then) then();
  }
};

}  // namespace crier::history

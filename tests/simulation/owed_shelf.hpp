#pragma once

// What nodes keep of what they owe, over their deaths: the folder that all of them share.

#include "node/owed.hpp"
#include "world.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace crier::simulation {

/// Outlives the records that it gives.
class OwedShelf {
 public:
  std::unique_ptr<node::OwedRecord> record_of(const Host& host) {
    return std::make_unique<Record>(*this, host);
  }

 private:
  struct File {
    const Host* holder;
    std::set<std::string> programs;
  };

  class Record final : public node::OwedRecord {
   public:
    Record(OwedShelf& shelf, const Host& host) : shelf_(shelf), file_(shelf.files_.size()) {
      shelf.files_.push_back({&host, {}});
    }
    std::vector<std::string> take_over() override {
      std::set<std::string> left;
      for (File& file : shelf_.files_) {
        if (file.holder->dead) left.merge(std::exchange(file.programs, {}));
      }
      std::vector<std::string> programs(left.begin(), left.end());
      shelf_.files_[file_].programs.merge(left);
      return programs;
    }
    void add(const std::string& program) override { shelf_.files_[file_].programs.insert(program); }
    void replace(const std::vector<std::string>& programs) override {
      shelf_.files_[file_].programs = {programs.begin(), programs.end()};
    }
    [[nodiscard]] std::string place() const override { return "the shelf"; }
    [[nodiscard]] bool was_unreadable() const override { return false; }
    void clear_unreadable() override {}

   private:
    OwedShelf& shelf_;
    std::size_t file_;
  };

  std::vector<File> files_;
};

}  // namespace crier::simulation

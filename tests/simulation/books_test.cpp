#include "books.hpp"

#include "history/verdict.hpp"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace crier::simulation {
namespace {

class BooksTest : public testing::Test {
 protected:
  void append(const history::Epoch& epoch, history::Gid gid, int event) {
    books.appended("p", {epoch, gid, 0}, R"({"requestId":"n)" + std::to_string(event) + "\"}");
  }
  /// Whether the event with this number may be sent as one of the present epoch.
  [[nodiscard]] bool is_there(history::Gid gid) const {
    return books.find("p", {books.epoch(), gid}).has_value();
  }

  World world{1};
  std::vector<std::string> violations;
  Books books{world, std::chrono::minutes(5),
              [this](const std::string& what) { violations.push_back(what); }};
};

TEST_F(BooksTest, WhatIsSetBackLosesWhatCameAfterTheSnapshot) {
  books.epoch_begun("e1");
  append("e1", 5, 1);
  books.kept();
  append("e1", 6, 2);
  books.may_begin_epoch();
  books.set_back();
  books.epoch_begun("e2");
  EXPECT_TRUE(is_there(5));
  EXPECT_FALSE(is_there(6));
}

TEST_F(BooksTest, WhatASnapshotKeptIsThereAgainThoughItWasLostMeanwhile) {
  books.epoch_begun("e1");
  append("e1", 5, 1);
  books.kept();
  books.lost();
  books.may_begin_epoch();
  books.epoch_begun("e2");
  EXPECT_FALSE(is_there(5));
  books.set_back();
  books.may_begin_epoch();
  books.epoch_begun("e3");
  EXPECT_TRUE(is_there(5));
}

TEST_F(BooksTest, WhatWasLostBeforeTheSnapshotStaysLost) {
  books.epoch_begun("e1");
  append("e1", 5, 1);
  books.lost();
  books.kept();
  books.set_back();
  books.may_begin_epoch();
  books.epoch_begun("e2");
  EXPECT_FALSE(is_there(5));
}

}  // namespace
}  // namespace crier::simulation

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

  World world{1};
  std::vector<std::string> violations;
  Books books{world, std::chrono::minutes(5),
              [this](const std::string& what) { violations.push_back(what); }};
};

TEST_F(BooksTest, AnEventHasTheIdThatItGotWhateverEpochFollows) {
  books.epoch_begun("e1", 4);
  append("e1", 5, 1);
  EXPECT_TRUE(books.find("p", {"e1", 5}).has_value());
  books.may_begin_epoch();
  books.epoch_begun("e2", 5);
  EXPECT_TRUE(books.find("p", {"e1", 5}).has_value()) << "a node that is behind may send it";
  EXPECT_FALSE(books.find("p", {"e2", 5}).has_value()) << "though the store has kept it";
  EXPECT_EQ(books.floor(), 5U);
  EXPECT_TRUE(violations.empty());
}

TEST_F(BooksTest, AnEventThatIsStoredAgainAfterALossIsKnown) {
  books.epoch_begun("e1", 4);
  append("e1", 5, 1);
  world.run_until(world.now() + std::chrono::seconds(1));
  books.lost();
  append("e1", 6, 1);
  EXPECT_TRUE(books.again(1));
  EXPECT_TRUE(violations.empty());
}

}  // namespace
}  // namespace crier::simulation

#include "base/bytes.hpp"

#include <gtest/gtest.h>

namespace crier {
namespace {

TEST(ByteChain, IsItsPiecesOneBehindTheOther) {
  const ByteChain chain(std::vector<Bytes>{Bytes("one"), Bytes(), Bytes("two")});
  EXPECT_EQ(chain.pieces().size(), 3U);
  EXPECT_EQ(chain.size(), 6U);
  EXPECT_EQ(chain.joined(), "onetwo");
  EXPECT_FALSE(chain.empty());
}

TEST(ByteChain, OfNothingHasNoPieces) {
  for (const ByteChain& chain :
       {ByteChain(), ByteChain(Bytes()), ByteChain(std::vector<Bytes>())}) {
    EXPECT_TRUE(chain.empty());
    EXPECT_TRUE(chain.pieces().empty());
    EXPECT_EQ(chain.joined(), "");
  }
}

TEST(ByteChain, SharesThePiecesOfWhatItIsACopyOf) {
  for (const ByteChain& chain :
       {ByteChain(Bytes("one")), ByteChain(std::vector(2, Bytes("one")))}) {
    const ByteChain copy = chain;
    EXPECT_EQ(copy.pieces()[0].view().data(), chain.pieces()[0].view().data());
  }
}

TEST(Bytes, ThatAreForeverAreNotCopied) {
  static const std::string text = "text";
  const Bytes bytes = Bytes::forever(text);
  EXPECT_EQ(bytes.view().data(), text.data());
  EXPECT_EQ(bytes.size(), 4U);
}

}  // namespace
}  // namespace crier

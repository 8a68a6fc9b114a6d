#include "frames.hpp"

#include <gtest/gtest.h>

namespace {

using load::Frame;
using load::read_frame;
using load::write_frame;

/// As a server sends it: without a mask.
std::string unmasked(std::string_view payload) {
  std::string bytes;
  write_frame(bytes, Frame::text, payload);
  bytes.erase(bytes.size() - payload.size() - 4, 4);
  bytes[1] = static_cast<char>(static_cast<unsigned char>(bytes[1]) & 0x7FU);
  return bytes;
}

TEST(Frames, AreReadBackAtEachKindOfLength) {
  for (const std::size_t size : {0, 1, 125, 126, 65535, 65536, 200'000}) {
    const std::string payload(size, 'p');
    const std::string bytes = unmasked(payload) + "next";
    Frame frame;
    EXPECT_EQ(read_frame(bytes, frame), bytes.size() - 4) << size;
    EXPECT_EQ(frame.opcode, Frame::text);
    EXPECT_TRUE(frame.final);
    EXPECT_EQ(frame.payload, payload);
  }
}

TEST(Frames, ThatAreNotWholeAreLeftAlone) {
  for (const std::size_t size : {5, 300, 70'000}) {
    const std::string bytes = unmasked(std::string(size, 'p'));
    Frame frame;
    for (std::size_t i = 0; i < bytes.size(); i += 1 + i / 4) {
      EXPECT_EQ(read_frame(std::string_view(bytes).substr(0, i), frame), 0) << i << " of " << size;
    }
  }
}

TEST(Frames, OfALengthThatNobodyHasAreNotWhole) {
  const std::string bytes = std::string("\x81\x7F") + std::string(8, '\xFF') + "abc";
  Frame frame;
  EXPECT_EQ(read_frame(bytes, frame), 0);
}

TEST(Frames, SayWhatTheyAre) {
  Frame frame;
  EXPECT_EQ(read_frame(std::string_view("\x01\x01x", 3), frame), 3);
  EXPECT_FALSE(frame.final);
  EXPECT_EQ(read_frame(std::string_view("\x88\x02\x03\xE8", 4), frame), 4);
  EXPECT_EQ(frame.opcode, Frame::close);
}

TEST(Frames, OfAClientHaveAMask) {
  std::string bytes;
  write_frame(bytes, Frame::text, "hi");
  EXPECT_EQ(bytes, std::string("\x81\x82\0\0\0\0hi", 8));
}

}  // namespace

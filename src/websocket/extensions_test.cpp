#include "websocket/extensions.hpp"

#include "websocket/frame_fixture.hpp"

#include <gtest/gtest.h>

namespace crier::websocket {
namespace {

constexpr std::string_view plain =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
constexpr std::string_view with_window =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
    "server_max_window_bits=15";

TEST(WebSocketExtensions, AcceptWhatBrowsersAndClientsOffer) {
  for (const std::string_view offer : {
           "permessage-deflate; client_max_window_bits",  // Chromium, the npm package ws
           "permessage-deflate",                          // Firefox, Safari
           "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
           "permessage-deflate;client_max_window_bits=8",
           "permessage-deflate;client_max_window_bits=15",
           "permessage-deflate ; client_max_window_bits = 10",
           " \tpermessage-deflate\t;\tclient_no_context_takeover ",
           "permessage-deflate; client_max_window_bits=\"12\"",
           "permessage-deflate; client_max_window_bits=\"\\1\\2\"",
       }) {
    EXPECT_EQ(accept_deflate(offer), plain) << offer;
  }
}

TEST(WebSocketExtensions, PromiseTheLargestWindowAndDeclineSmallerOnes) {
  EXPECT_EQ(accept_deflate("permessage-deflate; server_max_window_bits=15"), with_window);
  EXPECT_EQ(accept_deflate("permessage-deflate; server_max_window_bits=\"15\"; "
                           "client_max_window_bits=9"),
            with_window);
  for (const std::string_view bits : {"8", "9", "10", "14"}) {
    const std::string offer = "permessage-deflate; server_max_window_bits=" + std::string(bits);
    EXPECT_EQ(accept_deflate(offer), std::nullopt) << offer;
    EXPECT_EQ(accept_deflate(offer + ", permessage-deflate"), plain) << offer;
  }
}

TEST(WebSocketExtensions, AcceptTheFirstOfferThatCanBeSatisfied) {
  EXPECT_EQ(accept_deflate("permessage-deflate; server_max_window_bits=15, permessage-deflate"),
            with_window);
  EXPECT_EQ(accept_deflate("permessage-deflate, permessage-deflate; server_max_window_bits=15"),
            plain);
  EXPECT_EQ(accept_deflate("x-webkit-deflate-frame, permessage-deflate"), plain);
  EXPECT_EQ(accept_deflate("permessage-bzip2; a=1; b=\"c\" , permessage-deflate"), plain);
}

// RFC 7692 section 7.1.
TEST(WebSocketExtensions, DeclineAnOfferThatIsInvalid) {
  for (const std::string_view parameters : {
           "unknown",
           "client_max_window_bits=7",
           "client_max_window_bits=16",
           "client_max_window_bits=08",
           "client_max_window_bits=1",
           "client_max_window_bits=+9",
           "client_max_window_bits=150",
           "server_max_window_bits",
           "server_max_window_bits=16",
           "server_max_window_bits=015",
           "server_no_context_takeover=1",
           "client_no_context_takeover=true",
           "client_max_window_bits; client_max_window_bits",
           "server_no_context_takeover; server_no_context_takeover",
           "Client_Max_Window_Bits",
       }) {
    const std::string offer = "permessage-deflate; " + std::string(parameters);
    EXPECT_EQ(accept_deflate(offer), std::nullopt) << offer;
    EXPECT_EQ(accept_deflate(offer + ", permessage-deflate"), plain) << offer;
  }
}

TEST(WebSocketExtensions, DeclineEverythingInAMalformedHeader) {
  for (const std::string_view header : {
           "",
           " ",
           ",",
           ";",
           "=",
           "permessage-deflate,",
           ",permessage-deflate",
           "permessage-deflate,,permessage-deflate",
           "permessage-deflate;",
           "permessage-deflate; =",
           "permessage-deflate; a=",
           "permessage-deflate; a=;b",
           "permessage-deflate a",
           "permessage-deflate; a b",
           "permessage-deflate; a=b c",
           "permessage-deflate; a=\"",
           "permessage-deflate; a=\"b",
           "permessage-deflate; a=\"b\\",
           "permessage-deflate; a=\"\"",
           "permessage-deflate; a=\"b c\"",
           "permessage-deflate; a=\"b\"c",
           "permessage-deflate; a=b\"c\"",
           "\"permessage-deflate\"",
           "permessage-deflate, caf\xC3\xA9",
           "permessage-deflate, a=b",
           "permessage-deflate @",
           "permessage-deflate, x; y=\"z",
       }) {
    EXPECT_EQ(accept_deflate(header), std::nullopt) << header;
  }
}

TEST(WebSocketExtensions, AreNoneWithoutAnOfferOfDeflate) {
  EXPECT_EQ(accept_deflate("x-webkit-deflate-frame"), std::nullopt);
  EXPECT_EQ(accept_deflate("Permessage-Deflate"), std::nullopt);
  EXPECT_EQ(accept_deflate("permessage-deflate2; client_max_window_bits"), std::nullopt);
}

// CVE-2021-32640, GHSA-5v72-xg48-5rpm: a run of blanks or commas took quadratic time.
TEST(WebSocketExtensions, AreReadInLinearTime) {
  for (const std::string_view unit :
       {" ", ",", ";", " ,", "\t", "\"", "a,", "a;", "permessage-deflate;a=\"b\",", "\\\""}) {
    const std::string header = "permessage-deflate; a=\"" + repeat(unit, 200'000);
    EXPECT_EQ(accept_deflate(header), std::nullopt);
    EXPECT_EQ(accept_deflate(repeat(unit, 200'000) + "="), std::nullopt);
  }
}

}  // namespace
}  // namespace crier::websocket

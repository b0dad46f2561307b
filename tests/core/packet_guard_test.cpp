#include "core/packet_guard.hpp"

#include <string>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using namespace std::string_literals;

/// A PUBLISH to the topic "a/b" at QoS 1, with these bytes behind its packet identifier.
std::string publish(const std::string& behind) {
  const std::string body = "\0\3a/b\0\7"s + behind;
  return "\x32"s + static_cast<char>(body.size()) + body;
}

bool passes(const std::string& bytes, std::size_t piece, MqttVersion version = MqttVersion::v5) {
  PacketGuard guard(version);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    if (!guard.take(std::string_view(bytes).substr(at, piece)))
      return false;
  }
  return true;
}

TEST(PacketGuard, LetsSoundPacketsPassHoweverTheyAreCut) {
  const std::string stream =
      "\x20\x03\0\0\0"s                     // CONNACK
      + publish("\0hello"s)                 // no properties
      + publish("\x02\x01\x01hello"s)       // one of two bytes
      + publish("\x02\x01\x01"s)            // and no payload
      + "\x30\x06\0\3a/b\0"s                // at QoS 0
      + "\x32\x89\x01\0\3a/b\0\7\x80\x01"s  // properties of 128 bytes, and no payload
      + std::string(128, 'p') + "\xd0\0"s;  // PINGRESP
  for (std::size_t piece = 1; piece <= stream.size(); ++piece)
    EXPECT_TRUE(passes(stream, piece)) << piece;
}

TEST(PacketGuard, FindsPropertiesThatDoNotEndWithinTheirPacket) {
  for (const std::string& packet :
       {publish(""), publish("\x01"), publish("\x80"), publish("\x80\x80"), publish("\x02p"),
        publish("\xff\xff\xff\x7fpppp"), publish("\x80\x80\x80\x80\x01"), "\x30\x01\0"s, "\x30\0"s,
        "\x30\x04\0\3a/"s, "\x32\x06\0\3a/b\0"s}) {
    for (std::size_t piece = 1; piece <= packet.size(); ++piece)
      EXPECT_FALSE(passes(publish("\0hello"s) + packet, piece)) << testing::PrintToString(packet);
  }
}

TEST(PacketGuard, FindsARemainingLengthOfMoreThanFourBytes) {
  EXPECT_FALSE(passes("\x30\xff\xff\xff\xff\x01"s, 1));
}

TEST(PacketGuard, KnowsThatOldVersionsHaveNoProperties) {
  EXPECT_TRUE(passes(publish(""), 1, MqttVersion::v3_1_1));
  EXPECT_TRUE(passes(publish("\x80"), 1, MqttVersion::v3_1_1));
}

}  // namespace
}  // namespace mqtt_bridge

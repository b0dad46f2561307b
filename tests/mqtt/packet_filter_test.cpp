#include "mqtt/packet_filter.hpp"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/limits/mqtt.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::string_literals;

/// A PUBLISH to the topic "a/b" at QoS 1, with these bytes behind its packet identifier.
std::string publish(const std::string& behind) {
  const std::string body = "\0\3a/b\0\7"s + behind;
  return "\x32"s + static_cast<char>(body.size()) + body;
}

constexpr std::size_t most_bytes = 1000;

/// What the library is given of `bytes`, which come in pieces of this size; nothing when they are
/// malformed.
std::optional<std::string> filtered(const std::string& bytes, std::size_t piece,
                                    MqttVersion version = MqttVersion::v5) {
  PacketFilter filter(version, most_bytes);
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    if (!filter.take(std::string_view(bytes).substr(at, piece), out))
      return std::nullopt;
  }
  return out;
}

TEST(PacketFilter, PassesSoundPacketsAsTheyCameHoweverTheyAreCut) {
  const std::string stream =
      "\x20\x03\0\0\0"s                     // CONNACK
      + publish("\0hello"s)                 // no properties
      + publish("\x02\x01\x01hello"s)       // one of two bytes
      + publish("\x02\x01\x01"s)            // and no payload
      + "\x30\x06\0\3a/b\0"s                // at QoS 0
      + "\x32\x89\x01\0\3a/b\0\7\x80\x01"s  // properties of 128 bytes, and no payload
      + std::string(128, 'p') + "\xd0\0"s;  // PINGRESP
  for (std::size_t piece = 1; piece <= stream.size(); ++piece)
    EXPECT_EQ(filtered(stream, piece), stream) << piece;
}

TEST(PacketFilter, FindsPropertiesThatDoNotEndWithinTheirPacket) {
  for (const std::string& packet :
       {publish(""), publish("\x01"), publish("\x80"), publish("\x80\x80"), publish("\x02p"),
        publish("\xff\xff\xff\x7fpppp"), publish("\x80\x80\x80\x80\x01"), "\x30\x01\0"s, "\x30\0"s,
        "\x30\x04\0\3a/"s, "\x32\x06\0\3a/b\0"s}) {
    for (std::size_t piece = 1; piece <= packet.size(); ++piece)
      EXPECT_FALSE(filtered(publish("\0hello"s) + packet, piece)) << testing::PrintToString(packet);
  }
}

TEST(PacketFilter, FindsARemainingLengthOfMoreThanFourBytes) {
  EXPECT_FALSE(filtered("\x30\xff\xff\xff\xff\x01"s, 1));
}

TEST(PacketFilter, KnowsThatOldVersionsHaveNoProperties) {
  EXPECT_EQ(filtered(publish(""), 1, MqttVersion::v3_1_1), publish(""));
  EXPECT_EQ(filtered(publish("\x80"), 1, MqttVersion::v3_1_1), publish("\x80"));
}

/// A PUBLISH at QoS 1 of `size` bytes in all.
std::string large(std::size_t size, MqttVersion version, char first = '\x32') {
  constexpr std::size_t fixed = 3;  // of a size from 131 to 16386 bytes
  const std::size_t length = size - fixed;
  std::string packet{first, static_cast<char>(length % 128 | 128), static_cast<char>(length / 128)};
  packet += "\0\3a/b\0\7"s;
  if (version == MqttVersion::v5)
    packet += '\0';
  return packet + std::string(size - packet.size(), 'x');
}

TEST(PacketFilter, GivesAPublishThatIsTooLargeAsOneWithoutAPayload) {
  const std::string topic = "\0\x16"s + std::string(PacketFilter::too_large_topic);
  for (const auto version : {MqttVersion::v5, MqttVersion::v3_1_1}) {
    const std::string fits = large(most_bytes, version);
    const std::string end = version == MqttVersion::v5 ? "\0\7\0"s : "\0\7"s;
    const std::string instead =
        "\x3a"s + static_cast<char>(topic.size() + end.size()) + topic + end;
    const std::string stream =
        fits + large(most_bytes + 1, version, '\x3b') + large(16'000, version, '\x3b') + fits;
    for (const std::size_t piece : {1U, 2U, 7U, 100U, 4096U, 100'000U})
      EXPECT_EQ(filtered(stream, piece, version), fits + instead + instead + fits) << piece;
  }
}

TEST(PacketFilter, GivesAPublishWithTooManyPropertiesAsOneWithoutThem) {
  const auto number = [](std::size_t value) {  // of three bytes
    return std::string{static_cast<char>(value % 128 | 0x80),
                       static_cast<char>(value / 128 % 128 | 0x80),
                       static_cast<char>(value / 128 / 128)};
  };
  for (const std::size_t bytes : {limits::property_bytes, limits::property_bytes + 1}) {
    const std::string body = "\0\3a/b\0\7"s + number(bytes) + std::string(bytes, 'p') + "payload";
    const std::string packet = "\x32"s + number(body.size()) + body;
    PacketFilter filter(MqttVersion::v5, 2 * limits::property_bytes);
    std::string out;
    ASSERT_TRUE(filter.take(packet + "\xd0\0"s, out));
    if (bytes == limits::property_bytes) {
      EXPECT_EQ(out, packet + "\xd0\0"s);
    } else {
      const std::string topic(PacketFilter::too_large_topic);
      EXPECT_EQ(out, "\x32"s + static_cast<char>(topic.size() + 5) + "\0"s +
                         static_cast<char>(topic.size()) + topic + "\0\7\0"s + "\xd0\0"s);
    }
  }
}

TEST(PacketFilter, HoldsBackNoPayloadAndNothingThatItSkips) {
  PacketFilter filter(MqttVersion::v3_1_1, most_bytes);
  std::string out;
  ASSERT_TRUE(filter.take(large(16'000, MqttVersion::v3_1_1).substr(0, 10'000), out));
  EXPECT_LT(out.size(), 50u);
  EXPECT_EQ(filter.passes(), 0u);
  ASSERT_TRUE(filter.take(std::string(6000, 'x'), out));
  out.clear();
  ASSERT_TRUE(filter.take(large(most_bytes, MqttVersion::v3_1_1).substr(0, 100), out));
  EXPECT_EQ(out.size(), 100u);
  EXPECT_EQ(filter.passes(), most_bytes - 100);
  filter.passed(most_bytes - 100);
  ASSERT_TRUE(filter.take("\xd0\0"s, out));
  EXPECT_EQ(out.size(), 102u);
}

TEST(PacketFilter, RemembersWhichPublishesHadNoSubscribers) {
  const std::string stream = "\x40\2\0\1"s          // success, in short
                             + "\x40\3\0\2\x10"s    // no matching subscribers
                             + "\x40\4\0\3\x10\0"s  // the same, with properties
                             + "\x40\4\0\4\0\0"s    // success, at length
                             + "\x40\3\0\5\x87"s;   // not authorized
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    PacketFilter filter(MqttVersion::v5, most_bytes);
    std::string out;
    for (std::size_t at = 0; at < stream.size(); at += piece)
      ASSERT_TRUE(filter.take(std::string_view(stream).substr(at, piece), out));
    EXPECT_EQ(out, stream);
    for (std::uint16_t id = 1; id <= 5; ++id)
      EXPECT_EQ(filter.had_no_subscribers(id), id == 2 || id == 3) << id;
    EXPECT_FALSE(filter.had_no_subscribers(2)) << "it was forgotten";
  }
}

}  // namespace
}  // namespace mqtt_bridge

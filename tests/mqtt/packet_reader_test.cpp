#include "mqtt/packet_reader.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits/mqtt.hpp"
#include "mqtt/packet.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::string_literals;

constexpr std::size_t reader_limit = 100'000;

/// A PUBLISH to the topic "a/b" at QoS 1 with the packet identifier 7, with these bytes behind
/// that.
std::string publish_packet(const std::string& behind) {
  const std::string body = "\0\3a/b\0\7"s + behind;
  return "\x32"s + static_cast<char>(body.size()) + body;
}

/// Prints what it is told, a line each; of PUBACKs those from 100 on are the library's.
class Listener : public PacketReader::User {
 public:
  std::string said;
  std::string others;

 private:
  void on_publish(MqttMessage message, std::uint16_t packet_id) override {
    said +=
        "message " + std::to_string(packet_id) + " " + message.topic + ": " +
        (message.payload.size() < 100 ? message.payload : std::to_string(message.payload.size()));
    said += message.correlation ? " correlation " + *message.correlation : "";
    said += message.response_topic ? " to " + *message.response_topic : "";
    said += message.status ? " status " + *message.status : "";
    said += message.error ? " error " + *message.error : "";
    said += message.responder ? " by " + *message.responder : "";
    said += message.expiry ? " for " + std::to_string(message.expiry->count()) + " s" : "";
    said += message.content_type.empty() ? "" : " type " + message.content_type;
    said += std::string(message.retained ? " retained" : "") + (message.duplicate ? " dup" : "");
    for (const auto& [name, value] : message.user_properties)
      said += " " + name + "=" + value;
    said += "\n";
  }
  void on_too_large(std::uint16_t packet_id) override {
    said += "too large " + std::to_string(packet_id) + "\n";
  }
  bool on_puback(std::uint16_t packet_id, int reason_code) override {
    if (packet_id >= 100)
      return false;
    said += "puback " + std::to_string(packet_id) + " " + std::to_string(reason_code) + "\n";
    return true;
  }
  void on_others(std::string_view bytes) override { others.append(bytes); }
};

struct Heard {
  bool is_sound;
  std::string said;
  std::string others;
};

Heard read_all(const std::string& bytes, std::size_t piece, MqttVersion version = MqttVersion::v5) {
  PacketReader reader(version, reader_limit);
  Listener listener;
  bool is_sound = true;
  for (std::size_t at = 0; at < bytes.size() && is_sound; at += piece)
    is_sound = reader.take(std::string_view(bytes).substr(at, piece), listener);
  return {is_sound, listener.said, listener.others};
}

TEST(PacketReader, TellsMessagesAndAcknowledgementsApartFromWhatIsForTheLibrary) {
  const std::string suback = "\x90\4\0\1\0\1"s;
  const std::string of_library = "\x40\2\0\x64"s;  // PUBACK for 100
  const std::string stream = publish_packet("\0hello"s) + suback + "\x40\2\0\1"s +
                             "\x40\3\0\2\x10"s + of_library + "\x40\4\0\3\x87\0"s + "\xd0\0"s +
                             "\x30\x06\0\3a/b\0"s;  // at QoS 0, without a payload
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    const Heard heard = read_all(stream, piece);
    EXPECT_TRUE(heard.is_sound);
    EXPECT_EQ(heard.said,
              "message 7 a/b: hello\n"
              "puback 1 0\n"
              "puback 2 16\n"
              "puback 3 135\n"
              "message 0 a/b: \n")
        << piece;
    EXPECT_EQ(heard.others, suback + of_library + "\xd0\0"s) << piece;
  }
}

TEST(PacketReader, ReadsEveryPropertyOfAPublish) {
  const std::string properties = "\x01\x01"s + "\x02\0\0\1\2"s + "\x03\0\4text"s + "\x08\0\3r/t"s +
                                 "\x09\0\2\0c"s + "\x0b\x81\x01"s + "\x26\0\6status\0\003400"s +
                                 "\x26\0\5error\0\2no"s + "\x26\0\x09responder\0\2me"s +
                                 "\x26\0\1x\0\1y"s;
  const std::string packet =
      publish_packet(static_cast<char>(properties.size()) + properties + "payload");
  for (std::size_t piece = 1; piece <= packet.size(); ++piece) {
    EXPECT_EQ(read_all(packet, piece).said,
              "message 7 a/b: payload correlation \0c to r/t status 400 error no by me for 258 s "
              "type text x=y\n"s)
        << piece;
  }
  EXPECT_EQ(read_all("\x3b"s + publish_packet("\0x"s).substr(1), 100).said,
            "message 7 a/b: x retained dup\n");
}

TEST(PacketReader, KnowsThatOldVersionsHaveNoPropertiesAndNoReasons) {
  EXPECT_EQ(read_all(publish_packet("\x80x"s), 1, MqttVersion::v3_1_1).said,
            "message 7 a/b: \x80x\n");
  EXPECT_EQ(read_all("\x40\2\0\1"s, 1, MqttVersion::v3_1_1).said, "puback 1 0\n");
}

TEST(PacketReader, RefusesWhatIsMalformed) {
  for (const std::string& packet :
       {publish_packet(""), publish_packet("\x01"), publish_packet("\x80"), publish_packet("\x02p"),
        publish_packet("\x02\x01"s), publish_packet("\x01\x7f"s), publish_packet("\x03\x09\0\7"s),
        publish_packet("\xff\xff\xff\x7fpppp"), "\x30\x01\0"s, "\x30\0"s, "\x30\x04\0\3a/"s,
        "\x32\x06\0\3a/b\0"s,
        "\x32\x08\0\3a/b\0\0\0"s,  // packet identifier 0
        "\x36\x08\0\3a/b\0\1\0"s,  // QoS 3
        "\x30\xff\xff\xff\xff\x01"s}) {
    for (std::size_t piece = 1; piece <= packet.size(); ++piece)
      EXPECT_FALSE(read_all(publish_packet("\0hello"s) + packet, piece).is_sound)
          << testing::PrintToString(packet) << piece;
  }
}

std::string three_byte_number(std::size_t value) {  // of three bytes
  return {static_cast<char>(value % 128 | 0x80), static_cast<char>(value / 128 % 128 | 0x80),
          static_cast<char>(value / 128 / 128)};
}

/// Of `size` bytes in all.
std::string large_packet(std::size_t size) {
  std::string packet = "\x32"s + three_byte_number(size - 4) + "\0\3a/b\0\7\0"s;
  return packet + std::string(size - packet.size(), 'x');
}

TEST(PacketReader, TakesAPublishUpToItsLimitAndDropsOneAbove) {
  const std::string stream =
      large_packet(reader_limit) + large_packet(reader_limit + 1) + publish_packet("\0small"s);
  for (const std::size_t piece : {1U, 7U, 4096U, 16'384U, 65'536U, 300'000U}) {
    const Heard heard = read_all(stream, piece);
    EXPECT_TRUE(heard.is_sound);
    EXPECT_EQ(heard.said, "message 7 a/b: " + std::to_string(reader_limit - 12) +
                              "\ntoo large 7\nmessage 7 a/b: small\n")
        << piece;
  }
}

TEST(PacketReader, DropsAPublishWithTooManyProperties) {
  static_assert(limits::property_bytes % 2 == 0);
  for (const std::size_t bytes : {limits::property_bytes, limits::property_bytes + 2}) {
    std::string properties;
    while (properties.size() < bytes)
      properties += "\x01\0"s;
    const std::string body = "\0\3a/b\0\7"s + three_byte_number(bytes) + properties + "payload";
    const Heard heard = read_all("\x32"s + three_byte_number(body.size()) + body + "\xd0\0"s, 4096);
    EXPECT_EQ(heard.said,
              bytes > limits::property_bytes ? "too large 7\n" : "message 7 a/b: payload\n");
    EXPECT_EQ(heard.others, "\xd0\0"s);
  }
}

TEST(PacketReader, HasALargePayloadReadStraightToItsPlace) {
  PacketReader reader(MqttVersion::v5, reader_limit);
  Listener listener;
  ASSERT_TRUE(reader.take(large_packet(90'000).substr(0, 40'000), listener));
  const auto [place, room] = reader.room();
  ASSERT_EQ(room, 50'000u);
  std::fill(place, place + room, 'y');
  reader.put(20'000, listener);
  EXPECT_EQ(reader.room().second, 30'000u);
  EXPECT_EQ(listener.said, "");
  reader.put(30'000, listener);
  EXPECT_EQ(listener.said, "message 7 a/b: 89988\n");
  EXPECT_EQ(reader.room().second, 0u);
}

TEST(PacketReader, PassesAPacketOfTheLibraryAsItComes) {
  PacketReader reader(MqttVersion::v5, reader_limit);
  Listener listener;
  ASSERT_TRUE(reader.take("\x90\xff\xff\x7f\0\1"s, listener));
  EXPECT_EQ(listener.others, "\x90\xff\xff\x7f\0\1"s);
  ASSERT_TRUE(reader.take(std::string(1000, 'r'), listener));
  EXPECT_EQ(listener.others.size(), 1006u);
}

TEST(Packet, APublishThatWasWrittenReadsAsItWas) {
  for (const auto version : {MqttVersion::v5, MqttVersion::v3_1_1}) {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{5}, std::size_t{150}, std::size_t{20'000}}) {
      const std::string payload(size, 'p');
      const MqttPublish sent{.id = 1,
                             .topic = "a/b",
                             .payload = payload,
                             .response_topic = "r/t",
                             .correlation = "0123456789abcdef",
                             .expiry = std::chrono::milliseconds(1500),
                             .user_properties = {{"status", "400"}, {"x", "y"}},
                             .content_type = "text"};
      std::string bytes;
      packet::append_publish_head(bytes, sent, true, version, 515);
      const Heard heard = read_all(bytes + payload, 4096, version);
      const std::string shown = size < 100 ? payload : std::to_string(size);
      const std::string v5 = " correlation 0123456789abcdef to r/t status 400 for 2 s type text";
      EXPECT_EQ(heard.said, "message 515 a/b: " + shown + (version == MqttVersion::v5 ? v5 : "") +
                                " retained" + (version == MqttVersion::v5 ? " x=y" : "") + "\n");
    }
  }
}

}  // namespace
}  // namespace mqtt_bridge

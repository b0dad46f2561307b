// Splits what the broker sends, once the event loop reads a connection itself, into the messages
// and acknowledgements of calls, and what is for the MQTT library: all other packets, as they came.
// What packet_filter.hpp says of PUBLISH packets that are malformed or too large holds here, too.
// Value; the owner serialises.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "mqtt/message.hpp"
#include "mqtt/packet.hpp"

namespace mqtt_bridge {

class PacketReader {
 public:
  /// What is told of each packet, in their order. `packet_id` 0: at QoS 0, which wants no PUBACK.
  class User {
   public:
    virtual void on_publish(MqttMessage message, std::uint16_t packet_id) = 0;
    /// One that was above what we take, and is dropped.
    virtual void on_too_large(std::uint16_t packet_id) = 0;
    /// Whether this PUBACK is of a packet of ours; else the library gets it.
    virtual bool on_puback(std::uint16_t packet_id, int reason_code) = 0;
    /// Bytes for the library.
    virtual void on_others(std::string_view bytes) = 0;

   protected:
    ~User() = default;
  };

  /// `limit`: the bytes of a whole PUBLISH.
  PacketReader(MqttVersion version, std::size_t limit) : version_(version), limit_(limit) {}

  /// The bytes that come next. False when they are malformed: then nothing may follow.
  [[nodiscard]] bool take(std::string_view bytes, User& user);

  /// Where the next bytes may be put straight, within a large payload; empty where there is none.
  /// Then put() has to know how many were.
  std::pair<char*, std::size_t> room();
  void put(std::size_t bytes, User& user);

 private:
  enum class Step { whole, needs_more, malformed };
  struct Shape;
  Step read_packet(std::string_view& bytes, User& user);
  Step read_publish(std::string_view& bytes, const Shape& shape, User& user);
  Step drop_publish(std::string_view& bytes, const Shape& shape, std::size_t packet_id, User& user);
  void continue_packet(std::string_view& bytes, User& user);

  MqttVersion version_;
  std::size_t limit_;
  std::string rest_;                          // the beginning of a packet that has not come whole
  std::optional<packet::PublishHead> large_;  // of which the payload is coming
  std::size_t filled_ = 0;                    // of that
  std::size_t passing_ = 0;                   // bytes of a packet of the library that are to come
  std::size_t skipping_ = 0;                  // the same of one that is dropped
};

}  // namespace mqtt_bridge

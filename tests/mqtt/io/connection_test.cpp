// Connections of one process, side by side, against a real mosquitto.
#include "mqtt/io/connection.hpp"

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/limits/mqtt.hpp"
#include "mosquitto.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 30s;

/// One connection, and what came on it.
class Neighbour {
 public:
  Neighbour(const Mosquitto& broker, MqttVersion version, const std::string& name)
      : name_(name), connection_(options(broker, version, name), [this](MqttEvent event) {
          take(std::move(event));
        }) {}

  /// The next event of this kind that has not been waited for; nothing when it does not come.
  template <typename Event>
  std::optional<Event> next() {
    std::unique_lock lock(mutex_);
    std::optional<Event> found;
    changed_.wait_for(lock, patience, [&] {
      for (auto each = events_.begin(); each != events_.end(); ++each) {
        if (auto* const event = std::get_if<Event>(&*each)) {
          found = std::move(*event);
          events_.erase(each);
          return true;
        }
      }
      return false;
    });
    return found;
  }

  std::string topic() const { return name_ + "/uppercase/response"; }
  void subscribe() { connection_.subscribe(1, topic(), Retained::sent); }
  void publish(std::uint64_t id, const std::string& topic, std::string_view payload) {
    connection_.publish({.id = id,
                         .topic = topic,
                         .payload = payload,
                         .response_topic = "somewhere/else",
                         .correlation = name_});
  }
  int descriptor() const { return connection_.descriptor(); }

 private:
  static MqttConnectOptions options(const Mosquitto& broker, MqttVersion version,
                                    const std::string& name) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(broker.port());
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
    MqttConnectOptions options{.uri = "tcp://127.0.0.1:" + std::to_string(broker.port()),
                               .socket = socket,
                               .peer = {},
                               .tls = {},
                               .version = version,
                               .client_id = name,
                               .clean_start = true,
                               .session_expiry = 0s,
                               .keep_alive = 5s,
                               .username = {},
                               .password = {},
                               .will = {}};
    std::memcpy(&options.peer, &address, sizeof address);
    return options;
  }

  void take(MqttEvent event) {
    {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
    }
    changed_.notify_all();
  }

  const std::string name_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<MqttEvent> events_;
  MqttConnection connection_;  // last: its end is the end of all events
};

TEST(MqttConnection, WorksBesideAnotherOneInAnotherVersion) {
  const Mosquitto broker;
  Neighbour newer(broker, MqttVersion::v5, "newer");
  Neighbour older(broker, MqttVersion::v3_1_1, "older");
  for (Neighbour* each : {&newer, &older}) {
    const auto event = each->next<mqtt_event::Connected>();
    ASSERT_TRUE(event);
    EXPECT_THAT(event->missing_workarounds, testing::IsEmpty());
    each->subscribe();
    ASSERT_TRUE(each->next<mqtt_event::Subscribed>());
  }
  EXPECT_NE(newer.descriptor(), older.descriptor());

  newer.publish(1, older.topic(), "to the older one");
  older.publish(1, newer.topic(), "to the newer one");
  newer.publish(2, newer.topic(), "to itself");
  EXPECT_EQ(older.next<mqtt_event::Arrived>().value().message.payload, "to the older one");
  std::vector<std::string> came;
  for (int i = 0; i < 2; ++i) {
    const auto message = newer.next<mqtt_event::Arrived>().value().message;
    came.push_back(message.payload + ", " + message.correlation.value_or("no correlation"));
  }
  EXPECT_THAT(
      came, testing::UnorderedElementsAre("to the newer one, no correlation", "to itself, newer"));

  newer.publish(3, "heard/by/none", "x");
  older.publish(3, "heard/by/none", "x");
  for (Neighbour* each : {&newer, &older}) {
    std::optional<mqtt_event::Acknowledged> acknowledged;
    do {
      acknowledged = each->next<mqtt_event::Acknowledged>();
      ASSERT_TRUE(acknowledged);
    } while (acknowledged->id != 3);
    EXPECT_EQ(acknowledged->subscribers, each == &newer ? Subscribers::none : Subscribers::perhaps);
  }
}

TEST(MqttConnection, KeepsItsLimitAndGoesOnWhenAnotherOneEnds) {
  const Mosquitto broker;
  Neighbour older(broker, MqttVersion::v3_1_1, "older");
  ASSERT_TRUE(older.next<mqtt_event::Connected>());
  older.subscribe();
  ASSERT_TRUE(older.next<mqtt_event::Subscribed>());
  const std::string large(limits::inbound_packet_bytes, 'x');
  {
    Neighbour newer(broker, MqttVersion::v5, "newer");
    ASSERT_TRUE(newer.next<mqtt_event::Connected>());
    newer.publish(1, older.topic(), large);
    ASSERT_TRUE(newer.next<mqtt_event::Acknowledged>());
  }
  EXPECT_TRUE(older.next<mqtt_event::TooLarge>());
  older.publish(1, older.topic(), "small");
  EXPECT_EQ(older.next<mqtt_event::Arrived>().value().message.payload, "small");
}

}  // namespace
}  // namespace mqtt_bridge

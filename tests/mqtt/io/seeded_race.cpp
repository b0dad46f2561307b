// A race that is there on purpose, between a callback of the MQTT library and its owner.
// ThreadSanitizer must find it with the suppressions that the tests run with: they are for the
// library's own doings, and must not hide ours (tests/CMakeLists.txt has the test).
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include <netinet/in.h>

#include "mosquitto.hpp"
#include "mqtt/io/connection.hpp"

namespace {

using namespace mqtt_bridge;

int unguarded = 0;

[[gnu::noinline]] void seeded_race() {
  ++unguarded;
}

MqttConnectOptions options_for(const Mosquitto& broker) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(broker.port());
  const int connected = socket(AF_INET, SOCK_STREAM, 0);
  connect(connected, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  MqttConnectOptions options{.uri = "tcp://127.0.0.1:" + std::to_string(broker.port()),
                             .socket = connected,
                             .peer = {},
                             .tls = {},
                             .version = MqttVersion::v5,
                             .client_id = "seeded-race",
                             .clean_start = true,
                             .session_expiry = std::chrono::seconds(0),
                             .keep_alive = std::chrono::seconds(5),
                             .username = {},
                             .password = {},
                             .will = {}};
  std::memcpy(&options.peer, &address, sizeof address);
  return options;
}

}  // namespace

int main() {
  const Mosquitto broker;
  std::atomic<bool> was_called_back = false;  // relaxed, so that it orders nothing else
  const MqttConnection connection(options_for(broker), [&](const MqttEvent&) {
    seeded_race();
    was_called_back.store(true, std::memory_order_relaxed);
  });
  while (!was_called_back.load(std::memory_order_relaxed)) {
    seeded_race();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // for the other thread to run
  }
}

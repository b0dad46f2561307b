// The link against a real mosquitto.
#include "mqtt/io/link.hpp"

#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/limits/mqtt.hpp"
#include "mosquitto.hpp"
#include "mqtt/io/paho/broker_socket.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

constexpr auto link_patience = 30s;

/// Uses a link until something of interest has happened.
class Watcher : public MqttLink::User {
 public:
  explicit Watcher(MqttLinkOptions options) : link(loop, std::move(options), *this) {}

  /// Runs the loop until `condition` holds; false when it does not in time.
  template <typename Condition>
  bool run_until(const Condition& condition) {
    const auto deadline = std::chrono::steady_clock::now() + link_patience;
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      loop.restart();
      loop.run_one_for(10ms);
    }
    return condition();
  }

  void on_link_up(const LinkUp& up) override {
    ++times_up;
    last_up = up;
  }
  void on_link_down() override { ++times_down; }
  void on_message(const MqttMessage& message) override { messages.push_back(message); }
  void on_acknowledged(std::uint64_t id, Subscribers subscribers) override {
    acknowledged.push_back(id);
    last_subscribers = subscribers;
  }
  void on_refused(std::uint64_t, Refusal, const std::string&) override {}
  void on_attempt_failed(ConnectFailure, const std::string& why) override {
    failures.push_back(why);
  }

  Subscribers last_subscribers = Subscribers::perhaps;
  asio::io_context loop{1};
  int times_up = 0;
  int times_down = 0;
  LinkUp last_up{};
  std::vector<MqttMessage> messages;
  std::vector<std::uint64_t> acknowledged;
  std::vector<std::string> failures;
  MqttLink link;
};

MqttLinkOptions options_for(const Mosquitto& broker, Protocol protocol = Protocol::automatic) {
  MqttLinkOptions options;
  options.brokers = {{BrokerUrl::Scheme::mqtt, "127.0.0.1", broker.port()}};
  options.protocol = protocol;
  options.client_id = "link-under-test";
  options.filters = {"alice/uppercase/response"};
  options.session_expiry = 60s;
  return options;
}

TopicFilters numbered_filters(int count) {
  std::vector<std::string> firsts;
  for (int i = 0; i < count; ++i)
    firsts.push_back("n" + std::to_string(i));
  return TopicFilters::combined(std::move(firsts), {"/uppercase/response"});
}

int tcp_option(int descriptor, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  getsockopt(descriptor, IPPROTO_TCP, option, &value, &length);
  return value;
}

/// All descriptors of this process that are connected to `port`.
std::vector<int> descriptors_to(std::uint16_t port) {
  std::vector<int> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc/self/fd"), closedir);
  while (const dirent* entry = readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    int descriptor = -1;
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    if (std::from_chars(name.data(), name.data() + name.size(), descriptor).ec == std::errc{} &&
        getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &length) == 0 &&
        peer.sin_family == AF_INET && ntohs(peer.sin_port) == port) {
      found.push_back(descriptor);
    }
  }
  return found;
}

TEST(MqttLink, SetsTheSocketOptionsThatTheLibraryDoesNot) {
  const Mosquitto broker;
  Watcher watcher(options_for(broker));
  watcher.link.start();
  ASSERT_TRUE(watcher.run_until([&] { return watcher.times_up == 1; }));
  const auto descriptors = descriptors_to(broker.port());
  ASSERT_EQ(descriptors.size(), 2u) << "the library's, and our duplicate of it";
  for (const int descriptor : descriptors) {
    EXPECT_EQ(tcp_option(descriptor, TCP_NODELAY), 1);
    EXPECT_EQ(tcp_option(descriptor, TCP_USER_TIMEOUT),
              std::chrono::milliseconds(limits::puback_timeout).count());
    EXPECT_TRUE(fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
  }
}

MqttPublish publish_to(const std::string& topic, std::string_view payload, std::uint64_t id = 1) {
  return {.id = id,
          .topic = topic,
          .payload = payload,
          .response_topic = {},
          .correlation = {},
          .expiry = {},
          .user_properties = {},
          .retained = false};
}

TEST(MqttLink, TellsWhichPublishesHadNoSubscriber) {
  const Mosquitto broker;
  Watcher watcher(options_for(broker));
  watcher.link.start();
  ASSERT_TRUE(watcher.run_until([&] { return watcher.times_up == 1; }));
  watcher.link.publish(publish_to("heard/by/none", "x"));
  ASSERT_TRUE(watcher.run_until([&] { return watcher.acknowledged.size() == 1; }));
  EXPECT_EQ(watcher.last_subscribers, Subscribers::none);
  watcher.link.publish(publish_to("alice/uppercase/response", "x"));
  ASSERT_TRUE(watcher.run_until([&] { return watcher.acknowledged.size() == 2; }));
  EXPECT_EQ(watcher.last_subscribers, Subscribers::perhaps);
}

TEST(MqttLink, TakesNoMessageThatIsLargerThanItsLimitAndGoesOn) {
  for (const Protocol protocol : {Protocol::v5, Protocol::v3_1_1}) {
    const Mosquitto broker;
    Watcher watcher(options_for(broker, protocol));
    watcher.link.start();
    ASSERT_TRUE(watcher.run_until([&] { return watcher.times_up == 1; }));
    const std::string large(limits::inbound_packet_bytes, 'x');
    const std::string topic = "alice/uppercase/response";
    for (const std::string_view payload : {std::string_view(large), std::string_view("small")})
      watcher.link.publish(publish_to(topic, payload, payload.size()));
    ASSERT_TRUE(watcher.run_until([&] { return watcher.messages.size() == 1; }));
    EXPECT_EQ(watcher.messages.front().payload, "small");
    EXPECT_EQ(watcher.link.lost().too_large, protocol == Protocol::v5 ? 0u : 1u)
        << "in MQTT 5 the broker keeps to our Maximum Packet Size";
    EXPECT_EQ(watcher.times_down, 0);
  }
}

TEST(MqttLink, ComesUpWithThousandsOfFilters) {
  const Mosquitto broker;
  MqttLinkOptions options = options_for(broker);
  options.filters = numbered_filters(5000);
  Watcher watcher(options);
  watcher.link.start();
  ASSERT_TRUE(watcher.run_until([&] { return watcher.times_up == 1; }));
  watcher.link.publish(publish_to("n4999/uppercase/response", "A"));
  EXPECT_TRUE(watcher.run_until([&] { return watcher.messages.size() == 1; }));
}

TEST(MqttLink, LeavesHundredsOfFiltersThatAreNoLongerWantedThoughNobodyCalls) {
  const Mosquitto broker;
  MqttLinkOptions options = options_for(broker);
  const std::string kept = options.filters.first();
  options.filters.append(numbered_filters(300));
  Watcher watcher(options);
  watcher.link.start();
  ASSERT_TRUE(watcher.run_until([&] { return watcher.times_up == 1; }));
  auto fewer = options;
  fewer.filters = {kept};
  watcher.link.reconfigure(fewer);
  // What comes to none but `kept` shows that the others are left.
  std::uint64_t id = 0;
  const auto publish = [&](const std::string& topic) {
    watcher.link.publish({.id = ++id,
                          .topic = topic,
                          .payload = "A",
                          .response_topic = {},
                          .correlation = {},
                          .expiry = {},
                          .user_properties = {},
                          .retained = false});
  };
  const auto has_come_to_kept = [&] {
    return !watcher.messages.empty() && watcher.messages.back().topic == kept;
  };
  watcher.link.expect_answers(false);  // as the bridge says after each thing that it does
  for (TopicFilters gone = numbered_filters(300); !gone.empty();) {
    watcher.messages.clear();
    publish(gone.first());
    publish(kept);
    ASSERT_TRUE(watcher.run_until(has_come_to_kept));
    ASSERT_LT(id, 20'000u) << gone.first() << " is not left";
    if (watcher.messages.size() == 1)
      gone.take_first();
  }
}

TEST(MqttLink, DoesNoWorkForEachFilterThatIsNoLongerWantedWithEachCall) {
  const Mosquitto broker;
  MqttLinkOptions options = options_for(broker);
  const std::string kept = options.filters.first();
  options.filters.append(numbered_filters(5000));
  Watcher watcher(options);
  watcher.link.start();
  ASSERT_TRUE(watcher.run_until([&] { return watcher.times_up == 1; }));
  options.filters = {kept};
  watcher.link.reconfigure(options);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 100'000; ++i)
    watcher.link.expect_answers(true);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
}

TEST(MqttLink, SetsThemAgainOnTheNextConnection) {
  const Mosquitto broker;
  Watcher watcher(options_for(broker));
  watcher.link.start();
  ASSERT_TRUE(watcher.run_until([&] { return watcher.times_up == 1; }));
  shutdown(watcher.link.descriptor(), SHUT_RDWR);
  ASSERT_TRUE(watcher.run_until([&] { return watcher.times_up == 2; }));
  EXPECT_EQ(watcher.times_down, 1);
  EXPECT_TRUE(watcher.last_up.session_present);
  const auto descriptors = descriptors_to(broker.port());
  ASSERT_EQ(descriptors.size(), 2u);
  EXPECT_EQ(tcp_option(descriptors[0], TCP_NODELAY), 1);
}

TEST(MqttLink, HasAllWorkaroundsInEffectOnARealConnection) {
  const Mosquitto broker;
  Watcher watcher(options_for(broker));
  watcher.link.start();
  ASSERT_TRUE(watcher.run_until([&] { return watcher.times_up == 1; }));
  EXPECT_EQ(watcher.link.missing_workarounds(), 0u);
}

TEST(BrokerSocket, TellsOfAConnectionThatTheLibraryDoesNotReadByWayOfUs) {
  const Mosquitto broker;
  asio::io_context loop;
  asio::ip::tcp::socket not_the_librarys(loop);
  not_the_librarys.connect({asio::ip::address_v4::loopback(), broker.port()});
  sockaddr_storage peer{};
  std::memcpy(&peer, not_the_librarys.remote_endpoint().data(),
              not_the_librarys.remote_endpoint().size());
  paho::BrokerSocket socket;
  EXPECT_THAT(socket.missing(), testing::Contains(testing::HasSubstr("not found")));
  socket.tune(peer);
  EXPECT_THAT(socket.missing(),
              testing::ElementsAre(testing::HasSubstr("recv() or SSL_read() is not ours")));
}

TEST(MqttLink, LeavesNoDescriptorBehindWhenItStops) {
  const Mosquitto broker;
  Watcher watcher(options_for(broker));
  watcher.link.start();
  ASSERT_TRUE(watcher.run_until([&] { return watcher.times_up == 1; }));
  watcher.link.stop();
  EXPECT_EQ(descriptors_to(broker.port()).size(), 0u);
}

TEST(MqttLink, CarriesEveryPropertyOfARequestInVersion5AndNoneIn311) {
  for (const auto protocol : {Protocol::v5, Protocol::v3_1_1}) {
    const Mosquitto broker;
    Watcher watcher(options_for(broker, protocol));
    watcher.link.start();
    ASSERT_TRUE(watcher.run_until([&] { return watcher.link.is_up(); }));
    watcher.link.publish({.id = 7,
                          .topic = "alice/uppercase/response",
                          .payload = std::string_view("a\0b", 3),
                          .response_topic = "somewhere/else",
                          .correlation = std::string_view("\0\xff", 2),
                          .expiry = 1500ms,
                          .user_properties = {{"status", "400"}, {"error", "no"}, {"x", "y"}},
                          .retained = false});
    ASSERT_TRUE(watcher.run_until(
        [&] { return watcher.messages.size() == 1 && watcher.acknowledged.size() == 1; }));
    const MqttMessage& message = watcher.messages[0];
    const bool is_v5 = protocol == Protocol::v5;
    EXPECT_EQ(watcher.acknowledged[0], 7u);
    EXPECT_EQ(message.topic, "alice/uppercase/response");
    EXPECT_EQ(message.payload, std::string("a\0b", 3));
    EXPECT_EQ(message.correlation, is_v5 ? std::optional(std::string("\0\xff", 2)) : std::nullopt);
    EXPECT_EQ(message.response_topic.value_or("none"), is_v5 ? "somewhere/else" : "none");
    EXPECT_EQ(message.status.value_or("none"), is_v5 ? "400" : "none");
    EXPECT_EQ(message.error.value_or("none"), is_v5 ? "no" : "none");
    EXPECT_EQ(message.responder, std::nullopt);
    // Rounded up, and a second less where the broker's clock has gone on to the next one.
    const auto expiry = message.expiry.value_or(0s);
    EXPECT_TRUE(is_v5 ? expiry >= 1s && expiry <= 2s : !message.expiry) << expiry.count();
  }
}

/// How often the MQTT library's threads have gone to sleep.
long sleeps_of_library_threads() {
  long sleeps = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(task.path() / "status");
    std::string line;
    std::getline(status, line);
    const bool is_its_thread = line.find("MQTTAsync_") != std::string::npos;
    while (is_its_thread && std::getline(status, line)) {
      const std::string_view field = "voluntary_ctxt_switches:";
      if (line.starts_with(field))
        sleeps += std::stol(line.substr(field.size()));
    }
  }
  return sleeps;
}

TEST(MqttLink, PublishesAndHearsOfItWithoutTheThreadsOfTheLibrary) {
  for (const auto protocol : {Protocol::v5, Protocol::v3_1_1}) {
    const Mosquitto broker;
    Watcher watcher(options_for(broker, protocol));
    watcher.link.start();
    ASSERT_TRUE(watcher.run_until([&] { return watcher.link.is_up(); }));
    const auto publish = [&](std::uint64_t id) {
      watcher.link.publish(
          {.id = id, .topic = "alice/uppercase/response", .payload = std::to_string(id)});
      return watcher.run_until(
          [&] { return watcher.messages.size() == id && watcher.acknowledged.size() == id; });
    };
    ASSERT_TRUE(publish(1)) << "perhaps by way of the library, which was not idle yet";
    ASSERT_TRUE(publish(2));
    const long before = sleeps_of_library_threads();
    constexpr std::uint64_t count = 400;
    for (std::uint64_t id = 3; id <= count; ++id) {
      ASSERT_TRUE(publish(id));
      EXPECT_EQ(watcher.messages.back().payload, std::to_string(id));
      EXPECT_EQ(watcher.acknowledged.back(), id);
    }
    EXPECT_LT(sleeps_of_library_threads() - before, 100) << "each wakes up once in a second";
  }
}

TEST(MqttLink, CarriesLargeMessagesAmongSmallOnes) {
  const Mosquitto broker;
  Watcher watcher(options_for(broker));
  watcher.link.start();
  ASSERT_TRUE(watcher.run_until([&] { return watcher.link.is_up(); }));
  std::vector<std::string> payloads;
  for (const std::size_t size : {5UL, 900'000UL, 10UL, 16'384UL, 1'000'000UL, 0UL, 65'536UL})
    payloads.push_back(std::string(size, static_cast<char>('a' + payloads.size())));
  for (const std::string& each : payloads)
    watcher.link.publish({.id = each.size(), .topic = "alice/uppercase/response", .payload = each});
  ASSERT_TRUE(watcher.run_until([&] {
    return watcher.messages.size() == payloads.size() &&
           watcher.acknowledged.size() == payloads.size();
  }));
  for (std::size_t i = 0; i < payloads.size(); ++i)
    EXPECT_EQ(watcher.messages[i].payload, payloads[i]) << i;
}

TEST(MqttLink, SubscribesAndPublishesAtTheSameTime) {
  const Mosquitto broker;
  Watcher watcher(options_for(broker));
  watcher.link.start();
  ASSERT_TRUE(watcher.run_until([&] { return watcher.link.is_up(); }));
  constexpr std::uint64_t count = 300;
  for (std::uint64_t id = 1; id <= count; ++id) {
    const std::string filter = "more/" + std::to_string(id);
    watcher.link.subscribe(filter, Echo::sent);
    watcher.link.publish({.id = id, .topic = "alice/uppercase/response", .payload = filter});
    if (id % 10 == 0)
      watcher.link.unsubscribe("more/" + std::to_string(id - 5));
    ASSERT_TRUE(watcher.run_until([&] { return watcher.acknowledged.size() == id; }));
  }
  ASSERT_TRUE(watcher.run_until([&] { return watcher.messages.size() == count; }));
  EXPECT_EQ(watcher.times_down, 0);
}

TEST(MqttLink, SaysWhyItCannotConnectAndKeepsTrying) {
  MqttLinkOptions options;
  {
    const Mosquitto gone;
    options = options_for(gone);
  }
  Watcher watcher(options);
  watcher.link.start();
  ASSERT_TRUE(watcher.run_until([&] { return watcher.failures.size() >= 3; }));
  EXPECT_EQ(watcher.failures[0],
            "there is no broker at 127.0.0.1:" + std::to_string(options.brokers.front().port));
  EXPECT_EQ(watcher.link.version(), MqttVersion::v5);
}

}  // namespace
}  // namespace mqtt_bridge

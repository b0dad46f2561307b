#include "mqtt/io/connection.hpp"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include <mqtt/async_client.h>

#include "mqtt/io/paho/packet_path.hpp"
#include "mqtt/io/paho/workarounds.hpp"
#include "mqtt/io/translation.hpp"
#include "mqtt/packet_filter.hpp"

namespace mqtt_bridge {
namespace {

constexpr int session_taken_over = 0x8E;
constexpr auto broke = "the connection broke";

/// Gives one kind of the library's completions to a function; user_context() tells which.
class Listener : public mqtt::iaction_listener {
 public:
  using Completion = std::function<void(const mqtt::token&, bool succeeded)>;
  explicit Listener(Completion completion) : completion_(std::move(completion)) {}

 private:
  // Nothing escapes into the library's C frames: what does not succeed by then ends the process.
  void on_success(const mqtt::token& token) override { complete(token, true); }
  void on_failure(const mqtt::token& token) override { complete(token, false); }
  void complete(const mqtt::token& token, bool succeeded) noexcept {
    completion_(token, succeeded);
  }

  Completion completion_;
};

}  // namespace

class MqttConnection::Client {
 public:
  Client(const MqttConnectOptions& options, Sink sink)
      : sink_(std::move(sink)),
        options_(options),
        workarounds_(options),
        client_(workarounds_.uri(), options.client_id,
                mqtt::create_options(is_v5() ? MQTTVERSION_5 : MQTTVERSION_3_1_1), nullptr) {
    client_.set_message_callback([this](mqtt::const_message_ptr message) noexcept {
      if (message->get_topic() == PacketFilter::too_large_topic)
        return sink_(mqtt_event::TooLarge{});
      sink_(mqtt_event::Arrived{message_of(*message)});
    });
    client_.set_connection_lost_handler(
        [this](const std::string&) noexcept { lose(broke, LinkLoss::broken); });
    client_.set_disconnected_handler(
        [this](const mqtt::properties&, mqtt::ReasonCode code) noexcept {
          lose("the broker disconnected us: " + reason_in_words(code),
               code == session_taken_over ? LinkLoss::taken_over : LinkLoss::told);
        });
    connect();
  }

  ~Client() {
    workarounds_.ended();
    if (path_)
      path_->flush();  // before DISCONNECT
  }

  void use(asio::io_context& loop) {
    if (!options_.tls)
      path_.emplace(loop, options_.version, sink_);
    read_on();
  }

  void read_on() {
    if (has_path())
      path_->read_on();
  }

  void hold_acknowledgements(bool is_held) {
    if (has_path())
      path_->hold_acknowledgements(is_held);
  }

  void subscribe(std::uint64_t id, const std::string& filter, Retained retained, Echo echo) {
    mqtt::subscribe_options options;  // Retain Handling and No Local, MQTT 5.0 3.8.3.1
    options.set_no_local(echo == Echo::none);
    if (retained == Retained::left)
      options.set_retain_handling(mqtt::subscribe_options::DONT_SEND_RETAINED);
    ++subscribing_;
    attempt([&] {
      client_.subscribe(filter, wanted_qos, reinterpret_cast<void*>(id), on_subscribed_, options);
    });
  }

  void unsubscribe(const std::string& filter) {
    attempt([&] { client_.unsubscribe(filter); });
  }

  void publish(const MqttPublish& publish) {
    const bool is_retained = publish.retained && has_retained_;
    // Never before a SUBSCRIBE that was asked for before it, and that the library may still have.
    if (std::min(publish.qos, maximum_qos_) == wanted_qos && subscribing_ == 0 && has_path())
      return path_->publish(publish, is_retained);
    const auto message =
        mqtt::message::create(publish.topic, publish.payload.data(), publish.payload.size(),
                              std::min(publish.qos, maximum_qos_), is_retained);
    if (is_v5())
      message->set_properties(properties_of(publish));
    ++publishing_;
    attempt([&] { client_.publish(message, reinterpret_cast<void*>(publish.id), on_published_); });
  }

  void heed(int maximum_qos, bool has_retained) {
    maximum_qos_ = maximum_qos;
    has_retained_ = has_retained;
  }

  void kick() const {
    if (subscribing_ > 0 || publishing_ > 0)
      workarounds_.kick();
  }
  void cut() const { workarounds_.socket().shut_down(); }
  int descriptor() const { return workarounds_.socket().descriptor(); }

 private:
  bool is_v5() const { return options_.version == MqttVersion::v5; }
  bool has_path() { return path_ && path_->open(workarounds_.socket()); }

  void connect() {
    workarounds_.connecting();
    attempt([&] { client_.connect(connect_options_of(options_), nullptr, on_connected_); });
  }

  /// The library refuses a call, by an exception, only once the connection is gone.
  template <typename Call>
  void attempt(const Call& call) {
    try {
      call();
    } catch (const mqtt::exception&) {
      lose(broke, LinkLoss::broken);
    }
  }

  void connected(const mqtt::token& token, bool succeeded) {
    if (!succeeded) {
      workarounds_.ended();
      return sink_(failure_of(token, options_));
    }
    workarounds_.connected();
    auto event = connected_of(token.get_connect_response());
    event.missing_workarounds = workarounds_.missing();
    sink_(event);
  }

  void subscribed(const mqtt::token& token, bool succeeded) {
    const auto id = reinterpret_cast<std::uint64_t>(token.get_user_context());
    --subscribing_;
    if (succeeded)
      return sink_(mqtt_event::Subscribed{id, granted_by(token)});
    if (refusal_code_of(token, options_.version) >= refusal)
      return sink_(mqtt_event::Subscribed{id, refusal});
    // Given up by the library: the connection is gone.
  }

  void published(const mqtt::token& token, bool succeeded) {
    const auto id = reinterpret_cast<std::uint64_t>(token.get_user_context());
    --publishing_;
    if (succeeded) {
      const auto packet_id = static_cast<std::uint16_t>(token.get_message_id());
      const bool has_none = workarounds_.socket().had_no_subscribers(packet_id);
      return sink_(
          mqtt_event::Acknowledged{id, has_none ? Subscribers::none : Subscribers::perhaps});
    }
    const int code = token.get_reason_code();
    if (!is_v5() || code < refusal)
      return;  // given up by the library: the connection is gone; MQTT 3.1.1 knows no refusal
    sink_(mqtt_event::Refused{id, refusal_of(code),
                              "the broker refused the request: " + reason_in_words(code)});
  }

  void lose(std::string why, LinkLoss loss) {
    workarounds_.ended();
    sink_(mqtt_event::Lost{std::move(why), loss});
  }

  const Sink sink_;
  const MqttConnectOptions options_;
  int maximum_qos_ = 2;
  bool has_retained_ = true;
  // With the library, and not acknowledged.
  std::atomic<int> subscribing_ = 0;
  std::atomic<int> publishing_ = 0;
  paho::Workarounds workarounds_;
  std::optional<paho::PacketPath> path_;
  Listener on_connected_{[this](const mqtt::token& t, bool ok) { connected(t, ok); }};
  Listener on_subscribed_{[this](const mqtt::token& t, bool ok) { subscribed(t, ok); }};
  Listener on_published_{[this](const mqtt::token& t, bool ok) { published(t, ok); }};
  mqtt::async_client client_;  // last: its end is the end of all callbacks
};

MqttConnection::MqttConnection(const MqttConnectOptions& options, Sink sink)
    : client_(std::make_unique<Client>(options, std::move(sink))) {}
MqttConnection::~MqttConnection() = default;

void MqttConnection::subscribe(std::uint64_t id, const std::string& filter, Retained retained,
                               Echo echo) {
  client_->subscribe(id, filter, retained, echo);
}
void MqttConnection::unsubscribe(const std::string& filter) {
  client_->unsubscribe(filter);
}
void MqttConnection::publish(const MqttPublish& publish) {
  client_->publish(publish);
}
void MqttConnection::heed(int maximum_qos, bool has_retained) {
  client_->heed(maximum_qos, has_retained);
}
void MqttConnection::kick() {
  client_->kick();
}
void MqttConnection::cut() {
  client_->cut();
}
void MqttConnection::use(asio::io_context& loop) {
  client_->use(loop);
}
void MqttConnection::read_on() {
  client_->read_on();
}
void MqttConnection::hold_acknowledgements(bool is_held) {
  client_->hold_acknowledgements(is_held);
}
int MqttConnection::descriptor() const {
  return client_->descriptor();
}

}  // namespace mqtt_bridge

#include "mqtt/io/connection.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>
#include <utility>

#include <mqtt/async_client.h>

#include "base/limits.hpp"
#include "mqtt/io/paho/connecting.hpp"
#include "mqtt/io/paho/quirks.hpp"
#include "mqtt/io/paho/reading.hpp"
#include "mqtt/packet_filter.hpp"

namespace mqtt_bridge {
namespace {

constexpr int qos = 1;
constexpr int refusal = 0x80;  // the first reason code that is one (MQTT 5.0 2.4)
constexpr int session_taken_over = 0x8E;
constexpr auto broke = "the connection broke";
// The library's words for a TCP connection that was there and ended before the CONNACK, with a FIN
// or with a RST.
constexpr std::array<const char*, 2> closed_before_connack = {"TCP connect completion failure",
                                                              "socket error"};

/// A reason code in words. Codes 1 to 5 are return codes of a 3.1.1 CONNACK (3.1.1 3.2.2.3).
std::string reason_in_words(int code) {
  switch (code) {
    case 1:
      return "unacceptable protocol version";
    case 2:
      return "client identifier rejected";
    case 3:
      return "server unavailable";
    case 4:
      return "bad user name or password";
    case 5:
      return "not authorized";
    default:
      break;
  }
  const char* const text = MQTTReasonCode_toString(static_cast<MQTTReasonCodes>(code));
  return text != nullptr ? std::string(text) : "reason code " + std::to_string(code);
}

Refusal refusal_of(int code) {
  if (code == MQTTREASONCODE_PACKET_TOO_LARGE)
    return Refusal::too_large;
  return code == MQTTREASONCODE_QUOTA_EXCEEDED ? Refusal::quota_exceeded : Refusal::other;
}

std::string_view bytes_of(const MQTTLenString& text) {
  return {text.data, static_cast<std::size_t>(std::max(text.len, 0))};
}

void take_property(const MQTTProperty& property, MqttMessage& message) {
  switch (property.identifier) {
    case MQTTPROPERTY_CODE_CORRELATION_DATA:
      message.correlation = bytes_of(property.value.data);
      break;
    case MQTTPROPERTY_CODE_RESPONSE_TOPIC:
      message.response_topic = bytes_of(property.value.data);
      break;
    case MQTTPROPERTY_CODE_USER_PROPERTY: {
      const std::string_view name = bytes_of(property.value.data);
      const std::string_view value = bytes_of(property.value.value);
      if (name == "status")
        message.status = value;
      if (name == "error")
        message.error = value;
      if (name == "responder")
        message.responder = value;
      break;
    }
    default:  // of the library's enum; the rest mean nothing to a request or its response
      break;
  }
}

void take_property(const MQTTProperty& property, mqtt_event::Connected& event) {
  switch (property.identifier) {
    case MQTTPROPERTY_CODE_RECEIVE_MAXIMUM:
      event.receive_maximum = property.value.integer2;
      break;
    case MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE:
      if (property.value.integer4 > 0)  // else a Protocol Error (MQTT 5.0 3.2.2.3.6)
        event.maximum_packet_size = property.value.integer4;
      break;
    case MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE:  // the library does not heed it
      event.server_keep_alive = std::chrono::seconds(property.value.integer2);
      break;
    case MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL:
      event.session_expiry = std::chrono::seconds(property.value.integer4);
      break;
    case MQTTPROPERTY_CODE_ASSIGNED_CLIENT_IDENTIFER:
      event.client_id = bytes_of(property.value.data);
      break;
    case MQTTPROPERTY_CODE_MAXIMUM_QOS:
      event.maximum_qos = property.value.byte;
      break;
    case MQTTPROPERTY_CODE_RETAIN_AVAILABLE:
      event.has_retained = property.value.byte != 0;
      break;
    case MQTTPROPERTY_CODE_WILDCARD_SUBSCRIPTION_AVAILABLE:
      event.has_wildcards = property.value.byte != 0;
      break;
    case MQTTPROPERTY_CODE_SHARED_SUBSCRIPTION_AVAILABLE:
      event.has_shared_subscriptions = property.value.byte != 0;
      break;
    default:
      break;
  }
}

MqttMessage translate(const mqtt::message& from) {
  MqttMessage message;
  message.topic = from.get_topic();
  message.payload = from.get_payload_str();
  message.retained = from.is_retained();
  message.duplicate = from.is_duplicate();
  const MQTTProperties& properties = from.get_properties().c_struct();
  for (int i = 0; i < properties.count; ++i)
    take_property(properties.array[i], message);
  return message;
}

mqtt::properties properties_of(const MqttPublish& publish) {
  mqtt::properties properties;
  if (!publish.response_topic.empty()) {
    properties.add({mqtt::property::RESPONSE_TOPIC, publish.response_topic});
  }
  if (!publish.correlation.empty()) {
    properties.add({mqtt::property::CORRELATION_DATA, std::string(publish.correlation)});
  }
  if (publish.expiry) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*publish.expiry).count();
    properties.add({mqtt::property::MESSAGE_EXPIRY_INTERVAL, static_cast<int32_t>(seconds)});
  }
  for (const auto& [name, value] : publish.user_properties) {
    properties.add({mqtt::property::USER_PROPERTY, name, value});
  }
  return properties;
}

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
        address_(options.uri.substr(options.uri.find("://") + 3)),
        peer_(options.peer),
        is_tls_(options.tls.has_value()),
        is_v5_(options.version == MqttVersion::v5),
        client_(options.uri, options.client_id,
                mqtt::create_options(is_v5_ ? MQTTVERSION_5 : MQTTVERSION_3_1_1), nullptr) {
    client_.set_message_callback([this](mqtt::const_message_ptr message) noexcept {
      if (message->get_topic() == PacketFilter::too_large_topic)
        return sink_(mqtt_event::TooLarge{});
      sink_(mqtt_event::Arrived{translate(*message)});
    });
    client_.set_connection_lost_handler(
        [this](const std::string&) noexcept { lose(broke, LinkLoss::broken); });
    client_.set_disconnected_handler(
        [this](const mqtt::properties&, mqtt::ReasonCode code) noexcept {
          lose("the broker disconnected us: " + reason_in_words(code),
               code == session_taken_over ? LinkLoss::taken_over : LinkLoss::told);
        });
    connect(options);
  }

  ~Client() {
    paho_quirks::tell_receive_thread(paho_quirks::ReceiveThread::may_rest);
    paho_quirks::hand_over(-1);
  }

  void subscribe(std::uint64_t id, const std::string& filter, Retained retained) {
    mqtt::subscribe_options options;  // Retain Handling, MQTT 5.0 3.8.3.1
    if (retained == Retained::left)
      options.set_retain_handling(mqtt::subscribe_options::DONT_SEND_RETAINED);
    attempt([&] {
      client_.subscribe(filter, qos, reinterpret_cast<void*>(id), on_subscribed_, options);
    });
  }

  void unsubscribe(const std::string& filter) {
    attempt([&] { client_.unsubscribe(filter); });
  }

  void publish(const MqttPublish& publish) {
    const auto message =
        mqtt::message::create(publish.topic, publish.payload.data(), publish.payload.size(),
                              std::min(qos, maximum_qos_), publish.retained && has_retained_);
    if (is_v5_)
      message->set_properties(properties_of(publish));
    attempt([&] { client_.publish(message, reinterpret_cast<void*>(publish.id), on_published_); });
  }

  void heed(const mqtt_event::Connected& offer) {
    maximum_qos_ = offer.maximum_qos;
    has_retained_ = offer.has_retained;
  }

  void cut() { socket_.shut_down(); }
  int descriptor() const { return socket_.descriptor(); }

 private:
  void connect(const MqttConnectOptions& options) {
    mqtt::connect_options connect;
    connect.set_mqtt_version(is_v5_ ? MQTTVERSION_5 : MQTTVERSION_3_1_1);
    if (is_v5_) {
      connect.set_clean_start(options.clean_start);
      connect.set_properties({{mqtt::property::SESSION_EXPIRY_INTERVAL,
                               static_cast<int32_t>(options.session_expiry.count())},
                              {mqtt::property::MAXIMUM_PACKET_SIZE,  // MQTT 5.0 3.1.2.11.4
                               static_cast<int32_t>(limits::inbound_packet_bytes)}});
    } else {
      connect.set_clean_session(true);
    }
    connect.set_keep_alive_interval(options.keep_alive);
    connect.set_connect_timeout(limits::connect_timeout);
    // Above our own window: the library must never queue, see MqttLink.
    connect.set_max_inflight(static_cast<int>(2 * limits::publish_window));
    if (options.username)
      connect.set_user_name(*options.username);
    if (options.password)
      connect.set_password(*options.password);
    if (options.will) {
      connect.set_will(mqtt::will_options(options.will->topic, options.will->payload,
                                          options.will->qos, options.will->retained));
    }
    if (options.tls)
      connect.set_ssl(ssl_options_of(*options.tls));
    paho_quirks::hand_over(options.socket);
    paho_quirks::tell_receive_thread(paho_quirks::ReceiveThread::connecting);
    attempt([&] { client_.connect(connect, nullptr, on_connected_); });
  }

  static mqtt::ssl_options ssl_options_of(const MqttTls& tls) {
    mqtt::ssl_options ssl;
    if (!tls.ca_file.empty())
      ssl.set_trust_store(tls.ca_file);
    if (!tls.cert_file.empty()) {
      ssl.set_key_store(tls.cert_file);
      ssl.set_private_key(tls.key_file);
    }
    ssl.set_enable_server_cert_auth(true);
    ssl.set_verify(true);  // the name in the certificate too
    // Of the cipher suites up to 1.2 only those that 1.2 brought, so nothing older can be agreed
    // on; those of 1.3 are apart from these.
    ssl.set_enabled_cipher_suites("TLSv1.2:!aNULL:!eNULL");
    return ssl;
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
      paho_quirks::tell_receive_thread(paho_quirks::ReceiveThread::may_rest);
      return sink_(why_not_connected(token));
    }
    socket_.tune(peer_);
    paho_quirks::tell_receive_thread(paho_quirks::ReceiveThread::connected);
    const mqtt::connect_response response = token.get_connect_response();
    mqtt_event::Connected event{.session_present = response.is_session_present()};
    event.missing_workarounds = socket_.missing();
    const MQTTProperties& properties = response.get_properties().c_struct();
    for (int i = 0; i < properties.count; ++i)
      take_property(properties.array[i], event);
    sink_(event);
  }

  /// The library gives a token's text in all its releases only by throwing it.
  static std::string error_text(const mqtt::token& token) {
    try {
      static_cast<void>(token.get_connect_response());
    } catch (const std::exception& error) {
      return error.what();
    }
    return {};
  }

  /// The code of a CONNACK that refuses; none above 0 when there was no CONNACK. The library gives
  /// it as the return code (1.3.12, 1.3.14), or of version 5 as the reason code (1.3.16).
  int refusal_code_of(const mqtt::token& token) const {
    const int code = token.get_return_code();
    return code <= 0 && is_v5_ ? static_cast<int>(token.get_reason_code()) : code;
  }

  mqtt_event::ConnectFailed why_not_connected(const mqtt::token& token) const {
    const int code = refusal_code_of(token);
    if (code <= 0 && is_tls_) {  // the library does not tell the parts of this apart
      return {ConnectFailure::unreachable,
              "no TLS connection: is there a broker that speaks TLS, with a certificate for this "
              "host name by an authority we trust?"};
    }
    if (code <= 0) {
      const bool was_closed =
          std::any_of(closed_before_connack.begin(), closed_before_connack.end(),
                      [text = error_text(token)](const char* words) {
                        return text.find(words) != std::string::npos;
                      });
      return {was_closed ? ConnectFailure::closed : ConnectFailure::unreachable,
              was_closed ? std::string("the broker closed the connection without an answer to "
                                       "CONNECT; does it want TLS (mqtts://)") +
                               (is_v5_ ? ", or MQTT 3.1.1?" : "?")
                         : "there is no broker at " + address_};
    }
    const bool version_refused = code == 1 || code == MQTTREASONCODE_UNSUPPORTED_PROTOCOL_VERSION;
    return {version_refused ? ConnectFailure::version_refused : ConnectFailure::refused,
            "the broker refused the connection: " + reason_in_words(code), code};
  }

  void subscribed(const mqtt::token& token, bool succeeded) {
    const auto id = reinterpret_cast<std::uint64_t>(token.get_user_context());
    if (succeeded)
      return sink_(mqtt_event::Subscribed{id, reason_code_of(token)});
    const int code = is_v5_ ? static_cast<int>(token.get_reason_code()) : token.get_return_code();
    if (code >= refusal)
      return sink_(mqtt_event::Subscribed{id, refusal});
    // Given up by the library: the connection is gone.
  }

  static int reason_code_of(const mqtt::token& token) {
    try {
      const auto codes = token.get_subscribe_response().get_reason_codes();
      std::underlying_type_t<mqtt::ReasonCode> code = refusal;
      if (!codes.empty())
        std::memcpy(&code, &codes.front(), sizeof code);  // it may be none that the enum knows
      return static_cast<int>(code);
    } catch (const mqtt::exception&) {
      return refusal;  // what follows in the SUBACK should not be there
    }
  }

  void published(const mqtt::token& token, bool succeeded) {
    const auto id = reinterpret_cast<std::uint64_t>(token.get_user_context());
    if (succeeded) {
      const auto packet_id = static_cast<std::uint16_t>(token.get_message_id());
      const bool has_none = socket_.had_no_subscribers(packet_id);
      return sink_(
          mqtt_event::Acknowledged{id, has_none ? Subscribers::none : Subscribers::perhaps});
    }
    const int code = token.get_reason_code();
    if (!is_v5_ || code < refusal)
      return;  // given up by the library: the connection is gone; MQTT 3.1.1 knows no refusal
    sink_(mqtt_event::Refused{id, refusal_of(code),
                              "the broker refused the request: " + reason_in_words(code)});
  }

  void lose(std::string why, LinkLoss loss) {
    paho_quirks::tell_receive_thread(paho_quirks::ReceiveThread::may_rest);
    sink_(mqtt_event::Lost{std::move(why), loss});
  }

  const Sink sink_;
  const std::string address_;  // where it connects to, for messages
  const sockaddr_storage peer_;
  const bool is_tls_;
  const bool is_v5_;
  int maximum_qos_ = 2;
  bool has_retained_ = true;
  paho_quirks::BrokerSocket socket_;
  Listener on_connected_{[this](const mqtt::token& t, bool ok) { connected(t, ok); }};
  Listener on_subscribed_{[this](const mqtt::token& t, bool ok) { subscribed(t, ok); }};
  Listener on_published_{[this](const mqtt::token& t, bool ok) { published(t, ok); }};
  mqtt::async_client client_;  // last: its end is the end of all callbacks
};

MqttConnection::MqttConnection(const MqttConnectOptions& options, Sink sink) {
  paho_quirks::keep_library_running();
  paho_quirks::silence_trace();
  paho_quirks::tell_version(options.version);
  client_ = std::make_unique<Client>(options, std::move(sink));
}
MqttConnection::~MqttConnection() = default;

void MqttConnection::subscribe(std::uint64_t id, const std::string& filter, Retained retained) {
  client_->subscribe(id, filter, retained);
}
void MqttConnection::unsubscribe(const std::string& filter) {
  client_->unsubscribe(filter);
}
void MqttConnection::publish(const MqttPublish& publish) {
  client_->publish(publish);
}
void MqttConnection::heed(const mqtt_event::Connected& offer) {
  client_->heed(offer);
}
void MqttConnection::cut() {
  client_->cut();
}
int MqttConnection::descriptor() const {
  return client_->descriptor();
}

}  // namespace mqtt_bridge

#include "mqtt/io/translation.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "base/limits/mqtt.hpp"

namespace mqtt_bridge {
namespace {

// The library's words for a TCP connection that was there and ended before the CONNACK, with a FIN
// or with a RST.
constexpr std::array<const char*, 2> closed_before_connack = {"TCP connect completion failure",
                                                              "socket error"};

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
    case MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL:
      message.expiry = std::chrono::seconds(property.value.integer4);
      break;
    case MQTTPROPERTY_CODE_USER_PROPERTY: {
      const std::string_view name = bytes_of(property.value.data);
      const std::string_view value = bytes_of(property.value.value);
      if (name == "status")
        message.status = value;
      else if (name == "error")
        message.error = value;
      else if (name == "responder")
        message.responder = value;
      else if (message.user_properties.size() < limits::user_properties)
        message.user_properties.emplace_back(name, value);
      break;
    }
    case MQTTPROPERTY_CODE_CONTENT_TYPE:
      message.content_type = bytes_of(property.value.data);
      break;
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

mqtt::ssl_options ssl_options_of(const MqttTls& tls) {
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

/// The library gives a token's text in all its releases only by throwing it.
std::string error_text(const mqtt::token& token) {
  try {
    static_cast<void>(token.get_connect_response());
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

/// The code of a CONNACK that refuses; none above 0 when there was no CONNACK. The library gives
/// it as the return code (1.3.12, 1.3.14), or of version 5 as the reason code (1.3.16).
int connack_code_of(const mqtt::token& token, MqttVersion version) {
  const int code = token.get_return_code();
  return code <= 0 && version == MqttVersion::v5 ? static_cast<int>(token.get_reason_code()) : code;
}

}  // namespace

// To the library --------------------------------------------------------------------------------

mqtt::connect_options connect_options_of(const MqttConnectOptions& options) {
  mqtt::connect_options connect;
  if (options.version == MqttVersion::v5) {
    connect.set_mqtt_version(MQTTVERSION_5);
    connect.set_clean_start(options.clean_start);
    connect.set_properties({{mqtt::property::SESSION_EXPIRY_INTERVAL,
                             static_cast<int32_t>(options.session_expiry.count())},
                            {mqtt::property::MAXIMUM_PACKET_SIZE,  // MQTT 5.0 3.1.2.11.4
                             static_cast<int32_t>(limits::inbound_packet_bytes)}});
  } else {
    connect.set_mqtt_version(MQTTVERSION_3_1_1);
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
  return connect;
}

mqtt::properties properties_of(const MqttPublish& publish) {
  mqtt::properties properties;
  if (!publish.response_topic.empty()) {
    properties.add({mqtt::property::RESPONSE_TOPIC, publish.response_topic});
  }
  if (!publish.correlation.empty()) {
    properties.add({mqtt::property::CORRELATION_DATA, std::string(publish.correlation)});
  }
  if (!publish.content_type.empty())
    properties.add({mqtt::property::CONTENT_TYPE, std::string(publish.content_type)});
  if (publish.expiry) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*publish.expiry).count();
    properties.add({mqtt::property::MESSAGE_EXPIRY_INTERVAL, static_cast<int32_t>(seconds)});
  }
  for (const auto& [name, value] : publish.user_properties) {
    properties.add({mqtt::property::USER_PROPERTY, name, value});
  }
  return properties;
}

// From the library ------------------------------------------------------------------------------

namespace {

/// Taken out of the library's message instead of copied: a large one is held often enough.
/// REQUIRES: nothing else uses that message.
std::string payload_of(const mqtt::message& from) {
  const auto& shared = from.get_payload_ref().ptr();
  if (!shared)
    return {};
  return std::move(
      const_cast<std::string&>(*shared));  // the library made it as one that may change
}

}  // namespace

MqttMessage message_of(const mqtt::message& from) {
  MqttMessage message;
  message.topic = from.get_topic();
  message.payload = payload_of(from);
  message.retained = from.is_retained();
  message.duplicate = from.is_duplicate();
  const MQTTProperties& properties = from.get_properties().c_struct();
  for (int i = 0; i < properties.count; ++i)
    take_property(properties.array[i], message);
  return message;
}

mqtt_event::Connected connected_of(const mqtt::connect_response& response) {
  mqtt_event::Connected event{.session_present = response.is_session_present()};
  const MQTTProperties& properties = response.get_properties().c_struct();
  for (int i = 0; i < properties.count; ++i)
    take_property(properties.array[i], event);
  return event;
}

mqtt_event::ConnectFailed failure_of(const mqtt::token& token, const MqttConnectOptions& options) {
  const int code = connack_code_of(token, options.version);
  if (code <= 0 && options.tls) {  // the library does not tell the parts of this apart
    return {ConnectFailure::unreachable,
            "no TLS connection: is there a broker that speaks TLS, with a certificate for this "
            "host name by an authority we trust?"};
  }
  if (code <= 0) {
    const bool was_closed = std::any_of(closed_before_connack.begin(), closed_before_connack.end(),
                                        [text = error_text(token)](const char* words) {
                                          return text.find(words) != std::string::npos;
                                        });
    return {was_closed ? ConnectFailure::closed : ConnectFailure::unreachable,
            was_closed
                ? std::string("the broker closed the connection without an answer to "
                              "CONNECT; does it want TLS (mqtts://)") +
                      (options.version == MqttVersion::v5 ? ", or MQTT 3.1.1?" : "?")
                : "there is no broker at " + options.uri.substr(options.uri.find("://") + 3)};
  }
  const bool version_refused = code == 1 || code == MQTTREASONCODE_UNSUPPORTED_PROTOCOL_VERSION;
  return {version_refused ? ConnectFailure::version_refused : ConnectFailure::refused,
          "the broker refused the connection: " + reason_in_words(code), code};
}

int granted_by(const mqtt::token& token) {
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

int refusal_code_of(const mqtt::token& token, MqttVersion version) {
  return version == MqttVersion::v5 ? static_cast<int>(token.get_reason_code())
                                    : token.get_return_code();
}

Refusal refusal_of(int code) {
  if (code == MQTTREASONCODE_PACKET_TOO_LARGE)
    return Refusal::too_large;
  return code == MQTTREASONCODE_QUOTA_EXCEEDED ? Refusal::quota_exceeded : Refusal::other;
}

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

}  // namespace mqtt_bridge

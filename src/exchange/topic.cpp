#include "exchange/topic.hpp"

#include <cstddef>
#include <cstdint>

#include <unicode/utf.h>
#include <unicode/utf8.h>

#include "base/limits/call.hpp"
#include "base/utf8.hpp"

namespace mqtt_bridge {

namespace {

constexpr std::string_view request_suffix = "/request";
constexpr std::string_view response_suffix = "/response";
constexpr std::string_view status_prefix = "mqtt-responder/";
constexpr std::string_view status_suffix = "/status";

/// MQTT 5.0 1.5.4: a receiver may treat a packet with one of these as malformed, and mosquitto
/// does: it would cut the connection that everybody shares. REQUIRES: is_utf8(text).
std::optional<std::string> why_not_broker_safe(std::string_view text) {
  const auto* const begin = reinterpret_cast<const std::uint8_t*>(text.data());
  for (std::size_t at = 0; at < text.size();) {
    UChar32 code_point = 0;
    U8_NEXT(begin, at, text.size(), code_point);
    if (code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0)) {
      return "A NetID must not contain a control character.";
    }
    if (U_IS_UNICODE_NONCHAR(code_point))
      return "A NetID must not contain a Unicode noncharacter.";
  }
  return std::nullopt;
}

std::string topic(std::string_view netid, std::string_view name, std::string_view suffix) {
  std::string result;
  result.reserve(netid.size() + 1 + name.size() + suffix.size());
  return result.append(netid).append("/").append(name).append(suffix);
}

std::optional<ParsedTopic> parse(std::string_view topic, std::string_view suffix) {
  if (!topic.ends_with(suffix))
    return std::nullopt;
  topic.remove_suffix(suffix.size());
  const std::size_t slash = topic.find('/');
  if (slash == std::string_view::npos)
    return std::nullopt;
  const std::string_view netid = topic.substr(0, slash);
  const std::string_view action = topic.substr(slash + 1);
  if (!is_action_name(action) || why_not_netid(netid))
    return std::nullopt;
  return ParsedTopic{netid, action};
}

}  // namespace

std::optional<std::string> why_not_netid(std::string_view netid) {
  if (netid.empty())
    return "A NetID must not be empty.";
  if (netid.size() > limits::netid_bytes) {
    return "A NetID must be at most " + std::to_string(limits::netid_bytes) +
           " bytes long; this one has " + std::to_string(netid.size()) + ".";
  }
  if (netid.front() == '$')
    return "A NetID must not begin with '$'.";
  if (const std::size_t at = netid.find_first_of("/+#"); at != std::string_view::npos) {
    return std::string("A NetID must not contain '") + netid[at] + "'.";
  }
  if (!is_utf8(netid))
    return "A NetID must be well-formed UTF-8.";
  return why_not_broker_safe(netid);
}

bool is_broker_safe(std::string_view text) {
  return is_utf8(text) && !why_not_broker_safe(text);
}

std::vector<std::string_view> levels_of(std::string_view topic) {
  std::vector<std::string_view> levels;
  for (;;) {
    const std::size_t slash = topic.find('/');
    levels.push_back(topic.substr(0, slash));
    if (slash == std::string_view::npos)
      return levels;
    topic.remove_prefix(slash + 1);
  }
}

std::string request_topic(std::string_view netid, std::string_view action) {
  return topic(netid, action, request_suffix);
}

std::string response_topic(std::string_view netid, std::string_view action) {
  return topic(netid, action, response_suffix);
}

std::optional<ParsedTopic> parse_request_topic(std::string_view topic) {
  return parse(topic, request_suffix);
}

std::optional<ParsedTopic> parse_response_topic(std::string_view topic) {
  return parse(topic, response_suffix);
}

std::string status_topic(std::string_view responder_id) {
  return std::string(status_prefix).append(responder_id).append(status_suffix);
}

std::optional<std::string_view> parse_status_topic(std::string_view topic) {
  if (topic.size() <= status_prefix.size() + status_suffix.size() ||
      !topic.starts_with(status_prefix) || !topic.ends_with(status_suffix)) {
    return std::nullopt;
  }
  topic.remove_prefix(status_prefix.size());
  topic.remove_suffix(status_suffix.size());
  if (topic.find('/') != std::string_view::npos || !is_topic_name(topic))
    return std::nullopt;
  return topic;
}

bool is_topic_name(std::string_view topic) {
  using namespace std::string_view_literals;
  return !topic.empty() && topic.size() <= mqtt_string_bytes &&
         topic.find_first_of("+#\0"sv) == std::string_view::npos && is_utf8(topic);
}

}  // namespace mqtt_bridge

// Topics of the request/response protocol: `<netid>/<action>/request` and `.../response`.
// Pure functions on values.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/action.hpp"

namespace mqtt_bridge {

/// Says in one sentence why `netid` cannot be a NetID; nothing when it can. A NetID is one topic
/// level (MQTT 5.0 4.7.1: no '/', '+', '#'), well-formed UTF-8 without control characters and
/// noncharacters (MQTT 5.0 1.5.4), not empty, does not begin with '$' (MQTT 5.0 4.7.2) and is at
/// most limits::netid_bytes long.
std::optional<std::string> why_not_netid(std::string_view netid);

/// Well-formed UTF-8 without control characters and noncharacters: a receiver may treat a packet
/// with one of these as malformed (MQTT 5.0 1.5.4).
bool is_broker_safe(std::string_view text);

/// What a topic, or the name or value of a property, has at most (MQTT 5.0 1.5.4: the length of a
/// string has two bytes).
inline constexpr std::size_t mqtt_string_bytes = 65'535;

std::string request_topic(std::string_view netid, std::string_view action);
std::string response_topic(std::string_view netid, std::string_view action);

/// The levels of a topic or filter (MQTT 5.0 4.7.1.1), one at least, in views into it.
std::vector<std::string_view> levels_of(std::string_view topic);

/// A topic taken apart, in views into it.
struct ParsedTopic {
  std::string_view netid;
  std::string_view action;
  friend bool operator==(const ParsedTopic&, const ParsedTopic&) = default;
};

/// Nothing when `topic` is not exactly `<netid>/<action>/request` (or `/response`) with a NetID
/// that why_not_netid() accepts and an is_action_name().
std::optional<ParsedTopic> parse_request_topic(std::string_view topic);
std::optional<ParsedTopic> parse_response_topic(std::string_view topic);

/// Where a responder says that it is there: `mqtt-responder/<id>/status`.
std::string status_topic(std::string_view responder_id);

/// The responder's id, a view into `topic`; nothing when `topic` is no status topic.
std::optional<std::string_view> parse_status_topic(std::string_view topic);

/// A Topic Name that one can publish to: not empty, no wildcard, no U+0000, well-formed UTF-8, at
/// most 65,535 bytes (MQTT 5.0 4.7.3). A Response Topic must be one (MQTT 5.0 3.3.2.3.5).
bool is_topic_name(std::string_view topic);

}  // namespace mqtt_bridge

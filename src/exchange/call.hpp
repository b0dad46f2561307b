// The words of the table of exchanges: a call, what is published for it, what responds to it, and
// how it ends. Values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/instant.hpp"
#include "base/problem.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {

using ExchangeId = std::uint64_t;

enum class MatchedBy { correlation, content, folded_content, exclusive_lane, topic, id };
std::string_view to_string(MatchedBy rule);

/// A request as a caller makes it. REQUIRES: a valid NetID, an is_action_name(), a payload that is
/// UTF-8.
struct Call {
  std::string netid;
  std::string action;
  std::string payload;
  std::string correlation;       // 16 unpredictable bytes
  std::string traceparent = {};  // W3C Trace Context, passed on as it came; empty: none
  std::string tracestate = {};
  Instant arrived;
  Instant deadline;
};

// How a response finds its request where it carries no Correlation Data; where it carries some,
// that alone decides.
struct MatchByContent {
  Action action;  // whose answers are known, see text/content_rule.hpp
};
/// No other request has its response topic.
struct MatchByTopic {};
/// The response is JSON that has `id` at `pointer`, see json_id.hpp.
struct MatchById {
  std::string pointer;
  std::string id;
};
/// One request at a time, see turn_matcher.hpp.
struct MatchByTurn {};
using Matching = std::variant<MatchByContent, MatchByTopic, MatchById, MatchByTurn>;

/// A request over MQTT, and how it is handled.
struct MqttRequest {
  std::string request_topic;
  std::string response_topic;
  std::string response_filter = {};  // with a wildcard, where that may be subscribed to instead
  std::string payload;
  Matching matching;
  bool is_idempotent =
      false;                 // it may be carried out twice, so it is published again when in doubt
  std::string fairness_key;  // requests of one key have a limit, and wait in one queue
  std::string presence_key = {};  // what its responders announce, an action; empty: nothing
  std::string correlation;        // unpredictable bytes
  std::string traceparent = {};
  std::string tracestate = {};
  Instant arrived;
  Instant deadline;
};

inline bool takes_turns(const MqttRequest& request) {
  return std::holds_alternative<MatchByTurn>(request.matching);
}

/// What to publish, QoS 1. The views hold until the table is next changed.
struct Publish {
  ExchangeId exchange;
  std::string_view request_topic;
  std::string_view response_topic;
  std::string_view payload;
  std::string_view correlation;
  std::string_view traceparent;
  std::string_view tracestate;
  Duration remaining;  // until the deadline; above zero
};

/// A PUBLISH that arrived, as far as the protocol gives it a meaning.
struct Response {
  std::string_view topic;
  std::string_view payload;
  std::optional<std::string_view> correlation = {};  // MQTT 5.0 3.3.2.3.6
  bool retained = false;
  bool duplicate = false;  // DUP: the broker may have delivered it before (MQTT 5.0 3.3.1.1)
  std::optional<std::string_view> status = {};     // user property: an error answer's HTTP status
  std::optional<std::string_view> error = {};      // user property: an error answer's text
  std::optional<std::string_view> responder = {};  // user property: who answered
  bool is_foreign = false;                         // no response of ours comes to such a topic
};

struct Answer {
  std::string payload;  // UTF-8
  MatchedBy matched_by;
  std::string responder;  // empty when it did not say
};

/// How an exchange ended, and when it passed each station (nothing where it never did).
struct Ended {
  ExchangeId exchange;
  std::variant<Answer, Failure> outcome;
  Instant arrived;
  std::optional<Instant> published;       // the first time
  std::optional<Instant> published_last;  // the time that `acknowledged` is about
  std::optional<Instant> acknowledged;
  Instant ended;
  bool may_be_carried_out = false;  // a responder may have got the request
};

}  // namespace mqtt_bridge

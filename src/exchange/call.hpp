// The words of the table of exchanges: a call, what is published for it, what responds to it, and
// how it ends. Values.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/instant.hpp"
#include "base/json_scalar.hpp"
#include "base/problem.hpp"
#include "exchange/answer_rules.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {

using ExchangeId = std::uint64_t;

enum class MatchedBy {
  correlation,
  content,
  folded_content,
  turn,
  topic,
  id,
  acknowledgement  // of the broker: no answer was asked for
};
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
  bool is_patient = false;  // see MqttRequest
  Instant arrived;
  Instant deadline;
};

// How a response finds its request where it carries no Correlation Data; where it carries some,
// that alone decides. Whichever does, MqttRequest::tests must hold, too.
struct MatchByContent {
  Action action;  // whose answers are known, see text/content_rule.hpp
};
/// No other request has its response topic.
struct MatchByTopic {};
/// The response is JSON that has `id` at `pointer`, see json_text.hpp.
struct MatchById {
  std::string pointer;
  std::string id;
};
/// One request at a time, see turn_matcher.hpp.
struct MatchByTurn {};
/// No response is asked for: it ends when the broker has acknowledged the request.
struct MatchNothing {};
using Matching = std::variant<MatchByContent, MatchByTopic, MatchById, MatchByTurn, MatchNothing>;

using UserProperties = std::vector<std::pair<std::string, std::string>>;  // (MQTT 5.0 3.3.2.3.7)

/// To be subscribed to.
struct CallFilter {
  std::string filter;
  bool no_local = false;  // not to be given what we publish ourselves (MQTT 5.0 3.8.3.1)
  friend bool operator==(const CallFilter&, const CallFilter&) = default;
};

/// What an earlier run of the program did with a request: it may have published it, or the broker
/// has acknowledged it, too.
enum class DoneBefore { nothing, perhaps_published, acknowledged };

/// A request over MQTT, and how it is handled.
struct MqttRequest {
  std::string request_topic;
  std::string response_topic;            // may have '+' for levels that are not known
  std::string error_topic = {};          // the same, where errors come apart; empty: they do not
  std::string response_filter = {};      // with a wildcard, where that may be subscribed to instead
  std::vector<CallFilter> filters = {};  // to be subscribed to first, see call_filters.hpp
  std::string payload;
  std::string content_type = {};  // of the payload (MQTT 5.0 3.3.2.3.9); empty: not said
  UserProperties user_properties = {};
  int qos = 1;
  bool retained = false;
  Matching matching;
  std::vector<JsonTest> tests = {};               // what an answer must have besides
  std::shared_ptr<const AnswerRules> rules = {};  // none: an answer is a text, and never interim
  bool is_idempotent =
      false;                 // it may be carried out twice, so it is published again when in doubt
  std::string fairness_key;  // requests of one key have a limit, and wait in one queue
  std::size_t most_in_flight = SIZE_MAX;  // of this fairness key; the same in all its requests
  bool is_topic_ours = false;  // no other daemon's calls are answered on the response topic
  std::optional<Duration> turn_rest = {};        // instead of Exchanges::Bounds::turn_rest
  std::optional<std::size_t> status_level = {};  // of the response topic, where it is its status
  bool needs_response_topic = false;             // the property, which only MQTT 5 has
  bool is_patient = false;  // it waits until its deadline for a broker or a responder that is away
  DoneBefore done_before = DoneBefore::nothing;
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

/// What to publish. The views hold until the table is next changed.
struct Publish {
  ExchangeId exchange;
  std::string_view request_topic;
  std::string_view response_topic;  // empty: none can be named
  std::string_view payload;
  std::string_view content_type;
  const UserProperties* user_properties;
  int qos;
  bool retained;
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
  std::optional<std::string_view> status = {};      // user property: an error answer's HTTP status
  std::optional<std::string_view> error = {};       // user property: an error answer's text
  std::optional<std::string_view> responder = {};   // user property: who answered
  std::string_view content_type = {};               // empty where it was not said
  const UserProperties* user_properties = nullptr;  // the others
  bool is_foreign = false;                          // no response of ours comes to such a topic
};

struct Answer {
  std::string payload;  // UTF-8, but where AnswerRules lets it be anything
  MatchedBy matched_by;
  std::string responder;          // empty when it did not say
  std::string content_type = {};  // the same
};

/// That turns are taken on a response topic from now on, or are no longer needed.
struct TurnNote {
  std::string topic;
  bool takes_turns;
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

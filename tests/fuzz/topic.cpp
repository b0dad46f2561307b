// The input, in two lines: a NetID, also as a topic; and an action.
#include "exchange/topic.hpp"

#include <algorithm>

#include "base/limits/call.hpp"
#include "base/utf8.hpp"
#include "fuzz.hpp"

namespace mqtt_bridge {
namespace {

void check_netid(std::string_view netid) {
  using namespace std::string_view_literals;
  if (const auto why_not = why_not_netid(netid)) {
    require(why_not->ends_with('.') && is_utf8(*why_not) &&
                std::none_of(why_not->begin(), why_not->end(), is_control),
            "a refusal is a sentence");
    return;
  }
  require(!netid.empty() && netid.size() <= limits::netid_bytes && is_topic_name(netid) &&
              netid.find('/') == std::string_view::npos && !netid.starts_with('$') &&
              std::none_of(netid.begin(), netid.end(), is_control),
          "a NetID is one level of a topic");
  for (const std::string_view noncharacter : {"\uFDD0"sv, "\uFFFF"sv, "\U0010FFFE"sv, "\u0085"sv})
    require(netid.find(noncharacter) == std::string_view::npos, "brokers take a NetID");
}

void check_topics(std::string_view netid, std::string_view action) {
  const std::string request = request_topic(netid, action);
  const std::string response = response_topic(netid, action);
  const bool is_valid = !why_not_netid(netid) && is_action_name(action);
  const auto expected = is_valid ? std::optional(ParsedTopic{netid, action}) : std::nullopt;
  require(parse_request_topic(request) == expected && parse_response_topic(response) == expected,
          "what is valid makes a topic that is read back, and nothing else does");
  require(!parse_response_topic(request) && !parse_request_topic(response),
          "no topic is a request's and a response's");
  require(!is_valid || (is_topic_name(request) && is_topic_name(response)),
          "what is valid makes a topic");
}

void check_topic(std::string_view topic) {
  if (const auto parsed = parse_request_topic(topic)) {
    require(is_topic_name(topic) && request_topic(parsed->netid, parsed->action) == topic,
            "a request topic is made again of its parts");
  }
  if (const auto parsed = parse_response_topic(topic)) {
    require(is_topic_name(topic) && response_topic(parsed->netid, parsed->action) == topic,
            "a response topic is made again of its parts");
  }
  if (const auto id = parse_status_topic(topic)) {
    require(!id->empty() && status_topic(*id) == topic && !parse_response_topic(topic),
            "a status topic is made again of its responder's id");
  }
}

}  // namespace

void fuzz(std::string_view input) {
  std::optional<std::string_view> rest = input;
  const std::string_view netid = *take_line(rest);
  check_netid(input);
  check_netid(netid);
  check_topics(netid, rest.value_or("uppercase"));
  check_topic(input);
  if (is_topic_name(netid) && netid.find('/') == std::string_view::npos)
    require(parse_status_topic(status_topic(netid)) == netid, "a status topic is read back");
}

}  // namespace mqtt_bridge

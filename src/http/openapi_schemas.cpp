#include "http/openapi_schemas.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/problem.hpp"
#include "exchange/call.hpp"
#include "exchange/dropped.hpp"
#include "http/response_bodies.hpp"

namespace mqtt_bridge::openapi {
namespace {

using Json = nlohmann::ordered_json;

Json text(std::string_view description) {
  return {{"type", "string"}, {"description", description}};
}

Json count(std::string_view description) {
  return {{"type", "integer"}, {"minimum", 0}, {"description", description}};
}

Json flag(std::string_view description) {
  return {{"type", "boolean"}, {"description", description}};
}

Json list_of(Json items, std::string_view description) {
  return {{"type", "array"}, {"items", std::move(items)}, {"description", description}};
}

/// An object, of whose members those named in `optional` may be missing.
Json object(Json members, const std::vector<std::string_view>& optional = {}) {
  Json required = Json::array();
  for (const auto& [name, schema] : members.items()) {
    if (std::find(optional.begin(), optional.end(), name) == optional.end())
      required.push_back(name);
  }
  return {
      {"type", "object"}, {"required", std::move(required)}, {"properties", std::move(members)}};
}

Json problem_schema() {
  Json types = Json::array();
  Json titles = Json::array();
  for (const ProblemKind& kind : all_problems()) {
    types.push_back(problem_type_of(kind));
    titles.push_back(kind.title);
  }
  Json schema = object(
      {{"type", {{"type", "string"}, {"enum", std::move(types)}}},
       {"title", {{"type", "string"}, {"enum", std::move(titles)}}},
       {"status", {{"type", "integer"}, {"minimum", 400}, {"maximum", 599}}},
       {"detail", text("What happened, and what to do")},
       {"request_id", text("As in the field Request-Id, and in the log")},
       {"retryable", flag("The same request may be sent again: nothing was published for it")},
       {"response", {{"description", "What the service sent with its error"}}}},
      {"response"});
  schema["description"] = "RFC 9457";
  return schema;
}

Json milliseconds_schema() {
  const Json time{{"type", "number"}};
  Json schema = object({{"queue", time}, {"puback", time}, {"response", time}, {"total", time}},
                       {"queue", "puback", "response"});
  schema["description"] =
      "Waiting to be published; until the broker acknowledged; from publishing to the answer; all";
  return schema;
}

Json answer_schema() {
  Json rules = Json::array();
  for (const MatchedBy rule :
       {MatchedBy::correlation, MatchedBy::content, MatchedBy::folded_content, MatchedBy::turn,
        MatchedBy::topic, MatchedBy::id})
    rules.push_back(to_string(rule));
  return object({{"response", text("The answer")},
                 {"matched_by", {{"type", "string"}, {"enum", std::move(rules)}}},
                 {"request_id", text("As in the field Request-Id, and in the log")},
                 {"milliseconds", milliseconds_schema()},
                 {"responder", text("Who answered, where it says so")}},
                {"responder"});
}

Json accepted_schema() {
  return object({{"call", text("The path at which the answer is asked for")},
                 {"waits_until", text("When it ends at the latest, RFC 3339")}});
}

Json route_status_schema() {
  return object({{"path", text("As it is configured")},
                 {"methods", list_of({{"type", "string"}}, "Of HTTP")},
                 {"topic", text("Of the request")},
                 {"response_topic", text("Of the answer")},
                 {"answers_by", text("How an answer finds its request")}});
}

Json dropped_schema() {
  Json members = Json::object();
  for (std::size_t i = 0; i < dropped_reasons; ++i)
    members[std::string(to_string(static_cast<Dropped>(i)))] = count("Responses");
  members["too-large"] = count("Responses");
  members["inbox-full"] = count("Responses");
  Json schema = object(std::move(members));
  schema["description"] = "Responses that answered no call, by reason";
  return schema;
}

Json or_null(Json schema) {
  Json types = Json::array();
  types.push_back(schema["type"]);
  types.push_back("null");
  schema["type"] = std::move(types);
  return schema;
}

Json reload_schema() {
  return object({{"at", text("When, RFC 3339")},
                 {"ok", flag("The new configuration holds")},
                 {"why_not", text("What is wrong with it")}},
                {"why_not"});
}

Json responder_schema() {
  return object({{"id", text("Its name")},
                 {"actions", list_of({{"type", "string"}}, "Which it answers")},
                 {"here", flag("It has not gone")},
                 {"since", text("When, RFC 3339")}});
}

Json group_schema() {
  const Json other =
      object({{"client_id", text("Its MQTT client id")}, {"takes_turns", flag("Its calls may")}});
  return object({{"name", text("Of the daemons that serve the same NetIDs")},
                 {"takes_turns", flag("Calls may take turns through this daemon")},
                 {"why_no_turns", text("Where they may not")},
                 {"others", list_of(other, "The other daemons of the group that are there")}},
                {"why_no_turns"});
}

Json status_schema() {
  const Json words{{"type", "string"}};
  return object(
      {{"version", text("Of the daemon")},
       {"started", text("When, RFC 3339")},
       {"uptime_seconds", count("Since it started")},
       {"config", or_null(text("The configuration file"))},
       {"last_reload", or_null(reload_schema())},
       {"ready", flag("Connected to the broker, and subscribed")},
       {"broker", text("The URL of the one that it uses, or tried last")},
       {"brokers", list_of(words, "The URLs of all that it may use")},
       {"mqtt_version", text("Of the connection; empty without one")},
       {"times_linked", count("How often it was connected to the broker")},
       {"linked_since", or_null(text("When, RFC 3339"))},
       {"last_loss", or_null(object({{"at", text("When, RFC 3339")}, {"why", text("In words")}}))},
       {"netid", text("Of calls that name none; may be empty")},
       {"netids", list_of(words, "All that are served; * stands for any")},
       {"actions", list_of(words, "All that are served")},
       {"routes", object({{"count", count("All there are")},
                          {"first", list_of(route_status_schema(), "At most 100 of them")}})},
       {"responders", list_of(responder_schema(), "Who has announced itself")},
       {"calls", object({{"in_flight", count("Published, not yet answered")},
                         {"queued", count("Not yet published")}})},
       {"later_calls",
        object({{"waiting", count("Answered later, or with an Idempotency-Key, and not answered")},
                {"kept", count("Answers that are kept for those who ask")},
                {"kept_bytes", count("Bytes of these")},
                {"state", or_null(text("The file that keeps them over a restart"))}})},
       {"http_connections", count("Open now")},
       {"dropped_responses", dropped_schema()},
       {"group", group_schema()},
       {"why_not_ready", text("Where it is not")},
       {"warning", text("Of what may end the connection to the broker")}},
      {"group", "why_not_ready", "warning"});
}

}  // namespace

Json schemas() {
  return {{"Answer", answer_schema()},
          {"Accepted", accepted_schema()},
          {"Problem", problem_schema()},
          {"Status", status_schema()}};
}

}  // namespace mqtt_bridge::openapi

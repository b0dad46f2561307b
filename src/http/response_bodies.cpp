#include "http/response_bodies.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "base/utf8.hpp"
#include "http/endpoints.hpp"
#include "http/media_type.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* text_type = "text/plain; charset=utf-8";
constexpr const char* octets_type = "application/octet-stream";
constexpr const char* json_type = "application/json";
constexpr const char* batch_type = "application/x-ndjson";
constexpr const char* metrics_type = "text/plain; version=0.0.4; charset=utf-8";
constexpr const char* problem_type = "application/problem+json";  // RFC 9457 3

HttpResponse response_of(const char* type, std::string body) {
  HttpResponse response;
  response.fields.reserve(8);
  response.add("Content-Type", type);
  response.body.text = std::move(body);
  return response;
}

/// A reason or a NetID may hold anything.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

constexpr std::size_t longest_type = 255;  // of a service, which may say anything

/// For people JSON, where it is; not of very many members, since each is looked for among those
/// before it.
void add_response(Json& problem, const std::string& response) {
  constexpr std::ptrdiff_t most_commas = 2048;
  const bool is_json = std::count(response.begin(), response.end(), ',') <= most_commas &&
                       std::holds_alternative<JsonText>(JsonText::parse(response));
  problem["response"] = is_json ? Json::parse(response, nullptr, false) : Json(response);
}

/// The first of them, and how many there are.
Json routes_of(const HttpApiOptions& options) {
  constexpr std::size_t shown = 100;
  const auto& all = options.routes->all();
  Json list = Json::array();
  for (std::size_t i = 0; i < std::min(shown, all.size()); ++i) {
    const Route& route = *all[i];
    list.push_back({{"path", route.path},
                    {"methods", route.methods},
                    {"topic", route.topic.text()},
                    {"response_topic", route.response_topic.text()},
                    {"answers_by", to_string(route.linked)}});
  }
  return {{"count", all.size()}, {"first", list}};
}

constexpr std::size_t longest_looked_at = 64 * 1024;

bool is_structure(std::string_view text) {
  return text.starts_with('{') || text.starts_with('[');
}

/// `is_expected`: then also a text that is too large to look at.
bool looks_like_json(std::string_view text, bool is_expected) {
  if (text.size() > longest_looked_at)
    return is_expected && is_structure(text);
  return is_json_answer(text, is_expected);
}

struct TimedPart {
  std::string_view name;
  Duration took;
};

std::vector<TimedPart> parts_of(const Ended& ended) {
  std::vector<TimedPart> parts;
  parts.reserve(4);
  if (ended.published) {
    parts.push_back({"queue", *ended.published - ended.arrived});
    if (ended.acknowledged)
      parts.push_back({"puback", *ended.acknowledged - *ended.published_last});
    parts.push_back({"response", ended.ended - *ended.published});
  }
  parts.push_back({"total", ended.ended - ended.arrived});
  return parts;
}

/// Milliseconds to three places, one at least: "1.0", "2.345".
std::string milliseconds(Duration duration) {
  const auto us = std::chrono::round<std::chrono::microseconds>(duration).count();
  const auto magnitude = us < 0 ? -us : us;
  std::string places = std::to_string(1000 + magnitude % 1000).substr(1);
  places.erase(std::max<std::size_t>(places.find_last_not_of('0') + 1, 1));
  return (us < 0 ? "-" : "") + std::to_string(magnitude / 1000) + "." + places;
}

std::string json_timing(const Ended& ended) {
  std::string json;
  for (const auto& [name, took] : parts_of(ended)) {
    json.append(json.empty() ? "{\"" : ",\"").append(name).append("\":");
    json.append(milliseconds(took));
  }
  return json + "}";
}

}  // namespace

std::string server_timing(const Ended& ended) {
  std::string field;
  for (const auto& [name, took] : parts_of(ended)) {
    field.append(field.empty() ? "" : ", ").append(name).append(";dur=");
    field.append(milliseconds(took));
  }
  return field;
}

HttpResponse text_response(std::string text) {
  return response_of(text_type, std::move(text));
}

HttpResponse batch_response() {
  return response_of(batch_type, "");
}

HttpResponse events_response() {
  HttpResponse response = response_of("text/event-stream", "");
  response.add("X-Accel-Buffering", "no");  // nginx would hold events back
  return response;
}

HttpResponse metrics_response(std::string text) {
  return response_of(metrics_type, std::move(text));
}

namespace {

/// The five and those that were added.
std::vector<std::string> actions_of(const HttpApiOptions& options) {
  std::vector<std::string> actions;
  for (const Action action : all_actions)
    actions.emplace_back(to_string(action));
  actions.insert(actions.end(), options.actions.begin(), options.actions.end());
  return actions;
}

std::set<std::string> netids_of(const HttpApiOptions& options) {
  std::set<std::string> netids = options.netids;
  if (!options.netid.empty())
    netids.insert(options.netid);
  return netids;
}

Json group_of(const GroupStatus& group) {
  Json others = Json::array();
  for (const auto& [client_id, other] : group.others)
    others.push_back({{"client_id", client_id}, {"takes_turns", other.takes_turns}});
  Json json{{"name", group.name}, {"takes_turns", !group.why_no_turns}, {"others", others}};
  if (group.why_no_turns)
    json["why_no_turns"] = *group.why_no_turns;
  return json;
}

std::vector<std::string> brokers_of(const HttpApiOptions& options) {
  std::vector<std::string> brokers;
  for (const BrokerUrl& each : options.brokers)
    brokers.push_back(to_string(each));
  return brokers;
}

Json responders_of(const BridgeStatus& status) {
  Json list = Json::array();
  for (const KnownResponder& each : status.responders) {
    list.push_back({{"id", each.id},
                    {"actions", each.actions},
                    {"here", each.is_here},
                    {"since", date_text(status.clock.at(each.since))}});
  }
  return list;
}

Json json_of(const std::optional<Happened>& happened, const WallClock& clock) {
  if (!happened)
    return nullptr;
  return {{"at", date_text(clock.at(happened->at))}, {"why", happened->why}};
}

Json reload_of(const BridgeStatus& status) {
  if (!status.last_reload)
    return nullptr;
  Json json{{"at", date_text(status.clock.at(status.last_reload->at))},
            {"ok", status.last_reload->why.empty()}};
  if (!status.last_reload->why.empty())
    json["why_not"] = status.last_reload->why;
  return json;
}

}  // namespace

HttpResponse status_response(const BridgeStatus& status, const HttpApiOptions& options,
                             std::string_view version) {
  Json dropped;
  for (std::size_t i = 0; i < status.dropped.size(); ++i)
    dropped[std::string(to_string(static_cast<Dropped>(i)))] = status.dropped[i];
  dropped["too-large"] = status.lost.too_large;
  dropped["inbox-full"] = status.lost.inbox_full;
  const auto uptime = status.clock.now - status.started;
  Json json{
      {"version", version},
      {"started", date_text(status.clock.at(status.started))},
      {"uptime_seconds", std::chrono::duration_cast<std::chrono::seconds>(uptime).count()},
      {"config", status.config_file.empty() ? Json(nullptr) : Json(status.config_file)},
      {"last_reload", reload_of(status)},
      {"ready", !status.why_not_ready},
      {"broker", status.broker},
      {"brokers", brokers_of(options)},
      {"mqtt_version", status.mqtt_version},
      {"times_linked", status.times_linked},
      {"linked_since", status.linked_since ? Json(date_text(status.clock.at(*status.linked_since)))
                                           : Json(nullptr)},
      {"last_loss", json_of(status.last_loss, status.clock)},
      {"netid", options.netid},
      {"netids", netids_of(options)},
      {"actions", actions_of(options)},
      {"routes", routes_of(options)},
      {"responders", responders_of(status)},
      {"calls", {{"in_flight", status.in_flight}, {"queued", status.queued}}},
      {"later_calls",
       {{"waiting", status.later.waiting},
        {"kept", status.later.kept},
        {"kept_bytes", status.later.kept_bytes},
        {"state", status.later.state.empty() ? Json(nullptr) : Json(status.later.state)}}},
      {"http_connections", status.connections},
      {"dropped_responses", dropped}};
  if (status.group)
    json["group"] = group_of(*status.group);
  if (status.why_not_ready)
    json["why_not_ready"] = *status.why_not_ready;
  if (status.warning)
    json["warning"] = *status.warning;
  return response_of(json_type, dump(json) + "\n");
}

HttpResponse answer_response(Ended& ended, AnswerAs as, std::string_view request_id) {
  Answer& answer = std::get<Answer>(ended.outcome);
  if (as == AnswerAs::text)
    return text_response(std::move(answer.payload));
  std::string end = "\",\"matched_by\":\"";
  end.append(to_string(answer.matched_by)).append("\",\"request_id\":\"").append(request_id);
  end.append("\",\"milliseconds\":").append(json_timing(ended));
  if (!answer.responder.empty())
    end.append(",\"responder\":").append(dump(answer.responder));
  HttpResponse response = response_of(json_type, std::move(answer.payload));
  response.body.begin = "{\"response\":\"";
  response.body.kind = HttpResponse::Text::inside_json_string;
  response.body.end = std::move(end) + "}\n";
  return response;
}

HttpResponse route_answer_response(Ended& ended, bool is_json) {
  Answer& answer = std::get<Answer>(ended.outcome);
  if (answer.matched_by == MatchedBy::acknowledgement) {
    HttpResponse accepted;
    accepted.status = 202;
    return accepted;
  }
  HttpResponse response = response_of("", std::move(answer.payload));
  std::string& type = response.fields.front().value;
  if (answer.content_type.size() <= longest_type && is_media_type(answer.content_type))
    type = answer.content_type;
  else if (looks_like_json(response.body.text, is_json))
    type = json_type;
  else
    type = is_utf8(response.body.text) ? text_type : octets_type;
  // A page that a service made must not act as one of ours in a browser.
  if (type != json_type && type != text_type)
    response.add("Content-Security-Policy", "sandbox; default-src 'none'");
  return response;
}

bool is_json_answer(std::string_view text, bool is_expected) {
  return text.size() <= longest_looked_at && (is_expected || is_structure(text)) &&
         std::holds_alternative<JsonText>(JsonText::parse(text));
}

std::string problem_type_of(const ProblemKind& kind) {
  return std::string(endpoint::runbook_path).append(kind.slug);
}

HttpResponse json_response(std::string json) {
  return response_of(json_type, std::move(json));
}

HttpResponse problem_response(const Failure& failure, Retryable retryable,
                              std::string_view request_id) {
  const ProblemKind& kind = describe(failure.problem);
  const int status = failure.status.value_or(kind.status);
  const bool is_retryable = kind.retryable == Retryable::yes && retryable == Retryable::yes;
  Json json{
      {"type", problem_type_of(kind)}, {"title", kind.title},      {"status", status},
      {"detail", failure.detail},      {"request_id", request_id}, {"retryable", is_retryable}};
  if (!failure.response.empty())
    add_response(json, failure.response);
  HttpResponse response = response_of(problem_type, dump(json) + "\n");
  response.status = status;
  if (failure.retry_after) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*failure.retry_after).count();
    response.add("Retry-After", std::to_string(seconds));
  } else if (kind.status == 503 && kind.retryable == Retryable::yes) {
    response.add("Retry-After", "1");
  }
  return response;
}

}  // namespace mqtt_bridge

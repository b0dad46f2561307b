// Services that routes call, with every way in which an answer finds its call, and a client of the
// broker that is all of these services at once: it answers twice, late, never, on the error topic,
// with a wrong id, with an interim answer before, with JSON that is none.
//
// A call's text is its own, so that an answer, which has it, tells whose it is.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json_text.hpp"
#include "route/route_config.hpp"
#include "route/route_request.hpp"
#include "simulation/answerer.hpp"
#include "simulation/broker.hpp"
#include "simulation/peer.hpp"

namespace mqtt_bridge::simulation {

// The services --------------------------------------------------------------------------------

/// How a service writes what it says.
enum class Form {
  text,     // the text of the call
  json,     // {"of": TEXT}, and its id where that is asked for
  nothing,  // it never answers
};

struct Service {
  std::shared_ptr<const Route> route;
  Form form;

  const std::string& name() const { return route->pattern.segments.front().text; }
  bool takes_turns() const { return route->linked == Route::Linked::by_turn; }
  bool is_one_way() const { return route->linked == Route::Linked::not_at_all; }
  /// The device of a path, and so of a topic; empty where the path has none. Where turns are taken
  /// each bridge has one of its own: a turn is taken alone.
  std::string device_of(const std::string& bridge) const {
    return route->pattern.segments.size() == 1 ? "" : "own-" + bridge;
  }
  /// Those that have other ids in their answers, or other topics for them, count for themselves.
  std::string id_space() const { return name() == "tell" ? name() : ""; }

  std::string request_of(const std::string& text) const {
    return route->set.empty() ? text : R"({"text":")" + text + R"("})";
  }
  bool is_right(const std::string& text, const std::string& answer) const {
    if (form != Form::json)
      return answer == (form == Form::text ? "<" + text + ">" : "");
    return answer.find(R"("of":")" + text + '"') != std::string::npos &&
           answer.find("working") == std::string::npos;
  }
};

namespace service_details {

using Entries = std::vector<std::pair<std::string, RouteSource::Value>>;
using Table = RouteSource::Table;

inline RouteSource::Value value(std::string text) {
  return JsonScalar(std::move(text));
}
inline const RouteSource::Value yes = JsonScalar(true);
inline RouteSource::Value number(std::int64_t value) {
  return JsonScalar(value);
}

/// A route as a configuration file has it.
inline Service service(Form form, std::string path, const Entries& entries) {
  RouteSource source{.file = "routes", .line = 1, .entries = {{"path", value(std::move(path)), 1}}};
  for (const auto& [key, each] : entries)
    source.entries.push_back({key, each, 1});
  return {std::make_shared<const Route>(std::get<Route>(make_route(source))), form};
}

}  // namespace service_details

inline const std::vector<Service>& services() {
  using namespace service_details;
  static const std::vector<Service> all{
      service(Form::text, "/read",
              {{"topic", value("read/request/{id}")},
               {"response-topic", value("read/response/{id}")},
               {"idempotent", yes}}),
      // These two answer on one topic, and have each other's member in their answers.
      service(Form::json, "/ask",
              {{"topic", value("ask/request")},
               {"response-topic", value("said")},
               {"error-topic", value("ask/errors")},
               {"id", value("/id")},
               {"match", Table{{"/service", JsonScalar("ask")}}},
               {"ignore", Table{{"/state", JsonScalar("working")}}}}),
      service(Form::json, "/tell",
              {{"topic", value("tell/request")},
               {"response-topic", value("said")},
               {"set", Table{{"/nr", JsonScalar("{id}")}}},
               {"match", Table{{"/re", JsonScalar("{id}")}, {"/service", JsonScalar("tell")}}},
               {"error", value("/error")},
               {"idempotent", yes}}),
      service(Form::json, "/turn/{device}",
              {{"topic", value("{device}/turn/request")},
               {"response-topic", value("{device}/turn/response")},
               {"match", Table{{"/service", JsonScalar("turn")}}},
               {"ignore", Table{{"/state", JsonScalar("working")}}},
               {"turn-rest", value("2s")}}),
      // On these two topics a bridge hears itself, but for No Local.
      service(Form::text, "/both/{device}",
              {{"topic", value("{device}/both")},
               {"response-topic", value("{device}/both")},
               {"turn-rest", value("2s")}}),
      service(Form::json, "/same",
              {{"topic", value("same")},
               {"response-topic", value("same")},
               {"id", value("/id")},
               {"idempotent", yes}}),
      service(Form::json, "/shout",  // on the same response topic, but not heard by itself
              {{"topic", value("shout/request")},
               {"response-topic", value("same")},
               {"id", value("/id")}}),
      service(
          Form::text, "/inbox",
          {{"topic", value("inbox/request")}, {"max-in-flight", number(2)}, {"idempotent", yes}}),
      service(Form::json, "/open/{device}",
              {{"topic", value("open/{device}/request")},
               {"response-topic", value("open/{device}/+/{status}")},
               {"id", value("/id")},
               {"idempotent", yes}}),
      service(Form::nothing, "/notify", {{"topic", value("notify/request")}, {"one-way", yes}})};
  return all;
}

inline const Service& service_of(std::string_view name) {
  return *std::ranges::find(services(), name, &Service::name);
}

// Who serves ----------------------------------------------------------------------------------

/// All services at once.
class ServiceClient : public Answerer {
 public:
  struct Character {
    bool is_v5;        // sends correlation data back, and answers where the request says
    bool takes_turns;  // serves those, too: of these there must be one
    // Percent of the requests. `noise`: what is no answer, beside it; `spoils`: in its place.
    std::uint32_t never = 0, twice = 0, late = 0, fails = 0, noise = 0, spoils = 0;
  };

  ServiceClient(Schedule& schedule, Broker& broker, std::string id, Character character)
      : Answerer(
            schedule, broker,
            link_options(
                std::move(id),
                character.takes_turns ? filters({"+/turn/request", "+/both"}) : filters({}), 3600s),
            character.late),
        character_(character) {}

  bool knows_response_topics() const { return character_.is_v5; }

 private:
  static std::vector<std::string> filters(std::vector<std::string> turns) {
    for (const char* const filter : {"read/request/+", "ask/request", "tell/request", "same",
                                     "shout/request", "inbox/request", "open/+/request"}) {
      turns.emplace_back(filter);
    }
    turns.emplace_back("notify/request");
    return turns;
  }

  /// What was asked.
  struct Request {
    const Service& service;
    std::string device;  // where the topic has one
    std::string id;      // likewise, or the JSON
    std::string text;
  };

  void arrived(const Message& message) override {
    const auto request = understand(message);
    if (!request || message.retained || request->service.form == Form::nothing ||
        schedule_.chance(character_.never))
      return;
    const bool is_in_turn = request->service.takes_turns();
    Message answer{.topic = topic_of(*request), .payload = say(*request)};
    if (character_.is_v5) {
      answer.correlation = message.correlation;
      if (message.response_topic)
        answer.topic = *message.response_topic;
    }
    if (answer.topic.empty())  // it knows no Response Topic
      return;
    const Care care = is_in_turn && !answer.correlation ? Care::once : Care::at_least_once;
    if (care == Care::once && message.duplicate)
      return;
    if (schedule_.chance(character_.noise))
      make_noise(*request);
    if (schedule_.chance(character_.noise) && !request->service.route->rules->interim.empty())
      give(with(answer, R"({"state":"working",)" + say(*request).substr(1)), care);
    if (schedule_.chance(character_.spoils) && request->service.form == Form::json)
      answer.payload.pop_back();
    else if (schedule_.chance(character_.fails))
      fail(*request, answer);
    give(answer, care);
    if (care == Care::at_least_once && schedule_.chance(character_.twice))
      give(answer, care);
  }

  static std::optional<Request> understand(const Message& message) {
    std::vector<std::string> levels;
    for (std::string_view rest = message.topic;; rest.remove_prefix(rest.find('/') + 1)) {
      levels.emplace_back(rest.substr(0, rest.find('/')));
      if (levels.back().size() == rest.size())
        break;
    }
    const bool has_device = levels.front().starts_with("own-");
    Request request{.service = service_of(levels[has_device ? 1 : 0]),
                    .device = has_device ? levels.front() : "",
                    .id = levels.back(),
                    .text = message.payload};
    if (levels.front() == "open")
      request.device = levels[1];
    if (request.service.route->set.empty())  // its own answers come to it, too
      return request.text.starts_with('<') ? std::nullopt : std::optional(request);
    const auto parsed = JsonText::parse(message.payload);
    const auto* const json = std::get_if<JsonText>(&parsed);
    const auto text = json != nullptr ? json->id_at("/text") : std::nullopt;
    if (!text)
      return {};
    request.text = *text;
    request.id = json->id_at(request.service.name() == "tell" ? "/nr" : "/id").value_or("");
    return request;
  }

  static std::string topic_of(const Request& request) {
    const std::string& name = request.service.name();
    if (name == "read")
      return "read/response/" + request.id;
    if (name == "turn")
      return request.device + "/turn/response";
    if (name == "both")
      return request.device + "/both";
    if (name == "open")
      return "open/" + request.device + "/response/200";
    if (name == "inbox")
      return {};
    return name == "ask" || name == "tell" ? "said" : "same";
  }

  /// Some write an id as a number.
  std::string say(const Request& request) {
    if (request.service.form == Form::text)
      return "<" + request.text + ">";
    const std::string& name = request.service.name();
    const std::string id = schedule_.chance(50) ? '"' + request.id + '"' : request.id;
    const std::string of = R"("of":")" + request.text + R"("})";
    if (name == "turn")
      return R"({"service":"turn",)" + of;
    if (name != "ask" && name != "tell")
      return R"({"id":)" + id + "," + of;
    return R"({"id":)" + id + R"(,"re":)" + id + R"(,"service":")" + name + R"(",)" + of;
  }

  void fail(const Request& request, Message& answer) {
    const std::string& name = request.service.name();
    const std::string words = "no " + request.text;
    if (name == "ask")
      answer = with(answer, R"({"id":")" + request.id + R"(","message":")" + words + R"("})",
                    "ask/errors");
    else if (name == "tell")
      answer.payload = R"({"error":")" + words + R"(",)" + answer.payload.substr(1);
    else if (name == "open")
      answer = with(answer, R"({"id":")" + request.id + R"(","message":")" + words + R"("})",
                    "open/" + request.device + "/response/404");
  }

  /// What is an answer to nobody, and comes without correlation data.
  void make_noise(const Request& request) {
    const std::string& name = request.service.name();
    const std::string of = R"("of":")" + request.text + R"("})";
    if (name == "read")
      return give({.topic = "read/response/7", .payload = say(request)}, Care::at_least_once);
    if (request.service.form != Form::json)
      return;
    const std::vector<std::string> noises{
        R"({"id":7,"re":7,"service":")" + name + R"(x",)" + of,
        R"({"service":"turn","id":")" + request.id + R"(",)" + of.substr(0, of.size() - 1),
        R"({"service":"turn","service":"turn","id":7,"id":")" + request.id + R"(",)" + of,
        std::string(100, '[') + of,
        of,
        ""};
    give({.topic = topic_of(request), .payload = schedule_.pick(noises)}, Care::at_least_once);
  }

  static Message with(Message message, std::string payload, std::string topic = {}) {
    message.payload = std::move(payload);
    if (!topic.empty())
      message.topic = std::move(topic);
    return message;
  }

  const Character character_;
};

}  // namespace mqtt_bridge::simulation

// A route: how a path of HTTP is a request over MQTT, and how its answer is known. Value, constant
// once it is made, see route_config.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "exchange/answer_rules.hpp"
#include "route/path_pattern.hpp"
#include "route/text_template.hpp"

namespace mqtt_bridge {

/// Variables besides those of the path.
inline constexpr std::string_view id_variable = "id";          // of the call: decimal digits
inline constexpr std::string_view client_variable = "client";  // our MQTT client id
inline constexpr std::string_view status_variable = "status";  // a level of the response topic

/// A value of JSON, whose texts are templates.
using ValueTemplate = std::variant<TextTemplate, bool, std::int64_t, double>;
struct PointedTemplate {
  std::string pointer;
  ValueTemplate value;
};

struct Route {
  enum class Linked { by_topic, by_id, by_turn, not_at_all };

  std::string path;  // as it is written, and the route's name
  PathPattern pattern;
  std::vector<std::string> methods;  // POST, or GET, or both

  TextTemplate topic;
  TextTemplate response_topic;  // of a route that is Linked::not_at_all: empty
  TextTemplate error_topic;     // empty: errors do not come apart
  TextTemplate
      before_status;       // of the response topic: what comes before {status}, if that is there
  bool has_inbox = false;  // the response topic is ours, and named to the service
  Linked linked = Linked::by_turn;
  std::vector<PointedTemplate> set;    // into the request
  std::vector<PointedTemplate> match;  // what the answer must have; Linked::by_id: the first has id
  std::shared_ptr<const AnswerRules> rules;
  std::vector<std::pair<std::string, TextTemplate>> properties;  // of the user, of the request

  int qos = 1;
  bool retained = false;
  bool is_idempotent = false;
  std::optional<std::chrono::milliseconds> timeout;
  std::optional<std::chrono::milliseconds> turn_rest;
  std::size_t most_in_flight = SIZE_MAX;

  struct Allowed {
    std::string variable;
    std::vector<std::string> values;  // '*' stands for anything
  };
  std::vector<Allowed> allowed;         // of a variable that is not here: any
  std::vector<std::string> user_names;  // who may call over a unix socket; empty: anybody
  std::string token_file;               // whose token callers must send; empty: that of the bridge
  std::vector<std::uint32_t> users;     // of user_names
  std::optional<std::string> token;     // of token_file

  std::string file;  // where it is configured
  std::size_t line = 0;

  bool allows(std::string_view method) const;
  bool is_json() const { return !set.empty() || !match.empty() || rules->read_json(); }
};

std::string_view to_string(Route::Linked linked);

/// Whether `value` is one of `patterns`, in which '*' stands for anything, also for nothing.
bool is_allowed_value(std::string_view value, const std::vector<std::string>& patterns);

}  // namespace mqtt_bridge

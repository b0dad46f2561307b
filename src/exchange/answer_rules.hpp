// What a service's answers mean: which are none yet, and which tell of an error. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json_scalar.hpp"

namespace mqtt_bridge {

/// Of all calls of a route. Pointers are JSON Pointers (RFC 6901); empty: there is no such rule.
struct AnswerRules {
  std::vector<JsonTest> interim;  // an answer with all of these is followed by another one
  std::optional<std::string> error_pointer;   // what is there, see JsonText::is_set(), is an error
  std::optional<JsonTest> error_test;         // so is this value
  std::optional<std::string> status_pointer;  // an HTTP status; an error where it is not 2xx
  std::string status_property;                // the same, a user property (MQTT 5.0 3.3.2.3.7)

  /// Whether an answer has to be JSON for these rules to say anything.
  bool read_json() const {
    return !interim.empty() || error_pointer || error_test || status_pointer;
  }
};

}  // namespace mqtt_bridge

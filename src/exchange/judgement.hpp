// What a response means to the request that it was found to belong to. Pure functions.
#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "base/json_text.hpp"
#include "base/problem.hpp"
#include "exchange/call.hpp"

namespace mqtt_bridge {

/// The JSON of a response, parsed when it is first looked at. A view into the response.
class ResponseJson {
 public:
  explicit ResponseJson(std::string_view payload) : payload_(payload) {}

  /// Nothing where it is none, or larger than limits::id_bytes.
  const JsonText* get();
  bool is_too_large() const;

 private:
  std::string_view payload_;
  std::optional<std::variant<JsonText, std::string>> parsed_;
};

bool pass(const std::vector<JsonTest>& tests, ResponseJson& json);
/// Whether another one follows.
bool is_interim(const AnswerRules& rules, ResponseJson& json);

enum class Meaning {
  answer,
  no_answer,  // MqttRequest::tests do not hold
  interim     // another one follows
};

/// What it means, or the failure that it tells of. `is_error`: it came on the error topic.
std::variant<Meaning, Failure> judge(const Response& response, ResponseJson& json,
                                     const MqttRequest& request, bool is_error);

}  // namespace mqtt_bridge

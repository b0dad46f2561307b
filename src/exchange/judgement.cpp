#include "exchange/judgement.hpp"

#include <algorithm>
#include <utility>

#include "base/limits/call.hpp"
#include "base/limits/exchange.hpp"
#include "base/utf8.hpp"
#include "exchange/failures.hpp"
#include "exchange/topic.hpp"

namespace mqtt_bridge {
namespace {

constexpr int first_success = 200;
constexpr int first_redirection = 300;

bool is_success(int status) {
  return status >= first_success && status < first_redirection;
}

std::optional<std::string_view> property(const Response& response, std::string_view name) {
  if (name == "status")
    return response.status;
  if (response.user_properties == nullptr)
    return std::nullopt;
  for (const auto& [each, value] : *response.user_properties) {
    if (each == name)
      return value;
  }
  return std::nullopt;
}

/// What the answer names as its status, where the route says that it does; nothing where it names
/// none.
std::optional<std::string> named_status(const Response& response, ResponseJson& json,
                                        const MqttRequest& request, bool is_error) {
  const AnswerRules& rules = *request.rules;
  if (rules.status_pointer)
    return json.get() != nullptr ? json.get()->id_at(*rules.status_pointer) : std::nullopt;
  if (request.status_level && !is_error)
    return std::string(levels_of(response.topic).at(*request.status_level));
  const auto named = property(response, rules.status_property);
  return named ? std::optional<std::string>(*named) : std::nullopt;
}

/// The status that the answer names, where that is no success: a service may count otherwise than
/// HTTP does, so that 6203 is an error as well.
std::optional<std::string> error_status(const Response& response, ResponseJson& json,
                                        const MqttRequest& request, bool is_error) {
  const AnswerRules& rules = *request.rules;
  const bool is_told =
      rules.status_pointer || request.status_level || !rules.status_property.empty();
  if (auto status = is_told ? named_status(response, json, request, is_error) : std::nullopt) {
    const auto number = three_digits(*status);
    return !status->empty() && !(number && is_success(*number)) ? std::move(status) : std::nullopt;
  }
  // By our own convention.
  const auto number = response.status ? three_digits(*response.status) : std::nullopt;
  return number && !is_success(*number) ? std::optional<std::string>(*response.status)
                                        : std::nullopt;
}

/// UTF-8, and not too long.
std::string cut(std::string text, std::size_t most) {
  if (!is_utf8(text))
    return {};
  if (text.size() <= most)
    return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80)
    --most;
  return text.substr(0, most) + "...";
}

/// What the service itself says of its error.
std::string words_of(const Response& response, ResponseJson& json, const AnswerRules& rules) {
  std::string words;
  if (response.error)
    words = *response.error;
  else if (json.get() != nullptr && rules.error_pointer && json.get()->is_set(*rules.error_pointer))
    words = json.get()->words_at(*rules.error_pointer);
  else if (json.get() != nullptr)
    words = json.get()->words_at("");
  else
    words = response.payload.substr(0, limits::error_payload_bytes);
  words = cut(std::move(words), limits::error_words_bytes);
  return words.empty() ? "the service reported an error, and gave no reason that is text" : words;
}

Failure error_of(const Response& response, ResponseJson& json, const AnswerRules& rules,
                 const std::optional<std::string>& status) {
  const bool is_shown =
      response.payload.size() <= limits::error_payload_bytes && is_utf8(response.payload);
  return {.problem = Problem::responder_error,
          .detail = words_of(response, json, rules),
          .status = status ? status_of(*status) : std::nullopt,
          .response = std::string(is_shown ? response.payload : "")};
}

/// By our own convention, see docs/routes.md.
std::optional<Failure> reported_error(const Response& response) {
  if (!response.status)
    return std::nullopt;
  std::string text(response.error.value_or("the responder gave no reason"));
  if (!is_utf8(text))
    text = "the responder gave a reason that is not UTF-8";
  return Failure{Problem::responder_error, std::move(text), status_of(*response.status)};
}

}  // namespace

const JsonText* ResponseJson::get() {
  if (!parsed_) {
    parsed_ = is_too_large() ? std::variant<JsonText, std::string>("it is too large")
                             : JsonText::parse(payload_);
  }
  return std::get_if<JsonText>(&*parsed_);
}

bool ResponseJson::is_too_large() const {
  return payload_.size() > limits::id_bytes;
}

bool pass(const std::vector<JsonTest>& tests, ResponseJson& json) {
  return tests.empty() || (json.get() != nullptr &&
                           std::all_of(tests.begin(), tests.end(), [&json](const JsonTest& test) {
                             return json.get()->has(test);
                           }));
}

bool is_interim(const AnswerRules& rules, ResponseJson& json) {
  return !rules.interim.empty() && pass(rules.interim, json);
}

std::variant<Meaning, Failure> judge(const Response& response, ResponseJson& json,
                                     const MqttRequest& request, bool is_error) {
  if (!request.rules) {
    if (auto failure = reported_error(response))
      return *std::move(failure);
    if (!is_utf8(response.payload))
      return Failure{Problem::bad_response, "the response is not UTF-8 text", {}};
    return Meaning::answer;
  }
  const AnswerRules& rules = *request.rules;
  if (!is_error && !pass(request.tests, json))
    return Meaning::no_answer;
  if (is_interim(rules, json))
    return Meaning::interim;
  const auto status = error_status(response, json, request, is_error);
  const JsonText* const text = rules.read_json() ? json.get() : nullptr;
  const bool has_error =
      text != nullptr && ((rules.error_pointer && text->is_set(*rules.error_pointer)) ||
                          (rules.error_test && text->has(*rules.error_test)));
  if (is_error || status || has_error)
    return error_of(response, json, rules, status);
  return Meaning::answer;
}

}  // namespace mqtt_bridge

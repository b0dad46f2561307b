#include "client/io/call_result.hpp"

#include <string>
#include <utility>
#include <variant>

#include "base/json_string.hpp"
#include "client/verdict.hpp"
#include "http/response_bodies.hpp"
#include "os/io/random.hpp"

namespace mqtt_bridge {
namespace {

std::string text_of(const HttpResponse::Body& body) {
  if (body.kind == HttpResponse::Text::plain)
    return body.begin + body.text + body.end;
  std::string text = body.begin;
  append_json(text, body.text);
  return text + body.end;
}

std::string broker_of(const ClientOptions& options) {
  return " (broker " + to_string(options.broker) +
         (options.not_asked.empty() ? "" : "; " + options.not_asked) + ")";
}

}  // namespace

BrokerOptions broker_options_of(const ClientOptions& options) {
  BrokerOptions broker;
  broker.urls = {options.broker};
  broker.username = options.username;
  broker.password_file = options.password_file;
  broker.ca_file = options.ca_file;
  broker.cert_file = options.cert_file;
  broker.key_file = options.key_file;
  return broker;
}

DirectWay direct_way_of(const ClientOptions& options) {
  return {broker_options_of(options), options.netid, *parse_action(options.action),
          options.timeout};
}

CallResult result_of(Ended& ended, const ClientOptions& options) {
  const std::string id = options.json ? random_hex(16) : "";
  CallResult result;
  if (auto* const answer = std::get_if<Answer>(&ended.outcome)) {
    result.code = ExitCode::answered;
    if (options.json)
      result.json = text_of(answer_response(ended, AnswerAs::json, id).body);
    else
      result.text = std::move(answer->payload);
    return result;
  }
  auto& failure = std::get<Failure>(ended.outcome);
  result.code = exit_code_of(failure.problem);
  failure.detail += broker_of(options);
  result.text = on_one_line(failure.detail);
  if (options.json) {
    const auto retryable = ended.may_be_carried_out ? Retryable::no : Retryable::yes;
    result.json = text_of(problem_response(failure, retryable, id).body);
  }
  return result;
}

}  // namespace mqtt_bridge

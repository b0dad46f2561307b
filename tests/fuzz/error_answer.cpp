// The input, in lines: the user properties "status" and "error" of a response, each absent where
// its line is empty; all the rest is its payload.
#include <algorithm>
#include <chrono>

#include "base/utf8.hpp"
#include "exchange/exchanges.hpp"
#include "exchange/failures.hpp"
#include "exchange/topic.hpp"
#include "exchange/transform_request.hpp"
#include "fuzz.hpp"
#include "text/content_rule.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{};
constexpr Instant now = start + 1h;  // nothing of an earlier run is in doubt any more
constexpr std::string_view request = "hello";
constexpr std::string_view correlation = "0123456789abcdef";

/// How a call that `response` may answer ends by it; nothing when it does not.
std::optional<Ended> ended_by(Response response, const std::string& action) {
  Exchanges exchanges(start);
  exchanges.link_up({.session_present = true, .window = 1}, now);
  const auto begun = exchanges.begin(transform_request({.netid = "alice",
                                                        .action = action,
                                                        .payload = std::string(request),
                                                        .correlation = std::string(correlation),
                                                        .arrived = now,
                                                        .deadline = now + 5s}));
  require(std::holds_alternative<ExchangeId>(begun) && exchanges.next_publish(now).has_value(),
          "a call is admitted and published");
  const std::string topic = response_topic("alice", action);
  response.topic = topic;
  exchanges.response(response, now + 1ms);
  auto ended = exchanges.next_ended();
  require(exchanges.waiting() == (ended ? 0 : 1), "a call has ended or it waits");
  exchanges.response(response, now + 2ms);
  exchanges.expire(now + 5s);
  require(ended.has_value() != exchanges.next_ended().has_value() && !exchanges.next_ended(),
          "a call ends once, by its deadline at the latest");
  return ended;
}

void check_outcome(const Response& response, const Ended& ended) {
  if (const auto* answer = std::get_if<Answer>(&ended.outcome)) {
    require(!response.status && is_utf8(answer->payload) && answer->payload == response.payload,
            "an answer is the response's text");
    return;
  }
  const auto& failure = std::get<Failure>(ended.outcome);
  require(is_utf8(failure.detail), "what went wrong is said in UTF-8");
  if (!response.status) {
    require(
        failure.problem == Problem::bad_response && !failure.status && !is_utf8(response.payload),
        "only a response that is no text is a bad one");
    return;
  }
  require(failure.problem == Problem::responder_error, "an error answer is the responder's error");
  require(failure.status == status_of(*response.status),
          "its status is that which the responder names, where it may be passed on");
  require(!failure.status || (*failure.status >= 400 && *failure.status <= 599),
          "that is one of an error");
  require(
      !response.error || !is_utf8(*response.error) || failure.detail.starts_with(*response.error),
      "its detail begins with what the responder says");
}

}  // namespace

void fuzz(std::string_view input) {
  std::optional<std::string_view> rest = input;
  Response response;
  response.status = take_line(rest);
  response.error = take_line(rest);
  response.payload = rest.value_or("");
  if (response.status->empty())
    response.status.reset();
  if (response.error && response.error->empty())
    response.error.reset();

  for (const std::string action : {"uppercase", "translate"}) {
    response.correlation = correlation;
    const auto correlated = ended_by(response, action);
    require(correlated.has_value(), "a response with the request's correlation ends its call");
    check_outcome(response, *correlated);
    response.correlation = input.substr(0, 16);
    require(!ended_by(response, action) || *response.correlation == correlation,
            "a response with another correlation ends nothing");
    response.correlation.reset();
    if (const auto ended = ended_by(response, action))
      check_outcome(response, *ended);
  }

  const bool answers = fit(Action::uppercase, request, response.payload) != Fit::none;
  const bool is_alike = folded_key(Action::uppercase, response.payload) == request;
  require(
      ended_by(response, "uppercase").has_value() == (!response.status && (answers || is_alike)),
      "without correlation a call is ended by its right answer");
}

}  // namespace mqtt_bridge

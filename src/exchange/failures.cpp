#include "exchange/failures.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/ascii.hpp"
#include "base/duration.hpp"

namespace mqtt_bridge {
namespace {

std::string in_seconds(Duration duration) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(duration).count()) + " s";
}

/// The statuses of a responder that go on to the caller as they are. Others need fields that we
/// cannot give (401, 405, 416, 426), speak of the request as HTTP (406, 411, 414, 431) or invite a
/// client to send a POST again that was carried out (408, 421, 425): RFC 9110 15.5.
bool may_pass_on(int status) {
  constexpr std::array passed{400, 402, 403, 404, 409, 410, 413, 415, 418, 422, 423,
                              424, 429, 451, 500, 501, 502, 503, 504, 507, 508};
  return std::ranges::find(passed, status) != passed.end();
}

}  // namespace

std::string in_words(Duration duration) {
  return duration_text(std::chrono::ceil<std::chrono::milliseconds>(duration));
}

std::optional<int> three_digits(std::string_view text) {
  if (text.size() != 3 || !std::all_of(text.begin(), text.end(), ascii::is_digit))
    return std::nullopt;
  return (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
}

std::optional<int> status_of(std::string_view text) {
  const auto status = three_digits(text);
  return status && may_pass_on(*status) ? status : std::nullopt;
}

Failure with_topics(Failure failure, const MqttRequest& request, Instant now) {
  const bool names_both = failure.detail.find(request.request_topic) != std::string::npos &&
                          failure.detail.find(request.response_topic) != std::string::npos;
  if (!names_both) {
    failure.detail += " (request on " + request.request_topic + ", response on " +
                      request.response_topic + ", waited " + in_words(now - request.arrived) + ")";
  }
  return failure;
}

Failure refused_subscription(const std::string& topic) {
  return {Problem::broker_unavailable, "the broker refused the subscription to " + topic, {}};
}

Failure gone_responders(const std::string& action) {
  return {Problem::no_responder, "every responder that announced " + action + " is gone", {}};
}

Failure no_subscriber(const MqttRequest& request) {
  return {Problem::no_responder,
          "the broker says that no client is subscribed to " + request.request_topic,
          {}};
}

Failure too_many_turns() {
  return {Problem::overloaded, "too many calls wait for their turn", {}};
}

Failure turn_pending(const std::string& topic, Duration left) {
  return {Problem::turn_pending,
          "answers on " + topic +
              " may come without correlation data, and one to an earlier call may still come; that "
              "is waited for " +
              in_seconds(left) + " longer",
          {},
          left};
}

Failure turns_elsewhere(const std::string& topic, const std::string& why) {
  return {Problem::turns_elsewhere,
          "calls take turns on " + topic + ", but not through this daemon: " + why,
          {}};
}

Failure breaks_connections(const MqttRequest& request, std::optional<Duration> left) {
  std::string detail = "the broker closes the connection when a request of " +
                       std::to_string(request.payload.size()) + " bytes is published to " +
                       request.request_topic;
  if (left)
    detail += "; such requests are refused for " + in_seconds(*left) + " longer";
  return {Problem::broker_refused, std::move(detail), {}, left};
}

}  // namespace mqtt_bridge

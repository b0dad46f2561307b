// Why a call fails, in words for its caller. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/instant.hpp"
#include "base/problem.hpp"
#include "exchange/call.hpp"

namespace mqtt_bridge {

Failure refused_subscription(const std::string& topic);
Failure gone_responders(const std::string& action);
Failure no_subscriber(const MqttRequest& request);
Failure turn_pending(const std::string& topic, Duration left);
Failure turns_elsewhere(const std::string& topic, const std::string& why);
Failure too_many_turns();
/// `left`: how long such requests are refused.
Failure breaks_connections(const MqttRequest& request, std::optional<Duration> left);

/// Every failure of ours names the two topics and how long the call waited.
Failure with_topics(Failure failure, const MqttRequest& request, Instant now);

/// Rounded up to milliseconds.
std::string in_words(Duration duration);

/// The number that `text` is, where it is three digits, as those of an HTTP status are.
std::optional<int> three_digits(std::string_view text);

/// The HTTP status that a responder names, in three digits, if it may be passed on.
std::optional<int> status_of(std::string_view text);

}  // namespace mqtt_bridge

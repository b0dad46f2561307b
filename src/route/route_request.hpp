// The MQTT request that a call of a route is. Pure function.
#pragma once

#include <string>
#include <variant>

#include "base/problem.hpp"
#include "exchange/call.hpp"
#include "route/route.hpp"

namespace mqtt_bridge {

/// A call of a route as its caller makes it, and what the bridge adds.
struct RouteCall {
  std::shared_ptr<const Route> route;
  PathValues values;
  std::string payload = {};
  std::string content_type = {};  // empty: not said
  std::string traceparent = {};   // W3C Trace Context, passed on as it came; empty: none
  std::string tracestate = {};
  bool is_patient = false;  // see MqttRequest
  Instant arrived;
  Instant deadline;
  // The bridge's:
  std::string correlation = {};  // 16 unpredictable characters: some services cut at a NUL
  std::string id = {};           // decimal digits of a number below 2^31: some read an int of Java
  std::string client = {};       // our MQTT client id
};

/// Or why there is none: invalid-parameter, value-not-allowed, invalid-payload, payload-too-large.
std::variant<MqttRequest, Failure> mqtt_request(RouteCall call);

}  // namespace mqtt_bridge

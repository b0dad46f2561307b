// The built-in route: how a call of an action is carried out over MQTT, by the convention
// `<netid>/<action>/request` and `<netid>/<action>/response`. Pure function.
#pragma once

#include "exchange/call.hpp"

namespace mqtt_bridge {

/// The right answers to the five actions are known, and they may be carried out twice. Those to
/// others can be told by Correlation Data or by turns only.
MqttRequest transform_request(Call call);

}  // namespace mqtt_bridge

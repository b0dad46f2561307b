// What the broker says of a publish when it acknowledges it (MQTT 5.0 3.4.2.1). Values.
#pragma once

namespace mqtt_bridge {

/// none: the reason code was 0x10, No matching subscribers. A broker that does not say so, as in
/// MQTT 3.1.1, may have some or none.
enum class Subscribers { perhaps, none };

/// Why it took no responsibility: 0x95, 0x97, or any other reason code from 0x80 on.
enum class Refusal { too_large, quota_exceeded, other };

}  // namespace mqtt_bridge

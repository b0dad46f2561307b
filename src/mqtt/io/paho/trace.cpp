#include "mqtt/io/paho/trace.hpp"

#include <MQTTAsync.h>

namespace mqtt_bridge::paho {

void silence_trace() {
  MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
}

}  // namespace mqtt_bridge::paho

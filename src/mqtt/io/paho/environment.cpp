#include "mqtt/io/paho/environment.hpp"

#include <cstdlib>
#include <initializer_list>

namespace mqtt_bridge::paho {

void clean_environment() {
  for (const char* const name : {"http_proxy", "https_proxy", "MQTT_C_CLIENT_TRACE",
                                 "MQTT_C_CLIENT_TRACE_LEVEL", "MQTT_C_CLIENT_TRACE_MAX_LINES"}) {
    unsetenv(name);
  }
}

}  // namespace mqtt_bridge::paho

// What mqtt_bridged and mqtt_responder say of themselves, but for their options, which options.cpp
// has. Values.
#pragma once

#include "config/io/option_engine.hpp"

namespace mqtt_bridge {

Program bridged_program();
Program responder_program();

}  // namespace mqtt_bridge

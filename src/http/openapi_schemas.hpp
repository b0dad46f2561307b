// What the bodies that the bridge writes look like, as JSON Schemas (draft 2020-12): answers,
// problems and the status. A change of such a body needs a change of its schema; a test compares
// them. Pure function.
#pragma once

#include <nlohmann/json.hpp>

namespace mqtt_bridge::openapi {

/// By name.
nlohmann::ordered_json schemas();

}  // namespace mqtt_bridge::openapi

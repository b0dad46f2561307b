// The words for another client that uses our client id: in the log, /readyz and mqtt_client.
// Pure function.
#pragma once

#include <string>

namespace mqtt_bridge {

/// maybe: connections break as if there were one. seems: what was seen means nothing else. told:
/// the broker said so.
enum class ClashCertainty { maybe, seems, told };

/// `has_username`: some brokers take the user name for the client id.
std::string clash_in_words(ClashCertainty certainty, const std::string& client_id,
                           bool has_username);

}  // namespace mqtt_bridge

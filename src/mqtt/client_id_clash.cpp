#include "mqtt/client_id_clash.hpp"

namespace mqtt_bridge {

std::string clash_in_words(ClashCertainty certainty, const std::string& client_id,
                           bool has_username) {
  std::string whom = "our client id '" + client_id + "'";
  if (has_username)
    whom += " (or our user name, where the broker takes that for it)";
  switch (certainty) {
    case ClashCertainty::maybe:
      return "does another client use " + whom + "?";
    case ClashCertainty::seems:
      return "another client seems to use " + whom;
    case ClashCertainty::told:
      return "another client uses " + whom;
  }
  return {};
}

}  // namespace mqtt_bridge

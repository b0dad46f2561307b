#include "exchange/dropped.hpp"

namespace mqtt_bridge {

std::string_view to_string(Dropped reason) {
  switch (reason) {
    case Dropped::retained:
      return "retained";
    case Dropped::foreign_topic:
      return "foreign-topic";
    case Dropped::unknown_correlation:
      return "unknown-correlation";
    case Dropped::wrong_topic:
      return "wrong-topic";
    case Dropped::late:
      return "late";
    case Dropped::unmatched:
      return "unmatched";
    case Dropped::unchecked:
      return "unchecked";
    case Dropped::interim:
      return "interim";
    case Dropped::own:
      return "own";
  }
  return {};
}

}  // namespace mqtt_bridge

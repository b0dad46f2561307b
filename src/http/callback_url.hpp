// Where the answers of calls may be sent by themselves, see docs/http.md. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mqtt_bridge {

/// Whether an operator may allow it: a web origin, and perhaps a path, with nothing after it.
bool is_callback_prefix(std::string_view text);

/// Whether `url` is one of `prefixes`, or below it.
bool is_allowed_callback(std::string_view url, const std::vector<std::string>& prefixes);

/// Its origin, as is_web_origin() has it, and the rest of it, "/" at least.
struct CallbackTarget {
  std::string origin;
  std::string target;
};
CallbackTarget callback_target(std::string_view url);

}  // namespace mqtt_bridge

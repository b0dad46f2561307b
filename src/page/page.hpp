// The page at `/`, for people: page.html with its style and its scripts in it, joined when the
// program is built (join.cmake). It loads nothing else, and its policy allows nothing else.
// Constants.
#pragma once

#include <string_view>

namespace mqtt_bridge::page {

extern const std::string_view html;
/// Its Content-Security-Policy, with the hashes of its style and its script (CSP 3 2.3.1).
extern const std::string_view policy;

}  // namespace mqtt_bridge::page

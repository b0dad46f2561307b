// Where a route's requests go and its answers come, as topic filters: what /status of the daemon
// says of its routes, applied to a path. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mqtt_bridge {

/// A text with `{name}` in it, as routes have them, for `path`, which is one of the pattern's: a
/// level with a variable that is not of the path is "+". Nothing where `path` is none of `pattern`.
std::optional<std::string> topic_filter_of(std::string_view text, std::string_view pattern,
                                           std::string_view path);

}  // namespace mqtt_bridge

// Content negotiation (RFC 9110 12.5.1), for the three things that an answer can be. Pure
// functions.
#pragma once

#include <string_view>

namespace mqtt_bridge {

/// Whether an Accept field's value asks for application/json rather than text/plain: it gives it
/// more weight, or the same and names it without naming text. Nothing, and what cannot be read,
/// asks for text; so does `application/json, text/plain, */*` (axios), which prefers neither: the
/// order means nothing.
bool prefers_json(std::string_view accept);

/// Whether it names text/html and gives no less weight to it than to text/plain, as browsers do for
/// what they show. curl's `*/*` does not.
bool prefers_html(std::string_view accept);

}  // namespace mqtt_bridge

// What a Content-Type says of a text (RFC 9110 8.3.1). Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mqtt_bridge {

/// The charset that `content_type` names, if it is not one that UTF-8 text can be said to have:
/// utf-8, utf8, us-ascii, ascii, in any case and quoted or not. Of several the first such. What is
/// not a media type names none.
std::optional<std::string> foreign_charset(std::string_view content_type);

/// A kind of its own, whatever its parameters are.
bool is_multipart(std::string_view content_type);

/// What curl says of all that it is given with --data.
bool is_form(std::string_view content_type);

/// Whether it is type "/" subtype, and perhaps more, in visible ASCII: a field of HTTP can say so.
bool is_media_type(std::string_view content_type);

}  // namespace mqtt_bridge

// What GET / answers: the page to a browser (page/page.hpp), and to anything else, as curl, a few
// lines of text that say what this is and where to look. Neither tells anything of this bridge that
// a caller without its token may not know. Pure function.
#pragma once

#include "http/api_options.hpp"
#include "http/request.hpp"
#include "http/response.hpp"

namespace mqtt_bridge {

HttpResponse front_page(const Asked& asked, const HttpApiOptions& options);

}  // namespace mqtt_bridge

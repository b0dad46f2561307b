#include "http/front_page.hpp"

#include <string>
#include <string_view>

#include "http/response_bodies.hpp"
#include "page/page.hpp"

namespace mqtt_bridge {
namespace {

/// A line for a shell, with the host that the caller used.
std::string example_for(const Asked& asked, const HttpApiOptions& options) {
  const std::string_view host = asked.field("Host");
  std::string line = "curl -d hello ";
  if (options.token)
    line += "-H \"Authorization: Bearer $(cat TOKEN-FILE)\" ";
  line.append("http://").append(host.empty() ? "localhost:8426" : host);
  line += "/transform/uppercase";
  if (options.netid.empty())
    line += "?netid=NETID";
  return line;
}

HttpResponse page_response() {
  HttpResponse response = text_response(std::string(page::html));
  response.fields.front().value = "text/html; charset=utf-8";
  response.add("Content-Security-Policy", std::string(page::policy));
  response.add("Referrer-Policy", "no-referrer");
  return response;
}

}  // namespace

HttpResponse front_page(const Asked& asked, const HttpApiOptions& options) {
  if (asked.field("Accept") == "text/html")
    return page_response();
  return text_response("This is mqtt-bridge: it calls MQTT services over HTTP.\n\n  " +
                       example_for(asked, options) +
                       "\n\n"
                       "prints HELLO, if a responder is there. Where to look:\n\n"
                       "  /         in a browser: try a call, and watch what happens\n"
                       "  /status   the broker, the routes and what goes on, as JSON\n"
                       "  /readyz   whether calls can be answered now, and why not\n"
                       "  /metrics  for Prometheus\n"
                       "  /events   the same as it happens, as server-sent events\n");
}

}  // namespace mqtt_bridge

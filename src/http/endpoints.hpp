// The table of endpoints, with their methods and query parameters, and the table of header fields
// that are read. Routing, Allow, the parameters, what the library is handed and the CORS lists all
// come from them. Pure functions.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace mqtt_bridge {

struct Endpoint {
  enum class Kind {
    transform,
    call,
    alive,
    ready,
    metrics,
    status,
    runbook,
    page,
    events,
    openapi
  };
  // unless_open: unless HttpApiOptions::open_health. never: not to read it, which tells nothing of
  // this bridge.
  enum class Token { always, unless_open, never };

  Kind kind;
  std::string_view path;   // "{...}" at its end stands for what has no '/'
  std::string_view allow;  // the methods, as an Allow field lists them (RFC 9110 10.2.1)
  std::span<const std::string_view> parameters;  // of its query; where there are none, any may come
  Token token;
  std::string_view summary;  // what it is for, in one line of plain words

  bool allows(std::string_view method) const;
};

namespace endpoint {

inline constexpr std::array<std::string_view, 3> call_parameters{"netid", "timeout", "broker"};
inline constexpr std::array<std::string_view, 2> route_parameters{"timeout", "broker"};

using enum Endpoint::Kind;
using enum Endpoint::Token;
/// HAProxy asks for health by OPTIONS, unless told otherwise.
inline constexpr std::array all{
    Endpoint{transform, "/transform/{action}", "POST", call_parameters, always,
             "Have a text transformed by the service behind the broker"},
    Endpoint{call,
             "/calls/{id}",
             "DELETE, GET, HEAD",
             {},
             always,
             "What became of a call that is answered later"},
    Endpoint{alive, "/healthz", "GET, HEAD, OPTIONS", {}, unless_open, "The daemon is alive"},
    Endpoint{ready,
             "/readyz",
             "GET, HEAD, OPTIONS",
             {},
             unless_open,
             "The daemon is connected to its broker and subscribed"},
    Endpoint{metrics, "/metrics", "GET, HEAD", {}, unless_open, "Metrics for Prometheus"},
    Endpoint{status, "/status", "GET, HEAD", {}, always, "What goes on, in JSON"},
    Endpoint{openapi,
             "/openapi.json",
             "GET, HEAD",
             {},
             always,
             "This interface as an OpenAPI 3.1 document"},
    // Public: what docs/problems.md says, and a person follows the link without a token.
    Endpoint{runbook,
             "/problems/{slug}",
             "GET, HEAD",
             {},
             never,
             "What a problem means, and what to do"},
    Endpoint{events, "/events", "GET, HEAD", {}, always, "What goes on, as server-sent events"},
    // A browser cannot send a token as it loads a page; this one asks for it.
    Endpoint{page, "/", "GET, HEAD, OPTIONS", {}, never, "A page to look at, or a short text"}};

/// Where the paths of calls begin.
inline constexpr std::string_view transform_path = "/transform/";
/// Where the entries of the runbook are, each under the slug of its problem.
inline constexpr std::string_view runbook_path = "/problems/";

/// That of a percent-decoded path; nothing where there is none.
const Endpoint* of(std::string_view path);

/// What stands for "{action}" in the path of a call.
std::string_view action_in(std::string_view path);

/// Where the calls are that are answered later, each under its id.
inline constexpr std::string_view calls_path = "/calls/";

}  // namespace endpoint

/// A field of requests that something reads.
struct ReadField {
  enum class Way { library, apart };  // apart: the library cannot be handed every value of it
  enum class OfPages { no, yes };     // a page of a guest's may set it (Fetch 3.2.2)

  std::string_view name;
  Way way;
  OfPages of_pages;
};

/// In the order in which the library is handed them.
inline constexpr std::array read_fields{
    ReadField{"Host", ReadField::Way::library, ReadField::OfPages::no},
    ReadField{"Accept", ReadField::Way::library, ReadField::OfPages::yes},
    ReadField{"Authorization", ReadField::Way::library, ReadField::OfPages::yes},
    ReadField{"Content-Encoding", ReadField::Way::library, ReadField::OfPages::no},
    ReadField{"Content-Type", ReadField::Way::apart, ReadField::OfPages::yes},
    ReadField{"Idempotency-Key", ReadField::Way::apart, ReadField::OfPages::yes},
    ReadField{"Prefer", ReadField::Way::apart, ReadField::OfPages::yes},
    ReadField{"Request-Id", ReadField::Way::library, ReadField::OfPages::yes},
    ReadField{"X-Request-Id", ReadField::Way::library, ReadField::OfPages::no},
    ReadField{"traceparent", ReadField::Way::library, ReadField::OfPages::yes},
    ReadField{"tracestate", ReadField::Way::apart, ReadField::OfPages::yes},
    ReadField{"Origin", ReadField::Way::library, ReadField::OfPages::no},
    ReadField{"Access-Control-Request-Method", ReadField::Way::library, ReadField::OfPages::no}};

/// Those of them that a caller sends to say something of its call; the others are HTTP's own.
inline constexpr std::array<std::string_view, 3> fields_of_callers{"Request-Id", "traceparent",
                                                                   "tracestate"};

/// Those that a caller sends to say how its call is to be answered.
inline constexpr std::array<std::string_view, 2> fields_of_calls{"Prefer", "Idempotency-Key"};

/// Nothing for a field that nothing reads.
const ReadField* read_field(std::string_view name);

/// Those of RFC 9110 9.3 and RFC 5789; of others we cannot say that a resource does not allow them.
bool is_known_method(std::string_view method);

/// Of all endpoints together, in the order of the alphabet: for the server as a whole.
std::string all_methods();

// For pages of allowed origins (Fetch 3.2.3).
std::string methods_of_pages();
std::string fields_of_pages();
inline constexpr std::string_view fields_for_pages =
    "Location, Preference-Applied, Request-Id, Retry-After, Server-Timing";

}  // namespace mqtt_bridge

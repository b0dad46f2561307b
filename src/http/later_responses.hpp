// What those are told who ask for a call that is answered later. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/instant.hpp"
#include "base/problem.hpp"
#include "exchange/calls.hpp"
#include "http/response.hpp"

namespace mqtt_bridge {

/// 32 hexadecimal digits, as in the path of a call.
std::string id_text(const CallId& id);
/// Nothing where it is no such text.
std::optional<CallId> parse_call_id(std::string_view text);

/// Where it is asked for.
std::string path_of(const CallId& id);

/// 202, and where to ask. `deadline`: as a date. `waited`: since the call came; the longer, the
/// rarer it need be asked for.
HttpResponse accepted_response(const CallId& id, std::string_view deadline, Duration waited);

/// The answer to DELETE; and of a call that has none, to GET.
HttpResponse no_content_response();

Failure no_such_call();
Failure gone_call();
Failure reused_key();
/// One with the same key waits for longer than this one would.
Failure still_waiting(const CallId& id);

}  // namespace mqtt_bridge

// W3C Trace Context, level 1: a caller's trace is passed on as it came, or not at all. Pure
// functions.
#pragma once

#include <string_view>

namespace mqtt_bridge {

/// A traceparent field's value (3.2): version "00", or a later one of which only the known
/// beginning is looked at; ids in lower-case hex, neither of them all zeros.
bool is_traceparent(std::string_view text);

/// The trace-id of what is_traceparent().
constexpr std::string_view trace_id(std::string_view traceparent) {
  return traceparent.substr(3, 32);
}

/// A tracestate field's value (3.3), as far as passing it on goes: printable ASCII, at most 512
/// bytes.
bool is_tracestate(std::string_view text);

}  // namespace mqtt_bridge

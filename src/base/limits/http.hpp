// Limits of the HTTP server.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/limits/call.hpp"

namespace mqtt_bridge::limits {

using namespace std::chrono_literals;

// One request. RFC 9112 3 asks for a request line of at least 8000 octets.
inline constexpr std::size_t request_id_bytes = 128;
inline constexpr std::size_t head_bytes = 16 * 1024;
inline constexpr std::size_t target_bytes = 8000;  // the HTTP library takes 8192 for the line
inline constexpr std::size_t header_fields = 100;
inline constexpr std::size_t remembered_heads = 64;  // that need not be parsed again
inline constexpr std::size_t remembered_head_bytes = 1024;
inline constexpr std::size_t chunk_overhead_bytes = 8 * 1024;  // extensions and trailers of a body
inline constexpr std::size_t input_bytes = 64 << 20;   // of all large requests on their way in
inline constexpr std::size_t output_bytes = 64 << 20;  // of all answers that are not sent
inline constexpr std::size_t connections = in_flight + queued;
inline constexpr auto head_timeout = 5s;     // from a request's first byte to the end of its head
inline constexpr auto request_timeout = 9s;  // from there, too, to the end of its body
// Longer than any proxy's, which else would send a request on what is just closed (600 s at most).
inline constexpr auto idle_timeout = 620s;  // between two requests of one connection
inline constexpr auto write_timeout = 9s;   // for an answer that the peer does not read
inline constexpr auto drain_timeout = 10s;  // for calls in flight after SIGTERM

}  // namespace mqtt_bridge::limits

// What one call may carry and how long it may take, and how many calls there may be: limits that
// several rooms keep.
#pragma once

#include <chrono>
#include <cstddef>

namespace mqtt_bridge::limits {

using namespace std::chrono_literals;

// What one call may carry.
inline constexpr std::size_t netid_bytes = 128;
inline constexpr std::size_t payload_bytes = 1024 * 1024;
inline constexpr std::size_t response_bytes = 4 * payload_bytes;  // case mappings can grow a text

// How long one call may take, from its HTTP arrival to its answer.
inline constexpr auto min_timeout = 1ms;
inline constexpr auto default_timeout = 5s;
inline constexpr auto max_timeout = 60s;

// How many calls there may be.
inline constexpr std::size_t in_flight = 16384;          // published, waiting for their answer
inline constexpr std::size_t queued = 12288;             // admitted, not yet published
inline constexpr std::size_t per_netid = 12288;          // in flight or queued, of one NetID
inline constexpr std::size_t exchange_bytes = 64 << 20;  // the payloads of all these together

// How far a text is looked into.
inline constexpr std::size_t id_bytes = 256 * 1024;  // of a JSON text in which an id is looked for
inline constexpr std::size_t json_depth = 64;        // of JSON that is looked into

}  // namespace mqtt_bridge::limits

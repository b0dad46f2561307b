// Limits of mqtt_responder.
#pragma once

#include <chrono>
#include <cstddef>

namespace mqtt_bridge::limits {

using namespace std::chrono_literals;

// The responder: answers that wait for the broker.
inline constexpr std::size_t responder_queue = 10'000;
inline constexpr std::size_t responder_queue_bytes = 32 << 20;  // unacknowledged ones included
inline constexpr std::size_t responder_aside = 64;  // like one on which a connection broke
inline constexpr auto aside_pause = 1s;             // after the first such break
inline constexpr auto aside_pause_cap = 60s;
inline constexpr auto breaks_memory = 600s;   // how long such breaks are remembered
inline constexpr auto loss_pause = 10s;       // between two warnings of answers dropped
inline constexpr auto farewell_timeout = 1s;  // for them to go out once it is asked to stop

// The programs that answer for the responder (--serve).
inline constexpr std::size_t serve_jobs = 128;      // that run at one time
inline constexpr std::size_t serve_waiting = 1024;  // requests that wait for that
inline constexpr std::size_t serve_waiting_bytes = 64 << 20;
inline constexpr auto serve_timeout = 10s;                  // then SIGTERM
inline constexpr auto serve_grace = 1s;                     // then SIGKILL
inline constexpr std::size_t serve_error_bytes = 2 * 1024;  // of stderr, the end of it

}  // namespace mqtt_bridge::limits

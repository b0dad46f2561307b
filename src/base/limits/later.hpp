// Limits of calls that their callers come back to: those that are asked for later, and those with
// an Idempotency-Key.
#pragma once

#include <chrono>
#include <cstddef>

namespace mqtt_bridge::limits {

using namespace std::chrono_literals;

// How long a call may take that nobody waits for on a connection.
inline constexpr auto default_async_timeout = 1h;
inline constexpr auto max_async_timeout = 24h;

// Calls that wait for their answer; they have room of their own, beside in_flight and queued.
inline constexpr std::size_t later_calls = 131'072;
inline constexpr std::size_t later_bytes = 128 << 20;  // their texts

// Outcomes that are kept for those who ask.
inline constexpr std::size_t kept_answers = 131'072;
inline constexpr std::size_t kept_bytes = 64 << 20;
inline constexpr auto kept_age = 24h;
inline constexpr std::size_t gone_calls = 65'536;  // ids that are remembered once this is over

inline constexpr std::size_t idempotency_key_bytes = 255;
inline constexpr auto most_poll_pause = 30s;  // that Retry-After names while a call waits

// Answers that are sent to where their callers want them.
inline constexpr std::size_t callbacks = 4096;  // that wait to be sent, or sent again
inline constexpr int callback_attempts = 10;
inline constexpr auto callback_base = 1s;  // before the second attempt; doubles each time
inline constexpr auto callback_cap = 300s;
inline constexpr auto callback_timeout =
    5s;  // to connect, to send, and for each piece of the answer

// A call whose request no client was subscribed to is published again.
inline constexpr auto undelivered_pause = 5s;
inline constexpr std::size_t undelivered_topics = 64;  // at one time: one call of each
// A call of an earlier run, of which it is not known whether it was published, waits this long for
// its answer before it is published again.
inline constexpr auto taken_up_pause = 2s;

}  // namespace mqtt_bridge::limits

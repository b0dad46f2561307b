// Limits of the exchange: of calls on their way, and of what is remembered of those that ended.
#pragma once

#include <chrono>
#include <cstddef>

namespace mqtt_bridge::limits {

using namespace std::chrono_literals;

// Calls on their way.
inline constexpr auto down_grace = 2s;    // calls wait this long for a lost link, then get 503
inline constexpr int lost_publishes = 8;  // connections lost on one request, then it ends
inline constexpr int presence_republishes = 8;    // of one request, as responders come and go
inline constexpr std::size_t turn_queue = 64;     // waiting for their turn on a response topic
inline constexpr std::size_t turn_topics = 4096;  // response topics on which turns are taken

// The calls of routes.
inline constexpr std::size_t call_filters = 4096;       // response topics of routes subscribed to
inline constexpr std::size_t error_words_bytes = 1000;  // of a service's own words in a problem
inline constexpr std::size_t error_payload_bytes = 64 * 1024;  // of its payload there

// Requests on which the broker closes the connection.
inline constexpr int suspect_trials = 2;        // alone on a connection that broke, then it ends
inline constexpr auto trial_pause = 150ms;      // between two of those
inline constexpr auto refusal_base = 1s;        // the first time that their topic is refused
inline constexpr auto refusal_cap = 60s;        // the longest
inline constexpr std::size_t offenders = 1024;  // topics remembered for this

// What is remembered of requests that have ended, to tell a late or second answer from a new one.
inline constexpr std::size_t topic_memories = 256;            // per response topic
inline constexpr std::size_t topic_memory_bytes = 64 * 1024;  // their payloads together
inline constexpr std::size_t checked_bytes = 1024 * 1024;     // of requests that one response is
                                                              // compared with, see check_cost()
inline constexpr std::size_t idle_topics = 256;    // response topics that hold only these
inline constexpr std::size_t turn_answers = 64;    // per response topic on which turns are taken
inline constexpr auto memory_age = 60s;            // how long all these are remembered
inline constexpr auto turn_rest = 60s;             // for a late answer, where turns are taken
inline constexpr std::size_t unmatched_notes = 4;  // per response topic: what came and did not fit

// Who answers.
inline constexpr std::size_t responders = 256;     // remembered, those that are gone included
inline constexpr std::size_t birth_bytes = 8192;   // what one says of itself
inline constexpr std::size_t birth_actions = 64;   // how many actions it may name
inline constexpr auto gone_grace = 25ms;           // for one that lost its connection to come back,
inline constexpr int gone_round_trips = 12;        // and so many round trips to the broker
inline constexpr std::size_t group_members = 256;  // daemons of a group, besides this one
inline constexpr unsigned id_ranges = 1024;        // of the ids of calls, one for each of them
// Between calls that are published although all are gone, and for how many topics this is known.
inline constexpr auto presence_probe = 1s;
inline constexpr std::size_t presence_probes = 4096;
inline constexpr auto return_grace = 1500ms;     // the same, where the broker was gone too
inline constexpr auto session_lost_grace = 15s;  // the same, where the broker forgot everything

}  // namespace mqtt_bridge::limits

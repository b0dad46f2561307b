// Every limit on anything that grows or waits, in one place. limit_table.cpp says them in words for
// --help, and docs/limits.md repeats them; a test compares the three.
#pragma once

#include <chrono>
#include <cstddef>

namespace mqtt_bridge::limits {

using namespace std::chrono_literals;

// What one call may carry.
inline constexpr std::size_t netid_bytes = 128;
inline constexpr std::size_t payload_bytes = 1024 * 1024;
inline constexpr std::size_t response_bytes = 4 * payload_bytes;  // case mappings can grow a text
inline constexpr std::size_t request_id_bytes = 128;

// How long one call may take, from its HTTP arrival to its answer.
inline constexpr auto min_timeout = 1ms;
inline constexpr auto default_timeout = 5s;
inline constexpr auto max_timeout = 60s;

// How many calls there may be.
inline constexpr std::size_t in_flight = 16384;          // published, waiting for their answer
inline constexpr std::size_t queued = 12288;             // admitted, not yet published
inline constexpr std::size_t per_netid = 12288;          // in flight or queued, of one NetID
inline constexpr std::size_t exchange_bytes = 64 << 20;  // the payloads of all these together
inline constexpr std::size_t publish_window = 16;        // published, not yet acknowledged
inline constexpr int lost_publishes = 8;          // connections lost on one request, then it ends
inline constexpr int presence_republishes = 8;    // of one request, as responders come and go
inline constexpr std::size_t turn_queue = 64;     // waiting for their turn on an exclusive lane
inline constexpr std::size_t turn_topics = 4096;  // response topics on which turns are taken

// Routes.
inline constexpr std::size_t routes = 4096;
inline constexpr std::size_t path_value_bytes = 512;    // that stands for a variable of a path
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
inline constexpr std::size_t id_bytes = 256 * 1024;  // of a response in which an id is looked for
inline constexpr std::size_t json_depth = 64;        // of JSON that is looked into
inline constexpr std::size_t idle_topics = 256;      // response topics that hold only these
inline constexpr std::size_t turn_answers = 64;      // per response topic on which turns are taken
inline constexpr auto memory_age = 60s;              // how long all these are remembered
inline constexpr auto turn_rest =
    60s;  // how long a late answer is waited for where turns are taken
inline constexpr std::size_t unmatched_notes = 4;  // per response topic: what came and did not fit

// The HTTP server. RFC 9112 3 asks for a request line of at least 8000 octets.
inline constexpr std::size_t head_bytes = 16 * 1024;
inline constexpr std::size_t target_bytes = 8000;  // the HTTP library takes 8192 for the line
inline constexpr std::size_t header_fields = 100;
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

// Who answers.
inline constexpr std::size_t responders = 256;    // remembered, those that are gone included
inline constexpr std::size_t birth_bytes = 8192;  // what one says of itself
inline constexpr std::size_t birth_actions = 64;  // how many actions it may name
inline constexpr auto gone_grace = 25ms;          // for one that lost its connection to come back,
inline constexpr int gone_round_trips = 12;       // and so many round trips to the broker
inline constexpr auto presence_probe =
    1s;  // between calls that are published although all are gone
inline constexpr std::size_t presence_probes =
    4096;                                        // response topics for which that is remembered
inline constexpr auto return_grace = 1500ms;     // the same, where the broker was gone too
inline constexpr auto session_lost_grace = 15s;  // the same, where the broker forgot everything

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

// The link.
inline constexpr std::size_t inbound_packet_bytes =
    response_bytes + payload_bytes;                       // with its topic
inline constexpr std::size_t property_bytes = 66 * 1024;  // of one; the longest property has 64 KiB
inline constexpr std::size_t user_properties = 64;        // of one that are looked at
inline constexpr std::size_t inbox_events = 65'536;  // from the MQTT library, not yet looked at
inline constexpr std::size_t inbox_bytes = 8 << 20;  // of the messages among these
inline constexpr auto down_grace = 2s;      // calls wait this long for a lost link, then get 503
inline constexpr auto puback_timeout = 4s;  // then the link is taken for dead
inline constexpr auto keep_alive = 5s;
inline constexpr auto connect_timeout = 5s;
inline constexpr auto library_stall_timeout = 3s;  // its threads wake up every second
inline constexpr auto reconnect_base = 50ms;
inline constexpr auto reconnect_cap = 10s;
inline constexpr auto yield_cap = 60s;      // while another client uses our client id
inline constexpr auto version_pause = 60s;  // before MQTT 5 is tried again where it was refused
inline constexpr auto version_pause_cap = 3600s;

// The log: what a peer can cause again and again.
inline constexpr auto repeat_pause = 10s;  // until the same text is logged again; doubles each time
inline constexpr auto repeat_pause_cap = 600s;
inline constexpr auto repeat_memory = 60s;       // then the same text is new
inline constexpr std::size_t repeat_texts = 64;  // told apart

}  // namespace mqtt_bridge::limits

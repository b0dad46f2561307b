#include "base/limit_table.hpp"

#include <chrono>
#include <cstddef>

#include "base/limits/activity.hpp"
#include "base/limits/batch.hpp"
#include "base/limits/call.hpp"
#include "base/limits/exchange.hpp"
#include "base/limits/http.hpp"
#include "base/limits/later.hpp"
#include "base/limits/log.hpp"
#include "base/limits/mqtt.hpp"
#include "base/limits/responder.hpp"
#include "base/limits/route.hpp"

namespace mqtt_bridge {
namespace {

using std::chrono::milliseconds;

std::string text(std::size_t count) {
  return std::to_string(count);
}

std::string text(milliseconds duration) {
  constexpr int second = 1000;
  const auto count = duration.count();
  return count % second == 0 ? std::to_string(count / second) + " s"
                             : std::to_string(count) + " ms";
}

std::string bytes(std::size_t count) {
  constexpr std::size_t kibi = 1024;
  if (count % (kibi * kibi) == 0)
    return text(count / kibi / kibi) + " MiB";
  return count % kibi == 0 ? text(count / kibi) + " KiB" : text(count);
}

}  // namespace

std::vector<Limit> all_limits() {
  using namespace limits;
  return {
      {"netid_bytes", bytes(netid_bytes), "longest NetID"},
      {"payload_bytes", bytes(payload_bytes), "longest text of a request"},
      {"response_bytes", bytes(response_bytes), "longest text of a response"},
      {"request_id_bytes", bytes(request_id_bytes), "longest Request-Id of a caller"},
      {"min_timeout", text(min_timeout), "shortest timeout of a call"},
      {"default_timeout", text(default_timeout), "timeout of a call that names none"},
      {"max_timeout", text(max_timeout), "longest timeout of a call; --max-timeout may lower it"},
      {"default_async_timeout", text(default_async_timeout),
       "timeout of a call that is answered later and names none; --max-async-timeout may change "
       "it"},
      {"max_async_timeout", text(max_async_timeout),
       "longest timeout of a call that is answered later; --max-async-timeout may lower it"},
      {"in_flight", text(in_flight),
       "calls that are published and wait for their answer; --max-in-flight may lower it"},
      {"queued", text(queued), "calls that wait to be published; --max-queued may lower it"},
      {"per_netid", text(per_netid),
       "calls of one NetID, published or waiting to be; --max-per-netid may lower it"},
      {"exchange_bytes", bytes(exchange_bytes), "texts of all calls, published or waiting to be"},
      {"later_calls", text(later_calls),
       "calls that are answered later or have an Idempotency-Key, and wait for their answer; "
       "beside "
       "all other calls"},
      {"later_bytes", bytes(later_bytes), "texts of these calls, together"},
      {"kept_answers", text(kept_answers),
       "answers that are kept for those who ask; beyond it the oldest goes"},
      {"kept_bytes", bytes(kept_bytes),
       "answers that are kept, together; beyond it the oldest goes"},
      {"kept_age", text(kept_age), "time for which an answer, and its Idempotency-Key, is kept"},
      {"gone_calls", text(gone_calls),
       "ids of calls that get 410 because their answer is not kept any more; older ones get 404"},
      {"idempotency_key_bytes", text(idempotency_key_bytes), "longest Idempotency-Key"},
      {"most_poll_pause", text(most_poll_pause),
       "longest Retry-After of a call that waits for its answer"},
      {"callbacks", text(callbacks), "answers that wait to be sent to a callback"},
      {"callback_attempts", text(callback_attempts),
       "attempts to send an answer to a callback, before it is given up"},
      {"callback_base", text(callback_base),
       "pause before the second of these attempts; it doubles each time"},
      {"callback_cap", text(callback_cap), "longest pause between two of these attempts"},
      {"callback_timeout", text(callback_timeout),
       "time for a callback to be connected to, to read the answer, and to answer"},
      {"undelivered_pause", text(undelivered_pause),
       "time after which a call that is answered later is published again where no client was "
       "subscribed"},
      {"undelivered_topics", text(undelivered_topics),
       "topics on which one such call is published again at one time"},
      {"taken_up_pause", text(taken_up_pause),
       "time for which a call of an earlier run, which may have been published, waits for its "
       "answer before it is published again"},
      {"publish_window", text(publish_window),
       "requests that are published and not acknowledged; the broker may lower it"},
      {"lost_publishes", text(lost_publishes),
       "connections that break while one request is unacknowledged, before its call fails"},
      {"presence_republishes", text(presence_republishes),
       "times that one request is published again because responders come and go"},
      {"suspect_trials", text(suspect_trials),
       "connections that break on a request that is alone on them, before its call fails"},
      {"trial_pause", text(trial_pause),
       "pause after such a request broke a connection, before the next one that may"},
      {"refusal_base", text(refusal_base),
       "time for which requests like one that broke connections are refused, the first time"},
      {"refusal_cap", text(refusal_cap),
       "longest time for which such requests are refused; it doubles each time"},
      {"offenders", text(offenders),
       "topics on which requests that broke connections are remembered"},
      {"turn_queue", text(turn_queue), "calls that wait for their turn on one response topic"},
      {"turn_topics", text(turn_topics), "response topics on which turns are taken"},
      {"routes", text(routes), "routes"},
      {"path_value_bytes", text(path_value_bytes),
       "longest value of a variable in the path of a route"},
      {"call_filters", text(call_filters),
       "response topics of routes that are subscribed to; beyond it the one that was not used for "
       "longest is left"},
      {"error_words_bytes", text(error_words_bytes),
       "a service's own words in a problem; what is longer is cut"},
      {"error_payload_bytes", bytes(error_payload_bytes),
       "largest answer of a service that a problem repeats"},
      {"batch_window", text(batch_window), "calls of one batch at one time"},
      {"batch_bytes", bytes(batch_bytes),
       "texts of the calls of one batch at one time; one call may have more"},
      {"batch_line_bytes", bytes(batch_line_bytes), "longest line of a batch"},
      {"batch_input_bytes", bytes(batch_input_bytes),
       "lines of all batches that are read and not begun, together; beyond it a line is refused"},
      {"batch_unsent_bytes", bytes(batch_unsent_bytes),
       "results of one batch that are not sent; beyond it no further line is begun"},
      {"topic_memories", text(topic_memories), "ended requests remembered for each response topic"},
      {"topic_memory_bytes", bytes(topic_memory_bytes),
       "texts of the ended requests remembered for each response topic"},
      {"checked_bytes", bytes(checked_bytes),
       "requests that one response without correlation data is compared with; title case counts 16 "
       "times, text that is not ASCII 8 times, both together 64 times"},
      {"id_bytes", bytes(id_bytes), "largest JSON into which a route looks or writes"},
      {"json_depth", text(json_depth), "depth of JSON that is looked into"},
      {"idle_topics", text(idle_topics),
       "response topics for which only ended requests are remembered"},
      {"turn_answers", text(turn_answers),
       "responses remembered for each response topic on which turns are taken"},
      {"memory_age", text(memory_age), "time for which an ended request is remembered"},
      {"turn_rest", text(turn_rest),
       "time for which a late answer is waited for where turns are taken; --turn-rest may change "
       "it"},
      {"unmatched_notes", text(unmatched_notes),
       "responses without a call that the detail of a failed call describes"},
      {"head_bytes", bytes(head_bytes), "longest head of an HTTP request"},
      {"target_bytes", bytes(target_bytes), "longest target of an HTTP request"},
      {"header_fields", text(header_fields), "header fields of an HTTP request"},
      {"remembered_heads", text(remembered_heads),
       "heads of HTTP requests that are remembered, so that the same need not be parsed again"},
      {"remembered_head_bytes", bytes(remembered_head_bytes), "longest of these"},
      {"chunk_overhead_bytes", bytes(chunk_overhead_bytes),
       "extensions and trailers of a chunked body"},
      {"input_bytes", bytes(input_bytes),
       "requests above 2 KiB that arrive at one time, together; beyond it those that stall are "
       "refused"},
      {"output_bytes", bytes(output_bytes),
       "answers that are not sent yet, together; beyond it connections that do not read are "
       "closed"},
      {"connections", text(connections),
       "open HTTP connections, or the number of file descriptors; beyond it the longest idle one "
       "is closed"},
      {"head_timeout", text(head_timeout), "time for the head of a request to arrive"},
      {"request_timeout", text(request_timeout), "time for a whole request to arrive"},
      {"idle_timeout", text(idle_timeout),
       "time between two requests of a connection; longer than proxies keep one"},
      {"write_timeout", text(write_timeout), "time for a caller to read its answer"},
      {"drain_timeout", text(drain_timeout),
       "time for calls in flight after SIGTERM; a second SIGTERM ends it"},
      {"responders", text(responders),
       "responders that have announced themselves and are remembered"},
      {"birth_bytes", bytes(birth_bytes), "largest announcement of a responder"},
      {"birth_actions", text(birth_actions), "actions in an announcement of a responder"},
      {"group_members", text(group_members),
       "other daemons of a --group; beyond it no calls take turns"},
      {"id_ranges", text(id_ranges), "ranges of the ids of calls, one for each daemon of a group"},
      {"gone_grace", text(gone_grace),
       "shortest time for a responder that lost its connection to come back"},
      {"gone_round_trips", text(gone_round_trips),
       "time for a responder that lost its connection to come back, in round trips to the broker "
       "or times that an answer took, whichever is longer"},
      {"presence_probe", text(presence_probe),
       "time between calls that are published although all responders are gone"},
      {"presence_probes", text(presence_probes),
       "response topics for which the last such call is remembered"},
      {"return_grace", text(return_grace),
       "time for a responder to come back that lost its connection when the daemon lost its own"},
      {"session_lost_grace", text(session_lost_grace),
       "time for a responder to come back after the broker lost all sessions"},
      {"event_listeners", text(event_listeners), "callers that read /events at one time"},
      {"shown_seconds", text(shown_seconds), "seconds that /events tells of at its beginning"},
      {"shown_calls", text(shown_calls),
       "latest calls, and latest dropped responses, that /events tells of"},
      {"shown_text_bytes", text(shown_text_bytes),
       "topic of a dropped response that /events tells; what is longer is cut"},
      {"responder_queue", text(responder_queue),
       "answers of the responder that wait for the broker; beyond it the oldest are dropped"},
      {"responder_queue_bytes", bytes(responder_queue_bytes),
       "answers of the responder that wait for the broker or its acknowledgement, together"},
      {"responder_aside", text(responder_aside),
       "answers of the responder set aside because a connection broke on one like them"},
      {"aside_pause", text(aside_pause),
       "pause before the next answer that was set aside is tried; it doubles with each connection "
       "that breaks"},
      {"aside_pause_cap", text(aside_pause_cap),
       "longest pause before the next answer that was set aside is tried"},
      {"breaks_memory", text(breaks_memory),
       "time for which the responder remembers topics on which connections broke"},
      {"loss_pause", text(loss_pause), "time between two warnings that count lost answers"},
      {"farewell_timeout", text(farewell_timeout),
       "time for answers to go out once the responder is asked to stop"},
      {"serve_jobs", text(serve_jobs),
       "programs of --serve that run at one time; --serve-jobs lowers it"},
      {"serve_waiting", text(serve_waiting), "requests that wait for a program of --serve to run"},
      {"serve_waiting_bytes", bytes(serve_waiting_bytes),
       "requests that wait for a program of --serve to run, together"},
      {"serve_timeout", text(serve_timeout),
       "time for a program of --serve to end; --serve-timeout may change it"},
      {"serve_grace", text(serve_grace),
       "time for a program of --serve to end after SIGTERM, before SIGKILL"},
      {"serve_error_bytes", bytes(serve_error_bytes),
       "end of the stderr of a program of --serve, as the reason for its failure"},
      {"inbound_packet_bytes", bytes(inbound_packet_bytes),
       "largest message from the broker, with its topic; a larger one is dropped"},
      {"property_bytes", bytes(property_bytes),
       "properties of a message from the broker; one with more is dropped"},
      {"user_properties", text(user_properties),
       "user properties of a message from the broker that a route can name; further ones are not "
       "looked at"},
      {"inbox_events", text(inbox_events),
       "events of the MQTT library that wait for the loop; beyond it messages are dropped"},
      {"inbox_bytes", bytes(inbox_bytes),
       "messages that wait for the loop, together; beyond it messages are dropped"},
      {"down_grace", text(down_grace),
       "time that calls wait for a lost connection to the broker before they get 503"},
      {"puback_timeout", text(puback_timeout),
       "time without an acknowledgement after which the connection counts as dead"},
      {"keep_alive", text(keep_alive), "MQTT's Keep Alive"},
      {"connect_timeout", text(connect_timeout), "time for one attempt to connect to the broker"},
      {"broker_timeout", text(broker_timeout), "the same where there is another broker to try"},
      {"brokers", text(brokers), "brokers of --broker"},
      {"library_stall_timeout", text(library_stall_timeout),
       "time in which a thread of the MQTT library must move, or systemd's watchdog is not "
       "notified"},
      {"reconnect_base", text(reconnect_base), "longest first pause between attempts to connect"},
      {"reconnect_cap", text(reconnect_cap), "longest pause between attempts to connect"},
      {"yield_cap", text(yield_cap),
       "longest pause while another client uses our client id; the first one is 5 to 10 s"},
      {"version_pause", text(version_pause),
       "time before MQTT 5 is tried again on a broker that refused it; it doubles each time"},
      {"version_pause_cap", text(version_pause_cap), "longest time before MQTT 5 is tried again"},
      {"repeat_pause", text(repeat_pause),
       "time between two log lines of one text that a peer causes; it doubles while it goes on"},
      {"repeat_pause_cap", text(repeat_pause_cap),
       "longest time between two log lines of one text that a peer causes"},
      {"repeat_memory", text(repeat_memory),
       "time without such a text after which it is logged at once again"},
      {"repeat_texts", text(repeat_texts),
       "texts of this kind that are told apart; further ones count as one"},
  };
}

}  // namespace mqtt_bridge

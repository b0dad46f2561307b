#include "base/limit_table.hpp"

#include <chrono>
#include <cstddef>

#include "base/limits.hpp"

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
      {"netid_bytes", bytes(netid_bytes), "a NetID"},
      {"payload_bytes", bytes(payload_bytes), "a request's text"},
      {"response_bytes", bytes(response_bytes), "a response's text"},
      {"request_id_bytes", bytes(request_id_bytes), "a caller's Request-Id"},
      {"min_timeout", text(min_timeout), "a call's deadline, at least"},
      {"default_timeout", text(default_timeout), "a call's deadline, when nothing is said"},
      {"max_timeout", text(max_timeout), "a call's deadline, at most; --max-timeout may lower it"},
      {"in_flight", text(in_flight),
       "calls that are published and wait for their answer; --max-in-flight may lower it"},
      {"queued", text(queued),
       "calls that wait until they can be published; --max-queued may lower it"},
      {"per_netid", text(per_netid), "of both, those of one NetID; --max-per-netid may lower it"},
      {"exchange_bytes", bytes(exchange_bytes), "the texts of all these together"},
      {"publish_window", text(publish_window),
       "published and not acknowledged; less if the broker says so"},
      {"lost_publishes", text(lost_publishes),
       "connections that break on one unacknowledged request, then its call fails"},
      {"presence_republishes", text(presence_republishes),
       "times that one request is published again as responders come and go"},
      {"suspect_trials", text(suspect_trials),
       "connections that break on a request that is alone on them, then its call fails"},
      {"trial_pause", text(trial_pause),
       "from such a break to the next request that may break one"},
      {"refusal_base", text(refusal_base),
       "for which requests like those of a call that failed so are refused, the first time"},
      {"refusal_cap", text(refusal_cap), "the same, at most; it doubles from time to time"},
      {"offenders", text(offenders), "response topics for which that is remembered"},
      {"lane_queue", text(lane_queue),
       "calls waiting for their turn on one response topic, where turns are taken"},
      {"exclusive_lanes", text(exclusive_lanes), "response topics on which turns are taken"},
      {"lane_memories", text(lane_memories), "ended requests remembered for each response topic"},
      {"lane_memory_bytes", bytes(lane_memory_bytes), "their texts together"},
      {"checked_bytes", bytes(checked_bytes),
       "requests that a response without correlation data is compared with; title case counts 16 "
       "times, text that is not ASCII 8 times, both together 64 times"},
      {"id_bytes", bytes(id_bytes), "the largest response in which an id is looked for"},
      {"resting_lanes", text(resting_lanes), "response topics that hold nothing but such memories"},
      {"lane_answers", text(lane_answers),
       "answers remembered for each response topic on which turns are taken"},
      {"memory_age", text(memory_age), "how long an ended request is remembered"},
      {"turn_rest", text(turn_rest),
       "how long a late answer is waited for where turns are taken; --turn-rest may change it"},
      {"unmatched_notes", text(unmatched_notes),
       "responses that fit no call, of which a caller without an answer is told more"},
      {"head_bytes", bytes(head_bytes), "the head of an HTTP request"},
      {"target_bytes", bytes(target_bytes), "its target"},
      {"header_fields", text(header_fields), "its fields"},
      {"chunk_overhead_bytes", bytes(chunk_overhead_bytes),
       "extensions and trailers of a chunked body"},
      {"input_bytes", bytes(input_bytes),
       "requests above 2 KiB that are on their way in, together; above it those that do not arrive "
       "are refused"},
      {"output_bytes", bytes(output_bytes),
       "answers that are not sent, together; above it connections that do not read theirs are cut"},
      {"connections", text(connections),
       "open HTTP connections, or as many as there are descriptors; with more, the longest idle "
       "one makes room"},
      {"head_timeout", text(head_timeout), "for a request's head to arrive"},
      {"request_timeout", text(request_timeout), "for all of a request to arrive"},
      {"idle_timeout", text(idle_timeout),
       "between two requests of a connection; longer than proxies keep one"},
      {"write_timeout", text(write_timeout), "for an answer that the caller does not read"},
      {"drain_timeout", text(drain_timeout),
       "for calls in flight after SIGTERM; a second one ends it now"},
      {"responders", text(responders),
       "responders that have announced themselves, and are remembered"},
      {"birth_bytes", bytes(birth_bytes), "what a responder announces"},
      {"birth_actions", text(birth_actions), "the actions in it"},
      {"gone_grace", text(gone_grace),
       "for a responder that lost its connection to come back, at least"},
      {"gone_round_trips", text(gone_round_trips),
       "the same, in round trips to the broker or times that an answer took, whichever is longer"},
      {"presence_probe", text(presence_probe),
       "between calls that are published although all responders are gone"},
      {"presence_probes", text(presence_probes), "response topics for which that is remembered"},
      {"return_grace", text(return_grace),
       "for a responder that lost its connection together with us to come back"},
      {"presence_patience", text(presence_patience),
       "for a responder to come back after the broker forgot everything"},
      {"responder_queue", text(responder_queue),
       "answers of the responder that wait for the broker; with more, the oldest are dropped"},
      {"responder_queue_bytes", bytes(responder_queue_bytes),
       "answers of the responder that wait for the broker, unacknowledged ones included, together"},
      {"responder_aside", text(responder_aside),
       "answers put aside because a connection broke on one like them"},
      {"aside_pause", text(aside_pause),
       "the pause before the next answer that was put aside is tried; it doubles with each "
       "connection that breaks"},
      {"aside_pause_cap", text(aside_pause_cap), "the longest such pause"},
      {"breaks_memory", text(breaks_memory),
       "how long the responder remembers the topics on which connections broke"},
      {"loss_pause", text(loss_pause), "between two warnings that say how many answers were lost"},
      {"farewell_timeout", text(farewell_timeout),
       "for them to go out once the responder is asked to stop"},
      {"inbound_packet_bytes", bytes(inbound_packet_bytes),
       "a message from the broker, with its topic; a larger one is dropped"},
      {"inbox_events", text(inbox_events),
       "what the MQTT library heard and the loop has not looked at; more messages are dropped"},
      {"inbox_bytes", bytes(inbox_bytes), "the messages among these; more are dropped"},
      {"down_grace", text(down_grace),
       "how long calls wait for a lost connection before they get 503 at once"},
      {"puback_timeout", text(puback_timeout),
       "without an acknowledgement, then the connection is taken for dead"},
      {"keep_alive", text(keep_alive), "MQTT's Keep Alive"},
      {"connect_timeout", text(connect_timeout), "one attempt to connect to the broker"},
      {"thread_patience", text(thread_patience),
       "in which a thread of the MQTT library must move, or systemd's watchdog is told no more"},
      {"reconnect_base", text(reconnect_base), "the first pause between attempts, at most"},
      {"reconnect_cap", text(reconnect_cap), "the longest pause between attempts"},
      {"yield_cap", text(yield_cap),
       "the longest pause while another client uses our client id; the first has 5 to 10 s"},
      {"version_pause", text(version_pause),
       "before MQTT 5 is tried again on a broker that refused it; it doubles each time"},
      {"version_pause_cap", text(version_pause_cap), "the longest such pause"},
      {"repeat_pause", text(repeat_pause),
       "between two log lines of one text that a peer causes; doubles while it goes on"},
      {"repeat_pause_cap", text(repeat_pause_cap), "the longest such pause"},
      {"repeat_memory", text(repeat_memory),
       "without such a text, then it is logged at once again"},
      {"repeat_texts", text(repeat_texts), "such texts told apart; any more count as one"},
  };
}

}  // namespace mqtt_bridge

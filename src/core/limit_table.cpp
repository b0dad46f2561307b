#include "core/limit_table.hpp"

#include <chrono>
#include <cstddef>

#include "core/limits.hpp"

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
      {"lane_queue", text(lane_queue),
       "calls waiting for their turn on one response topic, where turns are taken"},
      {"exclusive_lanes", text(exclusive_lanes), "response topics on which turns are taken"},
      {"lane_memories", text(lane_memories), "ended requests remembered for each response topic"},
      {"lane_memory_bytes", bytes(lane_memory_bytes), "their texts together"},
      {"alike_bytes", bytes(alike_bytes),
       "requests, the same but for case or order, that one response is checked against"},
      {"resting_lanes", text(resting_lanes), "response topics that hold nothing but such memories"},
      {"lane_answers", text(lane_answers),
       "answers remembered for each response topic on which turns are taken"},
      {"memory_age", text(memory_age), "how long an ended request is remembered"},
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
      {"gone_grace", text(gone_grace), "for a responder that lost its connection to come back"},
      {"return_grace", text(return_grace), "the same, after the broker was gone"},
      {"presence_patience", text(presence_patience),
       "the same, after the broker forgot everything"},
      {"responder_queue", text(responder_queue),
       "answers of the responder that wait for the broker"},
      {"farewell_timeout", text(farewell_timeout),
       "for them to go out once the responder is asked to stop"},
      {"inbox_events", text(inbox_events),
       "what the MQTT library heard and the loop has not looked at; more messages are dropped"},
      {"down_grace", text(down_grace),
       "how long calls wait for a lost connection before they get 503 at once"},
      {"puback_timeout", text(puback_timeout),
       "without an acknowledgement, then the connection is taken for dead"},
      {"keep_alive", text(keep_alive), "MQTT's Keep Alive"},
      {"connect_timeout", text(connect_timeout), "one attempt to connect to the broker"},
      {"thread_patience", text(thread_patience),
       "in which a thread of the MQTT library must move, or systemd's watchdog is told no more"},
      {"reconnect_base", text(reconnect_base), "the first pause between attempts, at most"},
      {"reconnect_cap", text(reconnect_cap), "the longest"},
  };
}

}  // namespace mqtt_bridge

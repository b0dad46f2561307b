// What the bridge tells of itself: the log line and the metrics of each request, /status, /metrics.
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "daemon/io/bridge.hpp"
#include "http/trace_context.hpp"
#include "os/io/log.hpp"

namespace mqtt_bridge {

/// A request that is no call, or one that was not admitted.
void Bridge::record(const HttpRequest& request, const HttpApi::Reply& reply, Was was) {
  if (!reply.problem)
    return;
  const std::string_view slug = describe(*reply.problem).slug;
  if (was == Was::call && Metrics::is_outcome(*reply.problem)) {
    metrics_.call_ended(reply.route, reply.action, slug);
  } else {
    metrics_.refused(*reply.problem);
  }
  if (reply.was_to_call) {
    activity_.ended({.request_id = request.request_id,
                     .netid = reply.netid,
                     .action = reply.action,
                     .route = reply.route,
                     .outcome = slug,
                     .matched_by = {},
                     .took = std::nullopt},
                    Clock::now());
  }
  log_request({.request_id = request.request_id,
               .outcome = slug,
               .status = reply.response.status,
               .netid = reply.netid,
               .action = reply.action,
               .route = reply.route,
               .from = request.from,
               .trace_id = reply.traceparent.empty() ? "" : trace_id(reply.traceparent),
               .took = Clock::now() - request.arrived});
}

/// The same of a line of a batch.
void Bridge::record_refused(const Batches::Line& line, const BatchCall& call,
                            const Failure& failure) {
  const Caller caller = caller_of(line.request(), call);
  const std::string_view slug = describe(failure.problem).slug;
  if (Metrics::is_outcome(failure.problem))
    metrics_.call_ended(caller.route, caller.action, slug);
  else
    metrics_.refused(failure.problem);
  activity_.ended({.request_id = line.request_id(),
                   .netid = caller.netid,
                   .action = caller.action,
                   .route = caller.route,
                   .outcome = slug,
                   .matched_by = {},
                   .took = std::nullopt},
                  Clock::now());
  log_request({.request_id = line.request_id(),
               .outcome = slug,
               .status = failure.status.value_or(describe(failure.problem).status),
               .netid = caller.netid,
               .action = caller.action,
               .route = caller.route,
               .from = caller.request->from});
}

/// What a call of its own would have been sent.
Bridge::Sent Bridge::sent_in_line(const Ended& ended) {
  constexpr int ok = 200;
  if (const auto* const answer = std::get_if<Answer>(&ended.outcome))
    return {std::nullopt, ok, answer->payload.size()};
  const auto& failure = std::get<Failure>(ended.outcome);
  const int status = failure.status.value_or(describe(failure.problem).status);
  return {failure.problem, status, failure.detail.size()};
}

/// What became of a call, by what was sent.
void Bridge::record(const Caller& caller, const Ended& ended, const Sent& sent) {
  const std::string_view outcome = sent.problem ? describe(*sent.problem).slug : "ok";
  const auto* const answer = sent.problem ? nullptr : std::get_if<Answer>(&ended.outcome);
  metrics_.call_ended(caller.route, caller.action, outcome);
  metrics_.call_took(ended);
  if (answer != nullptr)
    metrics_.answered(answer->matched_by);
  activity_.ended(
      {.request_id = caller.request_id(),
       .netid = caller.netid,
       .action = caller.action,
       .route = caller.route,
       .outcome = outcome,
       .matched_by = answer != nullptr ? to_string(answer->matched_by) : std::string_view(),
       .took = ended.ended - ended.arrived},
      ended.ended);
  log_request({.request_id = caller.request_id(),
               .outcome = outcome,
               .status = sent.status,
               .netid = caller.netid,
               .action = caller.action,
               .route = caller.route,
               .matched_by = answer != nullptr ? to_string(answer->matched_by) : "",
               .from = caller.from(),
               .trace_id = caller.trace_id,
               .bytes_in = caller.bytes,
               .bytes_out = sent.bytes,
               .took = ended.ended - ended.arrived});
}

BridgeStatus Bridge::status() const {
  return {.clock = {Clock::now(), std::chrono::system_clock::now()},
          .started = started_,
          .config_file = config_file_,
          .last_reload = last_reload_,
          .linked_since = linked_since_,
          .last_loss = last_loss_,
          .responders = exchanges_.presence().known(),
          .why_not_ready = why_not_ready(),
          .warning = link_.clash_suspected(Clock::now()),
          .group = group_status(),
          .broker = to_string(link_.broker()),
          .mqtt_version = link_.is_up() ? std::string(to_string(link_.version())) : "",
          .times_linked = metrics_.times_linked(),
          .in_flight = exchanges_.in_flight(),
          .queued = exchanges_.queued(),
          .connections = server_.connections(),
          .later = {.waiting = later_.calls().waiting(),
                    .kept = later_.calls().kept(),
                    .kept_bytes = later_.calls().kept_bytes(),
                    .state = later_.state()},
          .dropped = exchanges_.dropped(),
          .lost = link_.lost()};
}

std::string Bridge::metrics() {
  return metrics_.exposition({.linked = link_.is_up(),
                              .in_flight = exchanges_.in_flight(),
                              .queued = exchanges_.queued(),
                              .connections = server_.connections(),
                              .output_bytes = server_.output_bytes(),
                              .responders = exchanges_.presence().count_here(),
                              .later_waiting = later_.calls().waiting(),
                              .later_kept = later_.calls().kept(),
                              .later_kept_bytes = later_.calls().kept_bytes(),
                              .unread_timed_out = server_.unread().timed_out,
                              .unread_made_room = server_.unread().made_room,
                              .dropped = exchanges_.dropped(),
                              .lost = link_.lost(),
                              .missing_workarounds = link_.missing_workarounds(),
                              .most_in_flight = exchanges_.bounds().in_flight,
                              .most_queued = exchanges_.bounds().queued,
                              .most_connections = server_.most_connections(),
                              .most_later_waiting = later_.calls().bounds().waiting,
                              .most_later_kept = later_.calls().bounds().kept,
                              .most_later_kept_bytes = later_.calls().bounds().kept_bytes});
}

}  // namespace mqtt_bridge

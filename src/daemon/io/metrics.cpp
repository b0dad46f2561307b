#include "daemon/io/metrics.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "base/limits/http.hpp"
#include "os/io/process_metrics.hpp"

namespace mqtt_bridge {
namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

const Histogram::BucketBoundaries seconds{0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005,
                                          0.01,   0.02,   0.05,   0.1,   0.2,   0.5,
                                          1,      2,      5,      10,    20,    60};

// The ways in which a call can fail, once it is one.
constexpr std::array outcomes{
    Problem::unmatched_response, Problem::bad_response,   Problem::broker_refused,
    Problem::broker_unavailable, Problem::no_responder,   Problem::turn_pending,
    Problem::turns_elsewhere,    Problem::overloaded,     Problem::shutting_down,
    Problem::response_timeout,   Problem::responder_error};

// A route, or an action, has a row for each way in which its calls ended; the last ones share one.
constexpr std::size_t labelled_names = 256;

Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

double in_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

/// To a total that is counted elsewhere.
void set_to(Counter& counter, std::uint64_t total) {
  counter.Increment(static_cast<double>(total) - counter.Value());
}

/// One counter for each value of one label, from its first event on.
class LabelledCounters {
 public:
  LabelledCounters(prometheus::Registry& registry, const char* name, const char* help,
                   const char* label)
      : family_(prometheus::BuildCounter().Name(name).Help(help).Register(registry)),
        label_(label) {}

  Counter& operator[](std::string_view value) {
    const auto found = counters_.find(value);
    if (found != counters_.end())
      return *found->second;
    std::string text(value);
    Counter& counter = family_.Add({{label_, text}});
    counters_.emplace(std::move(text), &counter);
    return counter;
  }

 private:
  prometheus::Family<Counter>& family_;
  const char* label_;
  std::map<std::string, Counter*, std::less<>> counters_;
};

/// One counter for each name, of a route or an action, and outcome that came together.
class NamedCounters {
 public:
  NamedCounters(prometheus::Registry& registry, const char* name, const char* help,
                const char* label)
      : family_(prometheus::BuildCounter().Name(name).Help(help).Register(registry)),
        label_(label) {}

  Counter& operator()(std::string_view name, std::string_view outcome) {
    auto of_name = counters_.find(name);
    if (of_name == counters_.end()) {
      const bool has_room = counters_.size() < labelled_names;
      of_name = counters_.try_emplace(std::string(has_room ? name : "other")).first;
    }
    auto& counters = of_name->second;
    const auto found = counters.find(outcome);
    if (found != counters.end())
      return *found->second;
    Counter& counter = family_.Add({{label_, of_name->first}, {"outcome", std::string(outcome)}});
    counters.emplace(outcome, &counter);
    return counter;
  }

 private:
  using Counters = std::map<std::string, Counter*, std::less<>>;
  prometheus::Family<Counter>& family_;
  const char* label_;
  std::map<std::string, Counters, std::less<>> counters_;  // by name and outcome
};

/// What others count; a row without events is left out.
void set_where_any(LabelledCounters& counters, std::string_view label, std::uint64_t total) {
  if (total > 0)
    set_to(counters[label], total);
}

/// The library's order is that of hashes, and differs from run to run.
void sort(std::vector<prometheus::MetricFamily>& families) {
  std::sort(families.begin(), families.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  for (auto& family : families)
    std::sort(family.metric.begin(), family.metric.end(),
              [](const auto& a, const auto& b) { return a.label < b.label; });
}

}  // namespace

class Metrics::Families {
 public:
  Families() {
    prometheus::BuildGauge()
        .Name("mqtt_bridge_build_info")
        .Help("The version, as a label; always 1")
        .Register(registry)
        .Add({{"version", MQTT_BRIDGE_VERSION}})
        .Set(1);
    // From the start, so that the first event is an increase.
    calls["ok"];
    for (const Problem problem : outcomes)
      calls[describe(problem).slug];
    reload_taken.Set(1);
  }

  prometheus::Registry registry;
  LabelledCounters calls{registry, "mqtt_bridge_calls_total",
                         "Calls, by outcome: ok, or the slug of their problem", "outcome"};
  NamedCounters routes{registry, "mqtt_bridge_route_calls_total",
                       "Calls of configured routes, by route, of which those beyond the first 256 "
                       "are \"other\", and by outcome",
                       "route"};
  NamedCounters actions{registry, "mqtt_bridge_action_calls_total",
                        "Calls of /transform, by action, and by outcome", "action"};
  LabelledCounters refused{
      registry, "mqtt_bridge_refused_requests_total",
      "HTTP requests that were refused before they were a call, by the slug of "
      "their problem",
      "problem"};
  LabelledCounters matched{registry, "mqtt_bridge_answers_total",
                           "Answers, by the rule that found their call", "matched_by"};
  LabelledCounters callbacks{registry, "mqtt_bridge_callbacks_total",
                             "Answers that were sent to a callback, by result: taken, or given-up "
                             "after all attempts",
                             "result"};
  LabelledCounters dropped{registry, "mqtt_bridge_dropped_responses_total",
                           "Responses that answered no call, by reason", "reason"};
  Histogram& duration =
      prometheus::BuildHistogram()
          .Name("mqtt_bridge_call_duration_seconds")
          .Help(
              "From the first byte of the HTTP request to its answer, of calls that were admitted")
          .Register(registry)
          .Add({}, seconds);
  prometheus::Family<Histogram>& phases =
      prometheus::BuildHistogram()
          .Name("mqtt_bridge_call_phase_duration_seconds")
          .Help(
              "How long the phases of a call took, as Server-Timing has them: queue (until it is "
              "published), puback (until the broker acknowledges it), response (from publishing "
              "to the answer)")
          .Register(registry);
  Histogram& queue = phases.Add({{"phase", "queue"}}, seconds);
  Histogram& puback = phases.Add({{"phase", "puback"}}, seconds);
  Histogram& response = phases.Add({{"phase", "response"}}, seconds);
  Counter& linked = prometheus::BuildCounter()
                        .Name("mqtt_bridge_broker_connections_total")
                        .Help("How often the connection to the broker came up; the first included")
                        .Register(registry)
                        .Add({});
  Gauge& is_linked = gauge(registry, "mqtt_bridge_broker_connected",
                           "Whether there is a connection to the broker, with its subscriptions");
  Gauge& missing_workarounds =
      gauge(registry, "mqtt_bridge_missing_workarounds",
            "Workarounds for faults of the MQTT library that were not in effect on the last "
            "connection to the broker (TCP_NODELAY and others; the log names them); 0 is right");
  Gauge& in_flight = gauge(registry, "mqtt_bridge_calls_in_flight",
                           "Calls that were published and wait for their answer");
  Gauge& queued =
      gauge(registry, "mqtt_bridge_calls_queued", "Calls that wait until they can be published");
  Gauge& connections = gauge(registry, "mqtt_bridge_http_connections", "Open HTTP connections");
  Gauge& output_bytes = gauge(registry, "mqtt_bridge_http_output_bytes",
                              "Bytes of HTTP answers that are not sent yet");
  Gauge& responders = gauge(registry, "mqtt_bridge_responders",
                            "Responders that have announced themselves and are there");
  Gauge& later_waiting =
      gauge(registry, "mqtt_bridge_later_calls",
            "Calls that are answered later or have an Idempotency-Key, and wait for their answer");
  Gauge& later_kept = gauge(registry, "mqtt_bridge_kept_answers",
                            "Answers of such calls that are kept for those who ask");
  Gauge& later_kept_bytes =
      gauge(registry, "mqtt_bridge_kept_answers_bytes", "Bytes of the answers that are kept");
  Gauge& most_later_waiting = gauge(registry, "mqtt_bridge_later_calls_limit",
                                    "How many such calls may wait for their answer");
  Gauge& most_later_kept = gauge(registry, "mqtt_bridge_kept_answers_limit",
                                 "How many answers of such calls may be kept");
  Gauge& most_later_kept_bytes = gauge(registry, "mqtt_bridge_kept_answers_bytes_limit",
                                       "How many bytes of answers may be kept");
  Gauge& most_in_flight = gauge(registry, "mqtt_bridge_calls_in_flight_limit",
                                "How many calls may be in flight; see --max-in-flight");
  Gauge& most_queued = gauge(registry, "mqtt_bridge_calls_queued_limit",
                             "How many calls may be queued; see --max-queued");
  Gauge& most_connections = gauge(registry, "mqtt_bridge_http_connections_limit",
                                  "How many HTTP connections there may be");
  Gauge& most_output_bytes = gauge(registry, "mqtt_bridge_http_output_bytes_limit",
                                   "How many bytes of HTTP answers may be unsent");
  Gauge& reload_taken = gauge(registry, "mqtt_bridge_config_last_reload_successful",
                              "Whether the configuration was taken when it was last read");
  Gauge& reload_time = gauge(registry, "mqtt_bridge_config_last_reload_success_timestamp_seconds",
                             "When the configuration was last read and taken");
  LabelledCounters unread{
      registry, "mqtt_bridge_http_unread_answers_total",
      "Connections that were cut because their caller did not read an answer: in "
      "time (timeout), or while there was no room for more (room)",
      "reason"};
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {}
Metrics::~Metrics() = default;

bool Metrics::is_outcome(Problem problem) {
  return std::find(outcomes.begin(), outcomes.end(), problem) != outcomes.end();
}

void Metrics::call_ended(std::string_view route, std::string_view action,
                         std::string_view outcome) {
  families_->calls[outcome].Increment();
  if (route.empty())
    families_->actions(action, outcome).Increment();
  else
    families_->routes(route, outcome).Increment();
}

void Metrics::call_took(const Ended& ended) {
  families_->duration.Observe(in_seconds(ended.ended - ended.arrived));
  if (!ended.published)
    return;
  families_->queue.Observe(in_seconds(*ended.published - ended.arrived));
  if (ended.acknowledged)
    families_->puback.Observe(in_seconds(*ended.acknowledged - *ended.published_last));
  families_->response.Observe(in_seconds(ended.ended - *ended.published));
}

void Metrics::reloaded(bool is_taken, double at) {
  families_->reload_taken.Set(is_taken ? 1 : 0);
  if (is_taken)
    families_->reload_time.Set(at);
}

void Metrics::answered(MatchedBy rule) {
  families_->matched[to_string(rule)].Increment();
}

void Metrics::refused(Problem problem) {
  families_->refused[describe(problem).slug].Increment();
}

void Metrics::called_back(bool is_taken) {
  families_->callbacks[is_taken ? "taken" : "given-up"].Increment();
}

void Metrics::linked() {
  families_->linked.Increment();
}

std::uint64_t Metrics::times_linked() const {
  return static_cast<std::uint64_t>(families_->linked.Value());
}

std::string Metrics::exposition(const Snapshot& now) {
  families_->is_linked.Set(now.linked ? 1 : 0);
  families_->missing_workarounds.Set(static_cast<double>(now.missing_workarounds));
  families_->in_flight.Set(static_cast<double>(now.in_flight));
  families_->queued.Set(static_cast<double>(now.queued));
  families_->connections.Set(static_cast<double>(now.connections));
  families_->output_bytes.Set(static_cast<double>(now.output_bytes));
  families_->responders.Set(static_cast<double>(now.responders));
  families_->later_waiting.Set(static_cast<double>(now.later_waiting));
  families_->later_kept.Set(static_cast<double>(now.later_kept));
  families_->later_kept_bytes.Set(static_cast<double>(now.later_kept_bytes));
  families_->most_later_waiting.Set(static_cast<double>(now.most_later_waiting));
  families_->most_later_kept.Set(static_cast<double>(now.most_later_kept));
  families_->most_later_kept_bytes.Set(static_cast<double>(now.most_later_kept_bytes));
  families_->most_in_flight.Set(static_cast<double>(now.most_in_flight));
  families_->most_queued.Set(static_cast<double>(now.most_queued));
  families_->most_connections.Set(static_cast<double>(now.most_connections));
  families_->most_output_bytes.Set(static_cast<double>(limits::output_bytes));
  set_where_any(families_->unread, "timeout", now.unread_timed_out);
  set_where_any(families_->unread, "room", now.unread_made_room);
  for (std::size_t i = 0; i < now.dropped.size(); ++i)
    set_where_any(families_->dropped, to_string(static_cast<Dropped>(i)), now.dropped[i]);
  set_where_any(families_->dropped, "too-large", now.lost.too_large);
  set_where_any(families_->dropped, "inbox-full", now.lost.inbox_full);
  auto all = families_->registry.Collect();
  std::erase_if(all, [](const auto& family) { return family.metric.empty(); });
  sort(all);
  return prometheus::TextSerializer().Serialize(all) + process_metrics();
}

}  // namespace mqtt_bridge

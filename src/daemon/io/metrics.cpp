#include "daemon/io/metrics.hpp"

#include <chrono>
#include <map>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace mqtt_bridge {
namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

const Histogram::BucketBoundaries seconds{0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005,
                                          0.01,   0.02,   0.05,   0.1,   0.2,   0.5,
                                          1,      2,      5,      10,    20,    60};

constexpr std::array all_rules{MatchedBy::correlation,    MatchedBy::content,
                               MatchedBy::folded_content, MatchedBy::exclusive_lane,
                               MatchedBy::topic,          MatchedBy::id,
                               MatchedBy::acknowledgement};

// A route has a label value for each way in which its calls ended; the last routes share one.
constexpr std::size_t labelled_routes = 256;

Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

/// To a total that is counted elsewhere.
void set_to(Counter& counter, std::uint64_t total) {
  counter.Increment(static_cast<double>(total) - counter.Value());
}

/// One counter for each value of one label, all of them there from the start, so that the first
/// event is an increase.
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

/// One counter for each route and outcome that came together.
class RouteCounters {
 public:
  explicit RouteCounters(prometheus::Registry& registry)
      : family_(prometheus::BuildCounter()
                    .Name("mqtt_bridge_route_calls_total")
                    .Help("Calls of configured routes, by route, of which those beyond the first "
                          "256 are \"other\", and by "
                          "outcome: ok, or the slug of their problem")
                    .Register(registry)) {}

  Counter& operator()(std::string_view route, std::string_view outcome) {
    auto of_route = counters_.find(route);
    if (of_route == counters_.end()) {
      const bool has_room = counters_.size() < labelled_routes;
      of_route = counters_.try_emplace(std::string(has_room ? route : "other")).first;
    }
    auto& counters = of_route->second;
    const auto found = counters.find(outcome);
    if (found != counters.end())
      return *found->second;
    Counter& counter = family_.Add({{"route", of_route->first}, {"outcome", std::string(outcome)}});
    counters.emplace(outcome, &counter);
    return counter;
  }

 private:
  using Counters = std::map<std::string, Counter*, std::less<>>;
  prometheus::Family<Counter>& family_;
  std::map<std::string, Counters, std::less<>> counters_;  // by route and outcome
};

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
    calls["ok"];
    for (const ProblemKind& kind : all_problems()) {
      calls[kind.slug];
      refused[kind.slug];
    }
    for (const MatchedBy rule : all_rules)
      matched[to_string(rule)];
  }

  prometheus::Registry registry;
  LabelledCounters calls{registry, "mqtt_bridge_calls_total",
                         "Requests for an action, by outcome: ok, or the slug of their problem",
                         "outcome"};
  RouteCounters routes{registry};
  LabelledCounters refused{registry, "mqtt_bridge_refused_requests_total",
                           "Other HTTP requests that were refused, by the slug of their problem",
                           "problem"};
  LabelledCounters matched{registry, "mqtt_bridge_answers_total",
                           "Answers, by the rule that found their call", "matched_by"};
  LabelledCounters dropped{registry, "mqtt_bridge_dropped_responses_total",
                           "Responses that answered no call, by reason", "reason"};
  Histogram& duration =
      prometheus::BuildHistogram()
          .Name("mqtt_bridge_call_duration_seconds")
          .Help(
              "From the first byte of the HTTP request to its answer, of calls that were admitted")
          .Register(registry)
          .Add({}, seconds);
  Counter& linked = prometheus::BuildCounter()
                        .Name("mqtt_bridge_links_total")
                        .Help("How often the connection to the broker came up; the first included")
                        .Register(registry)
                        .Add({});
  Gauge& is_linked = gauge(registry, "mqtt_bridge_linked",
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
  LabelledCounters unread{
      registry, "mqtt_bridge_http_unread_answers_total",
      "Connections that were cut because their caller did not read an answer: in "
      "time (timeout), or while there was no room for more (room)",
      "reason"};
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {}
Metrics::~Metrics() = default;

void Metrics::call_ended(std::string_view route, std::string_view outcome,
                         std::optional<Duration> took) {
  families_->calls[outcome].Increment();
  if (!route.empty())
    families_->routes(route, outcome).Increment();
  if (took)
    families_->duration.Observe(std::chrono::duration<double>(*took).count());
}

void Metrics::answered(MatchedBy rule) {
  families_->matched[to_string(rule)].Increment();
}

void Metrics::refused(Problem problem) {
  families_->refused[describe(problem).slug].Increment();
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
  set_to(families_->unread["timeout"], now.unread_timed_out);
  set_to(families_->unread["room"], now.unread_made_room);
  for (std::size_t i = 0; i < now.dropped.size(); ++i)
    set_to(families_->dropped[to_string(static_cast<Dropped>(i))], now.dropped[i]);
  set_to(families_->dropped["too-large"], now.lost.too_large);
  set_to(families_->dropped["inbox-full"], now.lost.inbox_full);
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

}  // namespace mqtt_bridge

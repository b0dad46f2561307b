#include "daemon/io/bridge.hpp"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/limits/http.hpp"
#include "exchange/driver.hpp"
#include "exchange/topic.hpp"
#include "exchange/transform_request.hpp"
#include "http/trace_context.hpp"
#include "os/io/log.hpp"
#include "os/io/random.hpp"
#include "os/io/systemd.hpp"

namespace mqtt_bridge {
namespace {

// Printable: some services cut Correlation Data at a NUL, and others want 16 bytes.
constexpr std::size_t correlation_bytes = 16;
// The ids of calls are as some services read them: Java's int, in decimal digits.
constexpr std::uint32_t most_call_id = 0x7FFFFFFF;
constexpr auto drain_margin = std::chrono::seconds(2);  // beyond what the way down takes at most

/// The response topics of every NetID that is served.
TopicFilters filters_of(const HttpApiOptions& api) {
  std::vector<std::string> netids = {"+"};
  if (!api.netids.contains("*")) {
    netids = {api.netid};
    netids.insert(netids.end(), api.netids.begin(), api.netids.end());
  }
  std::vector<std::string> rests;
  for (const Action action : all_actions)
    rests.push_back(response_topic("", to_string(action)));
  for (const auto& action : api.actions)
    rests.push_back(response_topic("", action));
  return TopicFilters::combined(std::move(netids), std::move(rests));
}

MqttLinkOptions link_options_of(BridgeOptions& options) {
  options.link.filters = filters_of(options.api);
  options.link.optional_filters = {status_topic("+")};
  // A reconnect must find what came meanwhile for the longest-waiting call.
  options.link.session_expiry =
      std::chrono::ceil<std::chrono::seconds>(options.api.max_timeout) + std::chrono::seconds(5);
  return options.link;
}

}  // namespace

Bridge::Bridge(asio::io_context& loop, BridgeOptions options)
    : loop_(loop),
      started_(Clock::now()),
      client_id_(options.link.client_id),
      api_(options.api, *this),
      mark_(options.state_dir, options.bounds.turn_rest, started_),
      exchanges_(started_, options.bounds, mark_.earlier()),
      deadline_timer_(loop),
      drain_timer_(loop),
      link_(loop, link_options_of(options), *this),
      server_(loop, *this, options.most_connections),
      last_call_id_(random_below(most_call_id)) {}

void Bridge::reload(BridgeOptions options) {
  link_.reconfigure(link_options_of(options));
  exchanges_.set_bounds(options.bounds);
  api_.set_options(std::move(options.api));
  act();
}

// The HTTP server -----------------------------------------------------------------------------

std::optional<Forbidden> Bridge::why_forbidden(const mqtt_bridge::Caller& caller) {
  return mqtt_bridge::why_forbidden(caller, api_.options().allow_list);
}

void Bridge::on_request(std::shared_ptr<HttpRequest> request) {
  auto decision = api_.begin(*request);
  if (auto* reply = std::get_if<HttpApi::Reply>(&decision)) {
    record(*request, *reply);
    return request->answer(std::move(reply->response));
  }
  if (auto* const call = std::get_if<Call>(&decision)) {
    call->correlation = random_text(correlation_bytes);
    Caller caller{.request = request, .netid = call->netid, .action = call->action};
    return begin(std::move(caller), transform_request(std::move(*call)));
  }
  RouteCall& call = std::get<RouteCall>(decision);
  Caller caller{.request = request, .route = call.route->path};
  auto made = request_for(std::move(call));
  if (const auto* const failure = std::get_if<Failure>(&made))
    return refuse(caller, *failure);
  begin(std::move(caller), std::get<MqttRequest>(std::move(made)));
}

std::variant<MqttRequest, Failure> Bridge::request_for(RouteCall call) {
  last_call_id_ = last_call_id_ < most_call_id ? last_call_id_ + 1 : 1;
  call.id = std::to_string(last_call_id_);
  call.correlation = random_text(correlation_bytes);
  call.client = client_id_;
  return mqtt_request(std::move(call));
}

void Bridge::refuse(const Caller& caller, const Failure& failure) {
  auto reply = api_.finish(*caller.request, failure);
  record(*caller.request, reply);
  caller.request->answer(std::move(reply.response));
}

void Bridge::begin(Caller caller, MqttRequest mqtt) {
  const auto request = caller.request;
  if (!link_.is_up())
    link_.hurry();
  if (!mqtt.traceparent.empty())
    caller.trace_id = trace_id(mqtt.traceparent);
  const auto admitted = exchanges_.begin(std::move(mqtt));
  if (const auto* failure = std::get_if<Failure>(&admitted))
    return refuse(caller, *failure);
  const ExchangeId exchange = std::get<ExchangeId>(admitted);
  callers_.emplace(exchange, std::move(caller));
  act();
  if (exchanges_.is_queued(exchange)) {
    request->when_gone([this, exchange] {
      exchanges_.withdraw(exchange, Clock::now());
      act();
    });
  }
}

std::optional<HttpResponse> Bridge::refuse_early(HttpRequest& request) {
  auto reply = api_.refuse_early(request);
  if (!reply)
    return std::nullopt;
  record(request, *reply);
  return std::move(reply->response);
}

HttpResponse Bridge::refuse(HttpRequest& request, const Failure& failure) {
  auto reply = api_.refuse(request, failure);
  record(request, reply);
  return std::move(reply.response);
}

/// A request that never became a call.
void Bridge::record(const HttpRequest& request, const HttpApi::Reply& reply) {
  if (!reply.problem)
    return;
  const std::string_view slug = describe(*reply.problem).slug;
  if (reply.was_to_call) {
    metrics_.call_ended(reply.route, slug, std::nullopt);
  } else {
    metrics_.refused(*reply.problem);
  }
  RequestRecord record{.request_id = request.request_id,
                       .outcome = slug,
                       .from = request.from,
                       .took = Clock::now() - request.arrived};
  if (!reply.netid.empty())
    record.netid = reply.netid;
  if (!reply.action.empty())
    record.action = reply.action;
  record.route = reply.route;
  if (!reply.traceparent.empty())
    record.trace_id = trace_id(reply.traceparent);
  log_request(record);
}

/// What became of a call, by what was sent.
void Bridge::record(const Caller& caller, const Ended& ended, const HttpApi::Reply& reply) {
  const std::string_view outcome = reply.problem ? describe(*reply.problem).slug : "ok";
  const auto* const answer = reply.problem ? nullptr : std::get_if<Answer>(&ended.outcome);
  const Duration took = ended.ended - ended.arrived;
  metrics_.call_ended(caller.route, outcome, took);
  if (answer != nullptr)
    metrics_.answered(answer->matched_by);
  log_request({.request_id = caller.request->request_id,
               .netid = caller.netid,
               .action = caller.action,
               .route = caller.route,
               .outcome = outcome,
               .matched_by = answer != nullptr ? to_string(answer->matched_by) : "-",
               .from = caller.request->from,
               .trace_id = caller.trace_id,
               .took = took});
}

BridgeStatus Bridge::status() const {
  return {.why_not_ready = why_not_ready(),
          .warning = link_.clash_suspected(Clock::now()),
          .mqtt_version = link_.is_up() ? std::string(to_string(link_.version())) : "",
          .times_linked = metrics_.times_linked(),
          .uptime = Clock::now() - started_,
          .in_flight = exchanges_.in_flight(),
          .queued = exchanges_.queued(),
          .connections = server_.connections(),
          .dropped = exchanges_.dropped(),
          .lost = link_.lost()};
}

std::string Bridge::metrics() {
  return metrics_.exposition({.linked = link_.is_up(),
                              .in_flight = exchanges_.in_flight(),
                              .queued = exchanges_.queued(),
                              .connections = server_.connections(),
                              .output_bytes = server_.output_bytes(),
                              .unread_timed_out = server_.unread().timed_out,
                              .unread_made_room = server_.unread().made_room,
                              .dropped = exchanges_.dropped(),
                              .lost = link_.lost(),
                              .missing_workarounds = link_.missing_workarounds()});
}

// The link ------------------------------------------------------------------------------------

void Bridge::on_subscriptions_refused(const std::set<std::string>& filters) {
  exchanges_.subscriptions_refused(filters, Clock::now());
  if (link_.is_up())
    tell_systemd();
}

void Bridge::on_subscribed(const std::string& filter, bool is_granted) {
  exchanges_.subscribed(filter, is_granted ? Exchanges::Granted::yes : Exchanges::Granted::no,
                        Clock::now());
}

void Bridge::on_link_up(const LinkUp& link) {
  metrics_.linked();
  exchanges_.link_up(link, Clock::now());
  tell_systemd();
}

void Bridge::on_link_down() {
  exchanges_.link_down(link_.why_down(), Clock::now(), end_of(link_.last_loss()));
  tell_systemd();
}

void Bridge::on_attempt_failed(ConnectFailure, const std::string& why) {
  exchanges_.link_down(why, Clock::now());
  tell_systemd();
}

void Bridge::on_message(const MqttMessage& message) {
  deliver(exchanges_, message, Clock::now());
}

void Bridge::on_acknowledged(std::uint64_t id, Subscribers subscribers) {
  exchanges_.acknowledged(id, subscribers, Clock::now());
}

void Bridge::on_refused(std::uint64_t id, Refusal refusal, const std::string& why) {
  exchanges_.refused(id, refusal, why, Clock::now());
}

std::optional<std::string> Bridge::why_not_ready() const {
  if (is_draining_)
    return "this bridge is shutting down";
  if (!link_.is_up())
    return link_.why_down();
  return link_.why_incomplete();
}

void Bridge::tell_systemd() const {
  if (const auto why = why_not_ready())
    return notify_status("not ready: " + *why);
  notify_status("ready: linked to " + to_string(api_.options().broker) + " with MQTT " +
                std::string(to_string(link_.version())));
}

// Acting --------------------------------------------------------------------------------------

void Bridge::act() {
  constexpr std::size_t answers_at_once = 64;  // thousands may end at the same instant
  set_deadline_timer(pump(exchanges_, *this, Clock::now(), answers_at_once));
}

void Bridge::change(const CallFilters::Change& change) {
  if (change.is_wanted)
    link_.subscribe(change.filter.filter, change.filter.no_local ? Echo::none : Echo::sent);
  else
    link_.unsubscribe(change.filter.filter);
}

void Bridge::keep(const TurnNote& note) {
  mark_.note(note);
}

void Bridge::answer(Ended ended) {
  const auto found = callers_.find(ended.exchange);
  const Caller caller = std::move(found->second);
  callers_.erase(found);
  auto reply = api_.finish(*caller.request, ended);
  record(caller, ended, reply);
  caller.request->answer(std::move(reply.response));
}

/// Deadlines mostly come in order, so the timer is rarely moved: only forward in its own time.
void Bridge::set_deadline_timer(std::optional<Instant> next) {
  if (!next || (timer_set_for_ && *timer_set_for_ <= *next))
    return;
  timer_set_for_ = next;
  deadline_timer_.expires_at(*next);
  deadline_timer_.async_wait([this](const std::error_code& error) {
    if (error)
      return;
    timer_set_for_.reset();
    act();
  });
}

// The way down --------------------------------------------------------------------------------

void Bridge::drain() {
  if (is_draining_) {
    abandon();
    return end();
  }
  is_draining_ = true;
  notify_stopping(limits::drain_timeout + limits::write_timeout + drain_margin);
  tell_systemd();
  spdlog::info("shutting down; {} calls in flight", callers_.size());
  drain_timer_.expires_after(limits::drain_timeout);
  drain_timer_.async_wait([this](const std::error_code& error) {
    if (!error)
      abandon();
  });
  server_.drain();
  server_.when_empty([this] { end(); });
}

void Bridge::end() {
  link_.stop();
  const auto now = Clock::now();
  mark_.end_cleanly(exchanges_.left_behind(now), now);
  loop_.stop();
}

void Bridge::abandon() {
  exchanges_.abandon(Clock::now());
  while (exchanges_.has_ended())
    act();
}

}  // namespace mqtt_bridge

#include "daemon/io/bridge.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/limits/http.hpp"
#include "exchange/driver.hpp"
#include "exchange/topic.hpp"
#include "http/trace_context.hpp"
#include "os/io/random.hpp"
#include "os/io/systemd.hpp"

namespace mqtt_bridge {
namespace {

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

std::optional<DaemonGroup> group_of(const BridgeOptions& options) {
  if (options.group.name.empty())
    return std::nullopt;
  return DaemonGroup(options.group.name, options.link.client_id, options.group.turns,
                     options.bounds.turn_rest);
}

ResponseInbox inbox_of(const BridgeOptions& options) {
  return options.group.name.empty() ? ResponseInbox() : ResponseInbox(options.link.client_id);
}

MqttLinkOptions link_options_of(BridgeOptions& options) {
  options.link.filters = filters_of(options.api);
  options.link.optional_filters = {status_topic("+")};
  if (const auto group = group_of(options)) {
    options.link.filters.append({group->filter()});
    options.link.optional_filters.append({*inbox_of(options).filter()});
    options.link.will = MqttWill{.topic = group->status_topic(), .payload = {}, .retained = true};
  }
  // A reconnect must find what came meanwhile for the longest-waiting call. Without a state
  // directory a restart has another client id, and nobody comes back for a session of hours.
  const auto longest = options.state_dir.empty()
                           ? options.api.max_timeout
                           : std::max(options.api.max_timeout, options.api.max_async_timeout);
  options.link.session_expiry =
      std::chrono::ceil<std::chrono::seconds>(longest) + std::chrono::seconds(5);
  return options.link;
}

double seconds_since_1970() {
  using std::chrono::system_clock;
  return std::chrono::duration<double>(system_clock::now().time_since_epoch()).count();
}

std::size_t body_size(const HttpResponse& response) {
  return response.body.begin.size() + response.body.text.size() + response.body.end.size();
}

/// REQUIRES: it is one.
BatchCall call_in(HttpApi::Decided decision) {
  if (auto* const call = std::get_if<Call>(&decision))
    return std::move(*call);
  return std::get<RouteCall>(std::move(decision));
}

}  // namespace

Bridge::Bridge(asio::io_context& loop, BridgeOptions options)
    : loop_(loop),
      started_(Clock::now()),
      config_file_(options.config_file),
      client_id_(options.link.client_id),
      api_(options.api, *this),
      activity_(started_),
      watchers_(loop, activity_, [this] { return "event: status\ndata: " + api_.status() + "\n"; }),
      mark_(options.state_dir, options.bounds.turn_rest, started_),
      exchanges_(started_, options.bounds, mark_.earlier()),
      deadline_timer_(loop),
      drain_timer_(loop),
      group_(group_of(options)),
      group_timer_(loop),
      inbox_(inbox_of(options)),
      link_(loop, link_options_of(options), *this),
      server_(loop, *this, options.most_connections),
      batches_(loop, *this),
      later_(loop, api_, *this, options.state_dir),
      call_ids_(random_below(INT32_MAX)) {
  metrics_.reloaded(true, seconds_since_1970());
  later_.set_callback_secret(std::move(options.callback_secret));
  later_.take_up();
}

void Bridge::start() {
  if (later_.calls().waiting() > 0)
    link_.resume_session();
  link_.start();
}

void Bridge::reload(BridgeOptions options) {
  options.link.client_id = client_id_;
  options.group.name = group_ ? group_->name() : "";  // which stays as it is
  link_.reconfigure(link_options_of(options));
  exchanges_.set_bounds(options.bounds);
  later_.set_callback_secret(std::move(options.callback_secret));
  api_.set_options(std::move(options.api));
  last_reload_ = Happened{Clock::now(), ""};
  metrics_.reloaded(true, seconds_since_1970());
  act();
}

void Bridge::could_not_reload(const std::string& why) {
  last_reload_ = Happened{Clock::now(), why};
  metrics_.reloaded(false, seconds_since_1970());
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
  if (const auto* const question = std::get_if<CallQuestion>(&decision))
    return later_.answer(request, *question);
  auto call = call_in(std::move(decision));
  if (const auto wish = later_wish_of(*request))
    return later_.begin(request, std::move(call), *wish);
  Caller caller = caller_of(request, call);
  const auto admitted = admit(caller, std::move(call));
  if (const auto* const failure = std::get_if<Failure>(&admitted)) {
    auto refusal = api_.finish(*request, *failure);
    record(*request, refusal, Was::call);
    return request->answer(std::move(refusal.response));
  }
  act();
  if (const auto exchange = std::get<ExchangeId>(admitted); exchanges_.is_queued(exchange)) {
    request->when_gone([this, exchange] {
      withdraw(exchange);
      act();
    });
  }
}

Bridge::Caller Bridge::caller_of(std::shared_ptr<HttpRequest> request, const BatchCall& call) {
  Caller caller{.request = std::move(request)};
  caller.bytes = std::visit([](const auto& each) { return each.payload.size(); }, call);
  if (const auto* const of_route = std::get_if<RouteCall>(&call)) {
    caller.route = of_route->route->path;
    return caller;
  }
  caller.netid = std::get<Call>(call).netid;
  caller.action = std::get<Call>(call).action;
  return caller;
}

/// Begins the call, which act() carries out; takes `caller` where it succeeds.
std::variant<ExchangeId, Failure> Bridge::admit(Caller& caller, BatchCall call) {
  identify(call);
  auto made = request_of(std::move(call));
  if (auto* const failure = std::get_if<Failure>(&made))
    return std::move(*failure);
  auto& mqtt = std::get<MqttRequest>(made);
  if (!link_.is_up())
    link_.hurry();
  if (!mqtt.traceparent.empty())
    caller.trace_id = trace_id(mqtt.traceparent);
  const auto admitted = exchanges_.begin(std::move(mqtt));
  if (const auto* const exchange = std::get_if<ExchangeId>(&admitted))
    callers_.emplace(*exchange, std::move(caller));
  return admitted;
}

std::optional<HttpResponse> Bridge::refuse_early(HttpRequest& request) {
  auto reply = api_.refuse_early(request);
  if (!reply)
    return std::nullopt;
  record(request, *reply);
  return std::move(reply->response);
}

bool Bridge::takes_pieces(HttpRequest& request) {
  return (request.method == "POST" && is_batch_type(request.content_type)) ||
         api_.is_for_events(request);
}

void Bridge::on_stream(std::shared_ptr<HttpRequest> request, std::shared_ptr<HttpStream> stream) {
  auto decision = api_.begin(*request);
  if (auto* const reply = std::get_if<HttpApi::Reply>(&decision)) {
    const bool are_events = !reply->problem && api_.is_for_events(*request);
    const auto why_not = watchers_.why_no_more();
    if (are_events && !why_not)
      return watchers_.add(request, std::move(stream), std::move(reply->response));
    if (are_events)
      *reply = api_.finish(*request, *why_not);
    record(*request, *reply);
    return request->answer(std::move(reply->response));
  }
  batches_.begin(request, std::move(stream), api_.batch_head(*request).response,
                 call_in(std::move(decision)));
}

std::variant<ExchangeId, Failure> Bridge::begin_line(const Batches::Line& line, BatchCall call) {
  Caller caller = caller_of(line.request(), call);
  caller.line = line;
  return admit(caller, std::move(call));
}

HttpResponse Bridge::refuse(HttpRequest& request, const Failure& failure) {
  auto reply = api_.refuse(request, failure);
  record(request, reply);
  return std::move(reply.response);
}

// Acting --------------------------------------------------------------------------------------

void Bridge::act() {
  constexpr std::size_t answers_at_once = 64;  // thousands may end at the same instant
  set_deadline_timer(pump(exchanges_, *this, Clock::now(), answers_at_once));
  // An answer that is not written comes again with the session, should this program end now.
  if (later_.are_kept()) {
    link_.hold_acknowledgements(later_.have_unwritten() ||
                                (exchanges_.has_ended() && !later_callers_.empty()));
  }
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
  if (found == callers_.end())
    return answer_later(std::move(ended));
  const Caller caller = std::move(found->second);
  callers_.erase(found);
  if (caller.line) {
    record(caller, ended, sent_in_line(ended));
    return batches_.answered(*caller.line, ended);
  }
  auto reply = api_.finish(*caller.request, ended);
  record(caller, ended, {reply.problem, reply.response.status, body_size(reply.response)});
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
  batches_.drain();
  watchers_.end();
  server_.drain();
  server_.when_empty([this] { end(); });
}

void Bridge::end() {
  if (group_ && link_.is_up() && !std::exchange(is_leaving_, true))
    return leave_group();
  link_.stop();
  const auto now = Clock::now();
  mark_.end_cleanly(exchanges_.left_behind(now), now);
  loop_.stop();
}

void Bridge::abandon() {
  later_.end_run();
  exchanges_.abandon(Clock::now());
  while (exchanges_.has_ended())
    act();
}

}  // namespace mqtt_bridge

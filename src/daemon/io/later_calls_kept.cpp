// Of the calls that are answered later: what is kept of them over a restart.
#include <algorithm>
#include <chrono>
#include <utility>

#include <spdlog/spdlog.h>

#include "daemon/io/later_calls.hpp"
#include "http/callback_url.hpp"
#include "http/later_responses.hpp"
#include "os/io/log.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

constexpr Duration pause_between_attempts = 1s;  // to write what could not be
// For an answer that came meanwhile, to a call whose time was over before this run.
constexpr Duration least_time_left = 5s;

/// A request of an earlier run, which is answered by nobody.
class RequestAgain : public HttpRequest {
 public:
  explicit RequestAgain(const StoredRequest& stored) {
    method = stored.method;
    query = stored.query;
    content_type = stored.content_type;
    tracestate = stored.tracestate;
    request_id = stored.request_id;
    from = stored.from;
    body = stored.body;
    if (!stored.user.empty())
      user = static_cast<std::uint32_t>(std::stoul(stored.user));
    if (stored.is_patient)
      prefer = "respond-async";
    asked.emplace();
    asked->path = stored.path;
    if (!stored.traceparent.empty())
      asked->fields.push_back({"traceparent", stored.traceparent});
  }
  void answer(HttpResponse) override {}
  void when_gone(std::function<void()>) override {}
};

Instant instant_at(WallTime time, const WallClock& clock) {
  return clock.now + std::chrono::duration_cast<Duration>(time - clock.wall);
}

}  // namespace

// Calling back --------------------------------------------------------------------------------

/// Sends its answer to where its caller wants it, if it does.
void LaterCalls::call_back(const CallId& id, const Calls::Call& call) {
  const auto url = callback_urls_.extract(id);
  if (url.empty())
    return;
  RequestAgain asker({});
  asker.method = "GET";
  Ended ended = *call.outcome;
  auto response =
      api_.finish_about(asker, ended, {call.is_route, call.is_json}, call.request_id).response;
  const auto done = [this, id, to = url.mapped()](Callbacks::Result result,
                                                  const std::string& why_not) {
    const bool is_taken = result == Callbacks::Result::taken;
    host_.called_back(is_taken);
    if (!is_taken)
      log_rarely(LogLevel::warn, "gave up to send an answer to " + to + ": " + why_not);
    if (store_)
      store_->change([id](CallDatabase& database) { database.called_back(id); });
  };
  const bool is_sent =
      callbacks_.send({.url = url.mapped(),
                       .call = path_of(id),
                       .status = response.status,
                       .content_type = std::string(response.field("Content-Type").value_or("")),
                       .body = std::move(response.body.text)},
                      done);
  if (!is_sent)
    done(Callbacks::Result::given_up, "too many answers wait to be sent");
}

// Writing -------------------------------------------------------------------------------------

void LaterCalls::store(const CallId& id, const StoredCall& call) {
  has_unpublished_ |= call.done == DoneBefore::nothing;
  store_->change([call](CallDatabase& database) { database.insert(call); },
                 [this, id](const auto& why_not) { stored(id, why_not); });
}

void LaterCalls::stored(const CallId& id, const std::optional<std::string>& why_not) {
  auto entry = pending_.extract(id);
  if (entry.empty())
    return;
  Pending& pending = entry.mapped();
  std::optional<Failure> failure;
  if (why_not) {
    log_rarely(LogLevel::error, "cannot keep calls in " + state() + ": " + *why_not);
    calls_.forget(id);
    callback_urls_.erase(id);
    failure = Failure{
        Problem::state_unavailable, "the call cannot be kept in " + state() + ": " + *why_not, {}};
  } else {
    failure = go(id, pending);
    if (failure)
      forget_on_disk(id);
  }
  for (const auto& [request, preferences, due] : pending.askers) {
    if (failure)
      host_.refuse_call(*request, *failure);
    else
      answer_or_wait(request, id, preferences, due);
  }
  host_.act();
}

void LaterCalls::keep_outcome(const CallId& id, const Calls::Outcome& outcome) {
  const Calls::Call* const call = calls_.find(id);
  if (call == nullptr)
    return;
  const WallClock clock{Clock::now(), std::chrono::system_clock::now()};
  ++unwritten_;
  store_->change(
      [id, bytes = encode(*call, *outcome), at = clock.at(outcome->ended)](CallDatabase& database) {
        database.end(id, bytes, at);
      },
      [this, id, outcome](const std::optional<std::string>& why_not) {
        if (why_not) {
          log_rarely(LogLevel::error, "cannot keep answers in " + state() + ": " + *why_not);
          keep_again(id, outcome);
        }
        conclude(id, outcome);
      },
      [this] {
        --unwritten_;
        host_.act();
      });
}

void LaterCalls::keep_again(const CallId& id, const Calls::Outcome& outcome) {
  unkept_.insert_or_assign(id, outcome);
  if (again_.is_set())
    return;
  again_.set(Clock::now() + pause_between_attempts, [this] {
    for (const auto& [unkept, its_outcome] : std::exchange(unkept_, {}))
      keep_outcome(unkept, its_outcome);
  });
}

void LaterCalls::forget_on_disk(const CallId& id) {
  store_->change([id](CallDatabase& database) { database.remove(id); });
}

void LaterCalls::forget_dropped() {
  for (const CallId& id : calls_.take_dropped()) {
    unkept_.erase(id);
    if (store_)
      forget_on_disk(id);
  }
}

void LaterCalls::acknowledged(const CallId& id, Subscribers subscribers) {
  const auto done =
      subscribers == Subscribers::none ? DoneBefore::nothing : DoneBefore::acknowledged;
  has_unpublished_ |= done == DoneBefore::nothing;
  store_->change([id, done](CallDatabase& database) { database.done(id, done); });
}

void LaterCalls::before_publishing(std::function<void()> go_on) {
  if (!store_ || !std::exchange(has_unpublished_, false))
    return go_on();
  store_->change([](CallDatabase& database) { database.all_perhaps_published(); },
                 [go_on = std::move(go_on)](const auto&) { go_on(); });
}

// Taking up -----------------------------------------------------------------------------------

void LaterCalls::take_up() {
  if (!store_)
    return;
  const WallClock clock{Clock::now(), std::chrono::system_clock::now()};
  for (const StoredCall& kept : store_->load())
    take_up(kept, clock);
  calls_.expire(clock.now);
  forget_dropped();
  set_timer();
  if (calls_.waiting() + calls_.kept() > 0)
    spdlog::info("taken up from {}: {} calls that wait, {} answers", state(), calls_.waiting(),
                 calls_.kept());
}

void LaterCalls::take_up(const StoredCall& kept, const WallClock& clock) {
  Calls::Call call{
      .owner = kept.owner,
      .key = kept.key,
      .content = kept.content,
      .request_id = {},
      .begun = instant_at(kept.begun, clock),
      .deadline = std::max(instant_at(kept.deadline, clock), clock.now + least_time_left)};
  if (is_allowed_callback(kept.callback, api_.options().callbacks))
    callback_urls_.emplace(kept.id, kept.callback);
  if (kept.outcome.empty()) {
    if (const auto asked = decode_request(kept.request))
      return take_up_waiting(kept, std::move(call), *asked);
  } else if (auto outcome = decode_outcome(kept.outcome, call.begun)) {
    call.request_id = std::move(outcome->request_id);
    call.is_route = outcome->is_route;
    call.is_json = outcome->is_json;
    call.outcome = std::make_shared<const Ended>(std::move(outcome->ended));
    call_back(kept.id, call);
    return calls_.take_up_ended(kept.id, std::move(call));
  }
  spdlog::error("a call in {} cannot be read, and is left there", state());
}

/// It is made again from what was asked for, by the configuration of now.
void LaterCalls::take_up_waiting(const StoredCall& kept, Calls::Call call,
                                 const StoredRequest& asked) {
  RequestAgain request(asked);
  call.request_id = request.request_id;
  call.bytes = request.body.size();
  LaterSubject subject{.request_id = request.request_id, .from = request.from};
  const auto admitted = begin_again(kept, call, request, asked, subject);
  const AnswerKind kind = answer_kind_of(request);
  call.is_route = kind.is_route;
  call.is_json = kind.is_json;
  if (const auto* const exchange = std::get_if<ExchangeId>(&admitted))
    call.exchange = *exchange;
  const Instant begun = call.begun;
  calls_.begin(kept.id, std::move(call));
  const auto* const failure = std::get_if<Failure>(&admitted);
  if (failure == nullptr)
    return;
  Ended ended{.exchange = 0,
              .outcome = *failure,
              .arrived = begun,
              .published = {},
              .published_last = {},
              .acknowledged = {},
              .ended = Clock::now(),
              .may_be_carried_out = kept.done != DoneBefore::nothing};
  host_.record_later(subject, ended);
  this->ended(kept.id, std::move(ended));
}

std::variant<ExchangeId, Failure> LaterCalls::begin_again(const StoredCall& kept,
                                                          const Calls::Call& call,
                                                          HttpRequest& request,
                                                          const StoredRequest& asked,
                                                          LaterSubject& subject) {
  auto made = api_.call_again(request);
  if (auto* const failure = std::get_if<Failure>(&made))
    return std::move(*failure);
  BatchCall again;
  if (auto* const of_route = std::get_if<RouteCall>(&made)) {
    of_route->id = asked.number;
    again = std::move(*of_route);
  } else {
    again = std::get<mqtt_bridge::Call>(std::move(made));
  }
  std::visit(
      [&](auto& each) {
        each.correlation = asked.correlation;
        each.arrived = Clock::now();
        each.deadline = call.deadline;
      },
      again);
  subject = subject_of(request, again);
  auto mqtt = host_.request_of(std::move(again));
  if (auto* const failure = std::get_if<Failure>(&mqtt))
    return std::move(*failure);
  auto& ready = std::get<MqttRequest>(mqtt);
  ready.done_before = kept.done;
  has_unpublished_ |= kept.done == DoneBefore::nothing;
  return host_.begin_later(kept.id, subject, std::move(ready));
}

}  // namespace mqtt_bridge

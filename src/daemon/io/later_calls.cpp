#include "daemon/io/later_calls.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "http/later_responses.hpp"
#include "http/query.hpp"
#include "http/trace_context.hpp"
#include "os/io/digest.hpp"
#include "os/io/random.hpp"

namespace mqtt_bridge {
namespace {

Digest shortened(const Sha256& digest) {
  Digest half{};
  std::copy_n(digest.begin(), half.size(), half.begin());
  return half;
}

std::string_view text_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

CallId random_id() {
  CallId id{};
  const std::string bytes = random_bytes(id.size());
  std::copy(bytes.begin(), bytes.end(), id.begin());
  return id;
}

Instant deadline_of(const BatchCall& call) {
  return std::visit([](const auto& each) { return each.deadline; }, call);
}

/// The query without what the next run takes from elsewhere, or does not ask for.
std::string lasting_query(std::string_view query) {
  std::string lasting;
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(part.size() + 1, query.size()));
    const auto named = parse_query(part);
    if (!named.empty() && (named.front().name == "timeout" || named.front().name == "broker"))
      continue;
    lasting.append(lasting.empty() ? "" : "&").append(part);
  }
  return lasting;
}

StoredRequest stored_request_of(const HttpRequest& request, const BatchCall& call) {
  StoredRequest stored{.method = request.method,
                       .path = request.asked->path,
                       .query = lasting_query(request.query),
                       .content_type = request.content_type,
                       .traceparent = std::string(request.asked->field("traceparent")),
                       .tracestate = request.tracestate,
                       .user = request.user ? std::to_string(*request.user) : "",
                       .request_id = request.request_id,
                       .from = request.from,
                       .correlation = {},
                       .number = {},
                       .body = {}};
  if (const auto* const of_route = std::get_if<RouteCall>(&call))
    stored.number = of_route->id;
  std::visit(
      [&stored](const auto& each) {
        stored.correlation = each.correlation;
        stored.body = each.payload;
        stored.is_patient = each.is_patient;
      },
      call);
  return stored;
}

/// All that a request asks for, but how it is to be answered. `body`: the call has it by now.
Digest content_of(const HttpRequest& request, std::string_view body) {
  return shortened(
      digest_of({request.method, request.asked->path, request.query, request.content_type, body}));
}

}  // namespace

LaterSubject subject_of(const HttpRequest& request, const BatchCall& call) {
  LaterSubject subject{.request_id = request.request_id, .from = request.from};
  std::string_view traceparent;
  if (const auto* const of_route = std::get_if<RouteCall>(&call)) {
    subject.route = of_route->route->path;
    subject.bytes = of_route->payload.size();
    traceparent = of_route->traceparent;
  } else {
    const auto& of_action = std::get<Call>(call);
    subject.netid = of_action.netid;
    subject.action = of_action.action;
    subject.bytes = of_action.payload.size();
    traceparent = of_action.traceparent;
  }
  if (!traceparent.empty())
    subject.trace_id = trace_id(traceparent);
  return subject;
}

LaterCalls::LaterCalls(asio::io_context& loop, HttpApi& api, Host& host,
                       const std::filesystem::path& state_dir)
    : api_(api), host_(host), callbacks_(loop), timer_(loop), again_(loop) {
  if (!state_dir.empty())
    store_.emplace(loop, state_dir / "calls.db");
}

/// By the token, and over a unix socket by the user.
Digest LaterCalls::owner_of(const HttpRequest& request) const {
  const std::string user = request.user ? std::to_string(*request.user) : "";
  return shortened(digest_of({user, token_of(request, api_.options())}));
}

// Calls ---------------------------------------------------------------------------------------

void LaterCalls::begin(const std::shared_ptr<HttpRequest>& request, BatchCall call,
                       const LaterWish& wish) {
  const std::string& body = std::visit(
      [](auto& each) -> auto& { return each.payload; }, call);
  const Digest owner = owner_of(*request);
  const Digest content = content_of(*request, body);
  std::optional<Digest> key;
  if (!wish.key.empty()) {
    key = shortened(digest_of({text_of(owner), wish.key}));
    if (const auto known = calls_.with_key(*key))
      return join(request, *known, content, wish, deadline_of(call));
  }
  if (!calls_.has_room(body.size()))
    return host_.refuse_call(*request,
                             {Problem::overloaded, "too many calls wait to be asked for", {}});
  const AnswerKind kind = answer_kind_of(*request);
  Calls::Call begun{.owner = owner,
                    .key = key,
                    .content = content,
                    .request_id = request->request_id,
                    .is_route = kind.is_route,
                    .is_json = kind.is_json,
                    .bytes = body.size(),
                    .begun = request->arrived,
                    .deadline = deadline_of(call)};
  host_.identify(call);
  LaterSubject subject = subject_of(*request, call);
  std::string asked = store_ ? encode(stored_request_of(*request, call)) : "";
  auto made = host_.request_of(std::move(call));
  if (const auto* const failure = std::get_if<Failure>(&made))
    return host_.refuse_call(*request, *failure);
  const CallId id = random_id();
  if (!wish.preferences.callback.empty())
    callback_urls_.emplace(id, wish.preferences.callback);
  Pending pending{std::move(subject), std::get<MqttRequest>(std::move(made))};
  if (store_) {
    const WallClock clock{Clock::now(), std::chrono::system_clock::now()};
    const StoredCall kept{
        .id = id,
        .owner = owner,
        .key = key,
        .content = content,
        .begun = clock.at(begun.begun),
        .deadline = clock.at(begun.deadline),
        .done = host_.may_publish() ? DoneBefore::perhaps_published : DoneBefore::nothing,
        .request = std::move(asked),
        .outcome = {},
        .callback = wish.preferences.callback};
    calls_.begin(id, std::move(begun));
    pending.askers.push_back({request, wish.preferences, std::nullopt});
    pending_.emplace(id, std::move(pending));
    return store(id, kept);
  }
  calls_.begin(id, std::move(begun));
  if (const auto failure = go(id, pending))
    return host_.refuse_call(*request, *failure);
  answer_or_wait(request, id, wish.preferences, std::nullopt);
  host_.act();
}

/// Begins its exchange; or says why there is none, and that call is no more.
std::optional<Failure> LaterCalls::go(const CallId& id, Pending& pending) {
  const auto admitted = host_.begin_later(id, std::move(pending.subject), std::move(pending.mqtt));
  if (const auto* const failure = std::get_if<Failure>(&admitted)) {
    calls_.forget(id);
    callback_urls_.erase(id);
    return *failure;
  }
  calls_.attach(id, std::get<ExchangeId>(admitted));
  return std::nullopt;
}

/// A request with the key of one that came before.
void LaterCalls::join(const std::shared_ptr<HttpRequest>& request, const CallId& id,
                      const Digest& content, const LaterWish& wish, Instant deadline) {
  const Calls::Call& call = *calls_.find(id);
  if (call.content != content)
    return host_.refuse_call(*request, reused_key());
  const auto due = deadline < call.deadline ? std::optional(deadline) : std::nullopt;
  if (const auto pending = pending_.find(id); pending != pending_.end())
    pending->second.askers.push_back({request, wish.preferences, due});
  else
    answer_or_wait(request, id, wish.preferences, due);
}

void LaterCalls::ended(const CallId& id, Ended ended) {
  const Calls::Call* const call = calls_.find(id);
  if (call == nullptr)
    return;
  if (is_ending_ && store_) {
    for (const WaiterId waiter : calls_.take_waiters(id))
      tell_accepted(*take(waiter), id, "");
    return;
  }
  ended.arrived = std::min(ended.arrived, call->begun);  // in an earlier run
  const auto outcome = std::make_shared<const Ended>(std::move(ended));
  if (store_)
    keep_outcome(id, outcome);
  else
    conclude(id, outcome);
}

void LaterCalls::conclude(const CallId& id, const Calls::Outcome& outcome) {
  const Calls::Call* const known = calls_.find(id);
  if (known == nullptr)
    return;
  Calls::Call call = *known;  // it need not be kept
  call.outcome = outcome;
  for (const WaiterId waiter : calls_.end(id, outcome, outcome->ended))
    tell_outcome(*take(waiter), call);
  call_back(id, call);
  forget_dropped();
  set_timer();
}

// Those who ask -------------------------------------------------------------------------------

void LaterCalls::answer(const std::shared_ptr<HttpRequest>& request, const CallQuestion& question) {
  const auto id = parse_call_id(question.id);
  if (!id)
    return host_.refuse_call(*request, no_such_call());
  const auto found = calls_.find(*id, owner_of(*request));
  if (std::holds_alternative<Calls::Unknown>(found))
    return host_.refuse_call(*request, no_such_call());
  if (std::holds_alternative<Calls::Gone>(found))
    return host_.refuse_call(*request, gone_call());
  if (request->method == "DELETE")
    return give_up(request, *id);
  Preferences preferences = parse_preferences(request->prefer);
  preferences.respond_async = true;
  answer_or_wait(request, *id, preferences, std::nullopt);
}

/// `due`: then it waits no longer, whatever it prefers.
void LaterCalls::answer_or_wait(const std::shared_ptr<HttpRequest>& request, const CallId& id,
                                const Preferences& preferences, std::optional<Instant> due) {
  const Calls::Call& call = *calls_.find(id);
  if (call.outcome)
    return tell_outcome(*request, call);
  if (!preferences.are_for_later())
    return wait(request, id, "", due);
  if (!preferences.wait)
    return tell_accepted(*request, id, applied(preferences));
  const std::chrono::milliseconds most = api_.options().max_timeout;
  const auto longest = std::min<std::chrono::milliseconds>(*preferences.wait, most);
  wait(request, id, applied(preferences), Clock::now() + longest);
}

void LaterCalls::wait(const std::shared_ptr<HttpRequest>& request, const CallId& id,
                      std::string applied, std::optional<Instant> due) {
  const WaiterId waiter = ++last_waiter_;
  waiters_.emplace(waiter, Waiter{id, request, std::move(applied), due});
  calls_.wait(id, waiter);
  if (due) {
    due_.emplace(*due, waiter);
    set_timer();
  }
}

std::shared_ptr<HttpRequest> LaterCalls::take(WaiterId waiter) {
  auto taken = waiters_.extract(waiter);
  if (taken.empty())
    return nullptr;
  if (taken.mapped().due)
    due_.erase({*taken.mapped().due, waiter});
  return std::move(taken.mapped().request);
}

void LaterCalls::give_up(const std::shared_ptr<HttpRequest>& request, const CallId& id) {
  const Calls::Call& call = *calls_.find(id);
  const bool has_key = call.key.has_value();
  const auto now = Clock::now();
  if (!call.outcome) {
    host_.give_up(call.exchange);  // ended() comes of it
    host_.act();
  }
  callback_urls_.erase(id);
  const auto outcome = std::make_shared<const Ended>(Ended{.exchange = 0,
                                                           .outcome = gone_call(),
                                                           .arrived = now,
                                                           .published = {},
                                                           .published_last = {},
                                                           .acknowledged = {},
                                                           .ended = now,
                                                           .may_be_carried_out = true});
  for (const WaiterId waiter : calls_.give_up(id, outcome, now))
    host_.refuse_call(*take(waiter), gone_call());
  // Its key is not free for another call: this one may have been carried out.
  if (has_key && store_)
    keep_outcome(id, outcome);
  if (!has_key)
    calls_.drop(id);
  forget_dropped();
  if (!store_)
    return tell(*request, no_content_response());
  store_->change([](CallDatabase&) {}, [this, request](const auto&) {  // behind these
    tell(*request, no_content_response());
  });
}

// Telling -------------------------------------------------------------------------------------

void LaterCalls::tell_outcome(HttpRequest& request, const Calls::Call& call) {
  Ended ended = *call.outcome;
  auto reply = api_.finish_about(request, ended, {call.is_route, call.is_json}, call.request_id);
  // What asked for no answer has none; 202 says here that there is none yet.
  const bool is_question =
      request.asked->endpoint != nullptr && request.asked->endpoint->kind == Endpoint::Kind::call;
  if (is_question && reply.response.status == 202)
    reply.response.status = 204;
  request.answer(std::move(reply.response));
}

void LaterCalls::tell_accepted(HttpRequest& request, const CallId& id, const std::string& applied) {
  const Calls::Call& call = *calls_.find(id);
  const WallClock clock{Clock::now(), std::chrono::system_clock::now()};
  HttpResponse response =
      accepted_response(id, date_text(clock.at(call.deadline)), clock.now - call.begun);
  if (request.asked->endpoint == nullptr || request.asked->endpoint->kind != Endpoint::Kind::call)
    response.add("Preference-Applied", applied);
  tell(request, std::move(response));
}

void LaterCalls::tell(HttpRequest& request, HttpResponse response) {
  request.answer(api_.finish(request, std::move(response)).response);
}

// Time ----------------------------------------------------------------------------------------

void LaterCalls::expire() {
  const auto now = Clock::now();
  calls_.expire(now);
  forget_dropped();
  while (!due_.empty() && is_due(due_.begin()->first, now)) {
    const WaiterId id = due_.begin()->second;
    const Waiter waiter = waiters_.at(id);
    calls_.leave(waiter.id, id);
    take(id);
    if (waiter.applied.empty())
      host_.refuse_call(*waiter.request, still_waiting(waiter.id));
    else
      tell_accepted(*waiter.request, waiter.id, waiter.applied);
  }
  set_timer();
}

void LaterCalls::set_timer() {
  auto next = calls_.next_deadline();
  if (!due_.empty())
    next = std::min(next.value_or(due_.begin()->first), due_.begin()->first);
  if (next && (!timer_.is_set() || *next < timer_.due()))
    timer_.set(*next, [this] { expire(); });
}

}  // namespace mqtt_bridge

// Of the table of exchanges: which request a response answers.
#include <algorithm>
#include <utility>

#include "base/limits/call.hpp"
#include "base/limits/exchange.hpp"
#include "base/utf8.hpp"
#include "exchange/exchanges.hpp"
#include "exchange/failures.hpp"
#include "exchange/judgement.hpp"

namespace mqtt_bridge {

Exchanges::Key Exchanges::correlation_key(std::string_view correlation) {
  return {Key::In::correlation, {}, {}, correlation};
}

namespace {

/// Whether its tests hold, which an error on a topic of its own need not pass. `topic`: as the
/// request has it.
bool may_answer(const MqttRequest& request, std::string_view topic, ResponseJson& json) {
  return topic != request.response_topic || pass(request.tests, json);
}

}  // namespace

/// The keys besides Correlation Data: of the response topic, and of the error topic.
std::vector<Exchanges::Key> Exchanges::own_keys(const MqttRequest& request) {
  std::vector<Key> keys;
  const auto add = [&](std::string_view topic) {
    if (topic.empty())
      return;
    if (std::holds_alternative<MatchByTopic>(request.matching))
      keys.push_back({Key::In::topic, topic, {}, {}});
    else if (const auto* const match = std::get_if<MatchById>(&request.matching))
      keys.push_back({Key::In::id, topic, match->pointer, match->id});
  };
  add(request.response_topic);
  add(request.error_topic);
  return keys;
}

std::size_t Exchanges::KeyHash::operator()(const Key& key) const {
  constexpr std::hash<std::string_view> hash;
  const std::size_t of_text = hash(key.text);
  return key.in == Key::In::correlation ? of_text : of_text ^ (hash(key.topic) << 1);
}

void Exchanges::response(const Response& response, Instant now) {
  if (response.retained)
    return drop(Dropped::retained);
  if (!topics_.empty() && topics_.is_echo(response.topic, response.payload, now))
    return drop(Dropped::own);
  ResponseJson json(response.payload);
  const std::string topic = known_topic_of(response.topic);
  const std::string_view of_errors = topics_.of_errors(topic);
  const auto turns = turn_matchers_.find(of_errors.empty() ? topic : std::string(of_errors));
  if (response.correlation) {
    const bool is_late =
        turns != turn_matchers_.end() && turns->second.take_late(*response.correlation);
    if (is_late)
      drop(Dropped::late);
    const bool is_ours = is_late || respond_by_correlation(response, json, now);
    if (is_ours && turns != turn_matchers_.end()) {
      turns->second.correlates();
      take_turns(turns->first, turns->second, now);
    }
    return;
  }
  if (const auto found = by_key_.find({Key::In::topic, topic, {}, {}}); found != by_key_.end())
    return respond_by_key(found->second, response, json, MatchedBy::topic, now);
  if (const auto found = id_matchers_.find(topic); found != id_matchers_.end())
    return respond_by_id(found->first, found->second, response, json, now);
  if (turns != turn_matchers_.end())
    return respond_in_turn(turns->first, turns->second, response, json, now);
  if (const auto found = content_matchers_.find(topic); found != content_matchers_.end())
    return respond_by_content(found->second, response, now);
  const bool is_foreign = response.is_foreign && !filters_.cover(response.topic);
  drop(is_foreign ? Dropped::foreign_topic : Dropped::unmatched);
}

/// The response topic, as requests have it, that `topic` is.
std::string Exchanges::known_topic_of(std::string_view topic) const {
  std::string exact(topic);
  if (topics_.empty())
    return exact;
  const auto is_known = [this](const std::string& each) {
    return by_key_.contains({Key::In::topic, each, {}, {}}) || id_matchers_.contains(each) ||
           turn_matchers_.contains(each) || !topics_.of_errors(each).empty();
  };
  if (is_known(exact))
    return exact;
  for (std::string& masked : topics_.masked(topic)) {
    if (is_known(masked))
      return std::move(masked);
  }
  return exact;
}

/// Whether it was for one of ours.
bool Exchanges::respond_by_correlation(const Response& response, ResponseJson& json, Instant now) {
  const auto found = by_key_.find(correlation_key(*response.correlation));
  if (found == by_key_.end()) {
    drop(Dropped::unknown_correlation);
    return false;
  }
  const Waiting& waiting = waiting_.at(found->second);
  const MqttRequest& request = waiting.request;
  const bool is_its_topic = matches_levels(request.response_topic, response.topic) ||
                            matches_levels(request.error_topic, response.topic);
  if (!is_its_topic || !waiting.published) {
    drop(Dropped::wrong_topic);
    return false;
  }
  if (std::holds_alternative<MatchByContent>(request.matching))
    content_matchers_.at(request.response_topic).correlates();
  accept(found->second, response, json, MatchedBy::correlation, now);
  return true;
}

void Exchanges::respond_by_key(ExchangeId exchange, const Response& response, ResponseJson& json,
                               MatchedBy rule, Instant now) {
  if (!waiting_.at(exchange).published)
    return drop(Dropped::wrong_topic);
  accept(exchange, response, json, rule, now);
}

void Exchanges::respond_by_id(const std::string& topic, IdMatcher& matcher,
                              const Response& response, ResponseJson& json, Instant now) {
  if (json.is_too_large()) {
    matcher.unmatched.add(response.payload.size(), Unmatched::Looks::unchecked);
    return drop(Dropped::unchecked);
  }
  for (const auto& [pointer, count] : matcher.pointers) {
    const auto id = json.get() != nullptr ? json.get()->id_at(pointer) : std::nullopt;
    if (!id)
      continue;
    // Services that share a topic may have each other's members in their answers, for other ends.
    const auto found = by_key_.find({Key::In::id, topic, pointer, *id});
    if (found != by_key_.end() && may_answer(waiting_.at(found->second).request, topic, json))
      return respond_by_key(found->second, response, json, MatchedBy::id, now);
  }
  matcher.unmatched.add(response.payload);
  drop(Dropped::unmatched);
}

void Exchanges::respond_by_content(ContentMatcher& matcher, const Response& response, Instant now) {
  // An error answer does not tell its request, so without correlation data it answers none.
  if (response.status) {
    matcher.unmatched.add(response.payload.size(), Unmatched::Looks::error);
    return drop(Dropped::unmatched);
  }
  // What other daemons ask, or a forgotten request, could mean a folded match, too.
  const auto found =
      matcher.find(response.payload, now, company_ ? Instant::max() : forgetful_until_);
  const auto* const match = std::get_if<ContentMatcher::Match>(&found);
  if (match == nullptr) {
    switch (std::get<ContentMatcher::NoMatch>(found)) {
      case ContentMatcher::NoMatch::late:
        return drop(Dropped::late);
      case ContentMatcher::NoMatch::unmatched:
        return drop(Dropped::unmatched);
      case ContentMatcher::NoMatch::unchecked:
        return drop(Dropped::unchecked);
    }
    return;
  }
  Response accepted = response;
  if (match->answer)
    accepted.payload = *match->answer;
  ResponseJson none(accepted.payload);
  accept(match->exchange, accepted, none, match->rule, now);
}

void Exchanges::respond_in_turn(const std::string& topic, TurnMatcher& matcher,
                                const Response& response, ResponseJson& json, Instant now) {
  // What else is said on the topic is not an answer, neither to the one that is out nor to one that
  // ended before. Nor is an interim answer, after which both are still owed one.
  const bool is_error = !matches_levels(topic, response.topic);
  if (!is_error && !pass(matcher.tests, json)) {
    matcher.unmatched.add(response.payload);
    return drop(Dropped::unmatched);
  }
  if (matcher.rules && is_interim(*matcher.rules, json))
    return drop(Dropped::interim);
  forget_quarantine(topic, matcher);
  const auto exchange = matcher.find(response.payload, response.duplicate, now);
  remember_quarantine(topic, matcher);
  // One that has its turn may still wait for the window; what comes before it is published is not
  // its answer.
  const bool is_ours = exchange && waiting_.at(*exchange).published &&
                       !is_turn_of_another(matcher, waiting_.at(*exchange).request);
  if (is_ours)
    return accept(*exchange, response, json, MatchedBy::turn, now);
  if (exchange)
    matcher.unmatched.add(response.payload);
  drop(Dropped::unmatched);
  take_turns(topic, matcher, now);  // it may have been the late answer that all waited for
}

void Exchanges::accept(ExchangeId exchange, const Response& response, ResponseJson& json,
                       MatchedBy rule, Instant now) {
  const auto waiting = waiting_.find(exchange);
  const MqttRequest& request = waiting->second.request;
  const bool is_error = !matches_levels(request.response_topic, response.topic);
  auto judged = judge(response, json, request, is_error);
  if (const auto* const meaning = std::get_if<Meaning>(&judged);
      meaning != nullptr && *meaning != Meaning::answer) {
    return drop(*meaning == Meaning::interim ? Dropped::interim : Dropped::unmatched);
  }
  waiting->second.is_owed = false;
  if (!request.presence_key.empty()) {
    learn_answer_time(request.presence_key, now - *waiting->second.published);
    presence_.answered(request.presence_key, response.responder.value_or(""), now);
  }
  if (auto* const failure = std::get_if<Failure>(&judged))
    return end(waiting, std::move(*failure), now);
  if (response.payload.size() > limits::response_bytes) {
    return end(waiting, Failure{Problem::bad_response, "the response is too large", {}}, now);
  }
  if (rule == MatchedBy::content)
    waiting->second.accepted_payload = response.payload;
  end(waiting,
      Answer{std::string(response.payload), rule, std::string(response.responder.value_or("")),
             std::string(response.content_type)},
      now);
}

/// Of its response topic; null where none are counted.
const Unmatched* Exchanges::unmatched_on(const Waiting& waiting) const {
  const auto& [topic, matching] =
      std::tie(waiting.request.response_topic, waiting.request.matching);
  if (std::holds_alternative<MatchByTurn>(matching))
    return &turn_matchers_.at(topic).unmatched;
  if (std::holds_alternative<MatchById>(matching)) {
    const auto matcher = id_matchers_.find(topic);
    return matcher != id_matchers_.end() ? &matcher->second.unmatched : nullptr;
  }
  const auto matcher = content_matchers_.find(topic);
  return matcher != content_matchers_.end() ? &matcher->second.unmatched : nullptr;
}

void Exchanges::enter_matcher(ExchangeId exchange, Waiting& waiting) {
  if (const auto* const rule = std::get_if<MatchByContent>(&waiting.request.matching)) {
    auto matcher = content_matchers_.find(waiting.request.response_topic);
    if (matcher == content_matchers_.end())
      matcher =
          content_matchers_.emplace(waiting.request.response_topic, ContentMatcher(rule->action))
              .first;
    else if (matcher->second.is_idle())
      idle_.erase({matcher->second.last_used(), waiting.request.response_topic});
    matcher->second.enter(exchange, waiting.request.payload);
  }
  if (const auto* const match = std::get_if<MatchById>(&waiting.request.matching)) {
    ++id_matchers_[waiting.request.response_topic].pointers[match->pointer];
    if (!waiting.request.error_topic.empty())
      ++id_matchers_[waiting.request.error_topic].pointers[match->pointer];
  }
  const Unmatched* const unmatched = unmatched_on(waiting);
  waiting.unmatched_before = unmatched != nullptr ? unmatched->count() : 0;
}

void Exchanges::leave_matcher(ExchangeId exchange, Waiting& waiting, Instant now) {
  if (waiting.missing_filters > 0)
    return;
  if (takes_turns(waiting.request)) {
    TurnMatcher& matcher = turn_matchers_.at(waiting.request.response_topic);
    forget_quarantine(waiting.request.response_topic, matcher);
    matcher.leave(exchange, waiting.request.correlation,
                  waiting.is_owed ? TurnMatcher::Owed::an_answer : TurnMatcher::Owed::nothing, now,
                  waiting.request.turn_rest.value_or(bounds_.turn_rest));
    remember_quarantine(waiting.request.response_topic, matcher);
    take_turns(waiting.request.response_topic, matcher, now);
    return end_hopeless(matcher, now);
  }
  if (!waiting.published)
    return;
  if (const auto* const match = std::get_if<MatchById>(&waiting.request.matching)) {
    leave_id_matcher(waiting.request.response_topic, match->pointer);
    if (!waiting.request.error_topic.empty())
      leave_id_matcher(waiting.request.error_topic, match->pointer);
    return;
  }
  if (!std::holds_alternative<MatchByContent>(waiting.request.matching))
    return;
  ContentMatcher& matcher = content_matchers_.at(waiting.request.response_topic);
  matcher.leave(exchange, std::move(waiting.request.payload), std::move(waiting.accepted_payload),
                now);
  if (matcher.is_idle())
    rest(waiting.request.response_topic, matcher);
}

void Exchanges::leave_id_matcher(const std::string& topic, const std::string& pointer) {
  const auto matcher = id_matchers_.find(topic);
  const auto count = matcher->second.pointers.find(pointer);
  if (--count->second == 0)
    matcher->second.pointers.erase(count);
  if (matcher->second.pointers.empty())
    id_matchers_.erase(matcher);
}

/// Of the matchers that hold nothing but memories, only the last ones are kept.
void Exchanges::rest(const std::string& topic, const ContentMatcher& matcher) {
  idle_.emplace(matcher.last_used(), topic);
  if (idle_.size() <= limits::idle_topics)
    return;
  const auto& [last_used, oldest] = *idle_.begin();
  forgetful_until_ = std::max(forgetful_until_, last_used + limits::memory_age);
  content_matchers_.erase(oldest);
  idle_.erase(idle_.begin());
}

}  // namespace mqtt_bridge

// Of the table of exchanges: what follows from who is there to answer.
#include <algorithm>
#include <utility>

#include "base/limits/exchange.hpp"
#include "exchange/exchanges.hpp"
#include "exchange/failures.hpp"

namespace mqtt_bridge {
namespace {

// What is taken for the way to the broker and back before it was measured.
constexpr auto unknown_round_trip = std::chrono::milliseconds(50);

}  // namespace

/// Whether a call may be published although presence says that its responders are gone: one in each
/// limits::presence_probe, since a responder need not announce itself.
bool Exchanges::may_probe(const std::string& topic, Instant now) {
  const auto is_over = [now](const auto& probe) {
    return is_due(probe.second + limits::presence_probe, now);
  };
  if (const auto last = probes_.find(topic); last != probes_.end() && !is_over(*last))
    return false;
  if (probes_.size() >= limits::presence_probes)
    std::erase_if(probes_, is_over);
  if (probes_.size() >= limits::presence_probes)
    return false;
  probes_.insert_or_assign(topic, now);
  return true;
}

/// Whether responders may just be on their way back, with the broker or after they lost it.
bool Exchanges::may_come_back(const std::string& action, Instant now) const {
  return unserved_.contains(action) ||
         (was_down_ && !is_due(up_since_ + limits::return_grace, now));
}

/// The shortest that answers take, of late.
void Exchanges::learn_answer_time(const std::string& action, Duration sample) {
  constexpr int weight = 8;
  const auto [known, is_new] = answer_times_.emplace(action, sample);
  if (!is_new)
    known->second = std::min(sample, known->second + (sample - known->second) / weight);
}

/// Coming back takes a responder some round trips: TCP, CONNECT, SUBSCRIBE, its announcement. It
/// may be further away from the broker than we; its answers tell.
Duration Exchanges::gone_grace(const std::string& action) const {
  const auto answer_time = answer_times_.find(action);
  const Duration ours = round_trip_.value_or(unknown_round_trip);
  const Duration trip =
      answer_time != answer_times_.end() ? std::max(ours, answer_time->second) : ours;
  return std::clamp<Duration>(limits::gone_round_trips * trip, limits::gone_grace,
                              limits::return_grace);
}

void Exchanges::announced(std::string_view responder, const std::vector<std::string>& actions,
                          Heard heard, Instant now, Correlates correlates) {
  const auto fresh = presence_.announced(responder, actions, heard, now, correlates);
  for (const auto& action : actions)
    unserved_.erase(action);
  // What waits for one of these may have been published while no responder was there for it, or
  // while this one had lost its connection.
  std::set<std::string> again(fresh.begin(), fresh.end());
  if (heard == Heard::live)
    again.insert(actions.begin(), actions.end());
  publish_again(again);
}

void Exchanges::gone(std::string_view responder, Instant now) {
  std::set<std::string> served;
  for (auto& action : presence_.gone(responder, now)) {
    if (!presence_.is_unserved(action, now))
      served.insert(std::move(action));  // another one may answer what this one got
    else if (link_ && unserved_.size() < most_unserved)
      unserved_.emplace(action, Unserved{now, now + gone_grace(action)});
  }
  publish_again(served);
}

void Exchanges::end_unserved(Instant now) {
  for (auto& action : presence_.expire(now))
    unserved_.emplace(std::move(action), Unserved{now, now});
  if (!link_)
    return;
  for (auto unserved = unserved_.begin(); unserved != unserved_.end();) {
    if (!is_due(unserved->second.until, now)) {
      ++unserved;
      continue;
    }
    const auto [action, when] = *unserved;
    unserved = unserved_.erase(unserved);
    if (presence_.is_unserved(action, now))
      end_unserved(action, when.since, now);
  }
}

/// The responders of `action` did not come back. Where the broker can say whether any client gets a
/// request, its word counts: what can be published again is, and what a client got since then waits
/// for its answer.
void Exchanges::end_unserved(const std::string& action, Instant since, Instant now) {
  const bool broker_tells = tells_subscribers_ || link_->may_tell_subscribers;
  for (auto& [id, waiting] : waiting_) {
    if (waiting.request.presence_key == action && broker_tells && waiting.request.is_idempotent &&
        !waiting.request.is_patient)
      publish_again(id, waiting);
  }
  end_all(now, [&](const Waiting& waiting) -> std::optional<Failure> {
    if (waiting.request.presence_key != action || waiting.request.is_patient)
      return std::nullopt;
    if (waiting.is_undelivered)
      return no_subscriber(waiting.request);
    const bool has_news = waiting.was_delivered && *waiting.published >= since;
    const bool is_told = !waiting.published || waiting.request.is_idempotent || has_news;
    return broker_tells && is_told ? std::nullopt : std::optional(gone_responders(action));
  });
}

}  // namespace mqtt_bridge

#include "mqtt/link_policy.hpp"

#include <algorithm>
#include <utility>

#include "base/limits/mqtt.hpp"
#include "mqtt/doubled.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

// An outage shorter than this is a restart, and is watched closely.
constexpr auto short_outage = 2s;
constexpr Duration short_outage_cap = 150ms;
// Between attempts while a call waits for the link.
constexpr auto needed_pause = 1s;
// After so many links in a row that lived shorter than this there is no connecting at once.
constexpr int many_short_links = 3;
constexpr Duration short_life = 100ms;
// Where the client id is shared: a link that lives this long had its turn.
constexpr Duration short_turn = 10s;
constexpr int broken_links_that_are_a_hint = 2;

Duration part_of(Duration whole, double part) {
  return std::chrono::duration_cast<Duration>(whole * part);
}

}  // namespace

LinkPolicy::LinkPolicy(Protocol protocol, Instant now, ClientId client_id, std::size_t brokers)
    : client_id_(client_id),
      versions_(brokers, VersionChoice(protocol)),
      next_attempt_(now),
      down_since_(now) {}

void LinkPolicy::attempt_begins(Instant now) {
  next_attempt_.reset();
  last_attempt_ = now;
  yields_ = false;
  versions_[broker_].attempt_begins(now);
}

void LinkPolicy::hurry(Instant now) {
  if (next_attempt_ && !yields_)
    next_attempt_ = std::min(*next_attempt_, std::max(now, last_attempt_ + needed_pause));
}

LinkPolicy::Verdict LinkPolicy::attempt_failed(ConnectFailure failure, Instant now, double jitter) {
  schedule(now, jitter);
  if (versions_[broker_].attempt_failed(failure, now)) {
    next_attempt_ = now;
  } else {
    turn_to_next_broker();
    if (++tried_ % versions_.size() != 0)
      next_attempt_ = now;  // that one was not tried yet, in this round
  }
  if (failure != ConnectFailure::ended && failure != ConnectFailure::ended_idle) {
    evidence_.forget();
    return Verdict::none;
  }
  const Verdict verdict = client_id_ == ClientId::shared
                              ? verdict_on_turns(++short_links_)
                              : evidence_.connection_ended(failure == ConnectFailure::ended_idle);
  if (client_id_ == ClientId::shared)
    schedule_after_break(now, jitter);
  else if (verdict == Verdict::taken_over)
    yield(now, jitter);
  return verdict;
}

// The link --------------------------------------------------------------------------------------

void LinkPolicy::link_is_up(bool is_forgotten, Instant now) {
  evidence_.link_is_up(is_forgotten);
  up_since_ = now;
  failures_ = 0;
  tried_ = 0;
  versions_[broker_].link_is_up();
}

Duration LinkPolicy::quiet_time() const {
  return client_id_ == ClientId::shared ? Duration(0) : evidence_.quiet_time();
}

LinkPolicy::Verdict LinkPolicy::link_lost(LinkLoss loss, Instant now, double jitter) {
  const Duration life = now - up_since_;
  const bool is_short = life < (client_id_ == ClientId::shared ? short_turn : short_life);
  short_links_ = is_short && loss != LinkLoss::renewed ? short_links_ + 1 : 0;
  failures_ = 0;
  tried_ = 0;
  down_since_ = now;
  if (life >= limits::yield_cap)
    yielded_ = 0;
  const Verdict verdict = judge(loss, life);
  if (verdict == Verdict::taken_over && client_id_ == ClientId::own)
    yield(now, jitter);
  else
    schedule_after_break(now, jitter);
  if (is_broker_to_be_left(loss))
    turn_to_next_broker();
  return verdict;
}

/// Else it comes first, since it keeps our session.
bool LinkPolicy::is_broker_to_be_left(LinkLoss loss) const {
  return loss == LinkLoss::silent ||
         (loss != LinkLoss::taken_over && short_links_ >= many_short_links);
}

LinkPolicy::Verdict LinkPolicy::judge(LinkLoss loss, Duration life) {
  switch (loss) {
    case LinkLoss::broken:
      return client_id_ == ClientId::shared ? verdict_on_turns(short_links_)
                                            : evidence_.link_broke(life);
    case LinkLoss::taken_over:
      return Verdict::taken_over;
    case LinkLoss::told:
    case LinkLoss::silent:
    case LinkLoss::renewed:
      evidence_.forget();
      return Verdict::none;
  }
  return Verdict::none;
}

/// A shared client id is used by others now and then.
LinkPolicy::Verdict LinkPolicy::verdict_on_turns(int broken_links) {
  return broken_links >= broken_links_that_are_a_hint ? Verdict::hint : Verdict::none;
}

/// The broker is there, so at once, but for a short pause after some links that were short: calls
/// wait for us, and it may be one of theirs that breaks them. Those that share a client id take
/// turns.
void LinkPolicy::schedule_after_break(Instant now, double jitter) {
  const int breaks =
      client_id_ == ClientId::shared ? short_links_ : short_links_ - many_short_links + 1;
  const Duration cap = client_id_ == ClientId::shared ? Duration(needed_pause) : short_outage_cap;
  next_attempt_ = now;
  if (breaks > 0)
    *next_attempt_ += part_of(doubled(limits::reconnect_base, breaks, cap), jitter);
}

/// Never fights back at once.
void LinkPolicy::yield(Instant now, double jitter) {
  evidence_.is_certain();
  yields_ = true;
  ++yielded_;
  next_attempt_ =
      now + part_of(doubled(limits::reconnect_cap, yielded_, limits::yield_cap), (1 + jitter) / 2);
}

/// Full jitter: anything up to a bound that doubles with each failure.
void LinkPolicy::schedule(Instant now, double jitter) {
  const bool is_short_outage = now - down_since_ < short_outage;
  const Duration cap = is_short_outage ? short_outage_cap : Duration(limits::reconnect_cap);
  next_attempt_ = now + part_of(doubled(limits::reconnect_base, ++failures_, cap), jitter);
}

}  // namespace mqtt_bridge

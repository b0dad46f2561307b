#include "mqtt/link_policy.hpp"

#include <algorithm>
#include <utility>

#include "base/limits/mqtt.hpp"

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
// Brokers that know 3.1.1 only may close on version 5 without a word (RabbitMQ before 3.13). One
// that is being shut down does so too, but hardly ever this often in a row; and whatever stands
// before a broker that is down, for as long as it is down, but then in either version.
constexpr int closures_that_mean_refusal = 3;

/// After the `count`th of something, counted from 1: doubles each time, up to a cap.
Duration doubled(Duration first, int count, Duration cap) {
  for (int i = 1; i < count && first < cap; ++i)
    first *= 2;
  return std::min(first, cap);
}

Duration part_of(Duration whole, double part) {
  return std::chrono::duration_cast<Duration>(whole * part);
}

}  // namespace

LinkPolicy::LinkPolicy(Protocol protocol, Instant now, ClientId client_id)
    : protocol_(protocol),
      client_id_(client_id),
      version_(protocol == Protocol::v3_1_1 ? MqttVersion::v3_1_1 : MqttVersion::v5),
      next_attempt_(now),
      down_since_(now) {}

void LinkPolicy::attempt_begins(Instant now) {
  next_attempt_.reset();
  last_attempt_ = now;
  yields_ = false;
  const bool is_older = refusals_of_newest_ > 0 && version_ == MqttVersion::v3_1_1;
  if (is_older && !is_trial_ &&
      now - newest_refused_at_ >=
          doubled(limits::version_pause, refusals_of_newest_, limits::version_pause_cap)) {
    version_ = MqttVersion::v5;
    tries_newest_again_ = true;
  }
}

void LinkPolicy::hurry(Instant now) {
  if (next_attempt_ && !yields_)
    next_attempt_ = std::min(*next_attempt_, std::max(now, last_attempt_ + needed_pause));
}

// The version -----------------------------------------------------------------------------------

LinkPolicy::Verdict LinkPolicy::attempt_failed(ConnectFailure failure, Instant now, double jitter) {
  schedule(now, jitter);
  choose_version(failure, now);
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

/// The next attempt is due at once if it is one in an older version.
void LinkPolicy::choose_version(ConnectFailure failure, Instant now) {
  const bool was_trial = std::exchange(is_trial_, false);
  if (was_trial && (failure == ConnectFailure::closed || failure == ConnectFailure::unreachable)) {
    version_ = MqttVersion::v5;  // it is merely down; closures_ stays, so the next one is tried too
    return;
  }
  if (failure == ConnectFailure::unreachable) {
    closures_ = 0;
    return;
  }
  if (std::exchange(tries_newest_again_, false))
    return fall_back(now);
  closures_ = failure == ConnectFailure::closed ? closures_ + 1 : 0;
  const bool is_refusal =
      failure == ConnectFailure::version_refused || closures_ >= closures_that_mean_refusal;
  if (!is_refusal || protocol_ != Protocol::automatic)
    return;
  if (version_ == MqttVersion::v5) {
    is_trial_ = failure == ConnectFailure::closed;
    fall_back(now);
  } else {
    version_ = MqttVersion::v5;
  }
  if (!is_trial_)
    closures_ = 0;
}

void LinkPolicy::fall_back(Instant now) {
  version_ = MqttVersion::v3_1_1;
  has_fallen_back_ = true;
  newest_refused_at_ = now;
  next_attempt_ = now;
}

// The link --------------------------------------------------------------------------------------

void LinkPolicy::link_is_up(bool is_forgotten, Instant now) {
  evidence_.link_is_up(is_forgotten);
  up_since_ = now;
  failures_ = 0;
  closures_ = 0;
  is_trial_ = false;
  tries_newest_again_ = false;
  const bool is_refused = std::exchange(has_fallen_back_, false);
  if (version_ == MqttVersion::v5)
    refusals_of_newest_ = 0;
  else if (is_refused)
    ++refusals_of_newest_;
}

Duration LinkPolicy::quiet_time() const {
  return client_id_ == ClientId::shared ? Duration(0) : evidence_.quiet_time();
}

LinkPolicy::Verdict LinkPolicy::link_lost(LinkLoss loss, Instant now, double jitter) {
  const Duration life = now - up_since_;
  const bool is_short = life < (client_id_ == ClientId::shared ? short_turn : short_life);
  short_links_ = is_short && loss != LinkLoss::renewed ? short_links_ + 1 : 0;
  failures_ = 0;
  down_since_ = now;
  if (life >= limits::yield_cap)
    yielded_ = 0;
  const Verdict verdict = judge(loss, life);
  if (verdict == Verdict::taken_over && client_id_ == ClientId::own)
    yield(now, jitter);
  else
    schedule_after_break(now, jitter);
  return verdict;
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

#include "core/link_policy.hpp"

#include <algorithm>
#include <utility>

#include "core/limits.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

// An outage shorter than this is a restart, and is watched closely.
constexpr auto short_outage = 2s;
constexpr auto short_outage_cap = 150ms;
// Between attempts while somebody needs the link.
constexpr auto needed_pause = 1s;
// Links that did not live this long: after so many in a row there is no connecting at once.
constexpr auto stable = 100ms;
constexpr int unstable_links = 3;
// Not every broker says that another client took our client id (mosquitto 2.0.11 does not, and
// MQTT 3.1.1 has no word for it). What can be seen: a link that did not live that long broke, the
// broker was there all the time, and when we were back it had forgotten our session. So often in a
// row is taken for it.
constexpr int forgotten_sessions_that_mean_take_over = 4;
constexpr auto short_life = 10s;
// Brokers that know 3.1.1 only may close on version 5 without a word (RabbitMQ before 3.13). One
// that is being shut down does so too, but hardly ever this often in a row; and whatever stands
// before a broker that is down, for as long as it is down, but then in either version.
constexpr int closures_that_mean_refusal = 3;

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
}

void LinkPolicy::hurry(Instant now) {
  if (next_attempt_ && !yields_)
    next_attempt_ = std::min(*next_attempt_, std::max(now, last_attempt_ + needed_pause));
}

void LinkPolicy::attempt_failed(ConnectFailure failure, Instant now, double jitter) {
  const bool was_trial = std::exchange(is_trial_, false);
  if (was_trial && (failure == ConnectFailure::closed || failure == ConnectFailure::unreachable)) {
    version_ = MqttVersion::v5;  // it is merely down; closures_ stays, so the next one is tried too
    return schedule(now, jitter);
  }
  closures_ = failure == ConnectFailure::closed ? closures_ + 1 : 0;
  const bool is_refusal =
      failure == ConnectFailure::version_refused || closures_ >= closures_that_mean_refusal;
  if (is_refusal && protocol_ == Protocol::automatic) {
    const bool was_newest = version_ == MqttVersion::v5;
    is_trial_ = was_newest && failure == ConnectFailure::closed;
    if (!is_trial_)
      closures_ = 0;
    version_ = was_newest ? MqttVersion::v3_1_1 : MqttVersion::v5;
    if (was_newest) {
      next_attempt_ = now;
      return;
    }
  }
  schedule(now, jitter);
}

void LinkPolicy::link_is_up(bool session_present, Instant now) {
  const bool is_suspicious =
      client_id_ == ClientId::configured && was_short_ && failures_ == 0 && !session_present;
  forgotten_sessions_ = is_suspicious ? forgotten_sessions_ + 1 : 0;
  up_since_ = now;
  closures_ = 0;
  is_trial_ = false;
}

LinkPolicy::Loss LinkPolicy::link_lost(Instant now, double jitter) {
  const Duration life = now - up_since_;
  was_short_ = life < short_life;
  unstable_links_ = life < stable ? unstable_links_ + 1 : 0;
  if (was_short_ && forgotten_sessions_ >= forgotten_sessions_that_mean_take_over) {
    taken_over(now, jitter);
    return Loss::taken_over;
  }
  if (unstable_links_ >= unstable_links) {
    schedule(now, jitter);
    return Loss::broken;
  }
  failures_ = 0;
  down_since_ = now;
  next_attempt_ = now;
  return Loss::broken;
}

void LinkPolicy::link_is_renewed(Instant now) {
  failures_ = 0;
  was_short_ = false;
  down_since_ = now;
  next_attempt_ = now;
}

void LinkPolicy::taken_over(Instant now, double jitter) {
  failures_ = 0;
  forgotten_sessions_ = 0;
  was_short_ = false;
  yields_ = true;
  down_since_ = now;
  next_attempt_ =
      now + std::chrono::duration_cast<Duration>(limits::reconnect_cap * (1 + jitter) / 2);
}

/// Full jitter: anything up to a bound that doubles with each failure.
void LinkPolicy::schedule(Instant now, double jitter) {
  Duration bound = limits::reconnect_base;
  for (int i = 0; i < failures_ && bound < limits::reconnect_cap; ++i)
    bound *= 2;
  bound = std::min<Duration>(
      bound, now - down_since_ < short_outage ? Duration(short_outage_cap) : limits::reconnect_cap);
  ++failures_;
  next_attempt_ = now + std::chrono::duration_cast<Duration>(bound * jitter);
}

}  // namespace mqtt_bridge

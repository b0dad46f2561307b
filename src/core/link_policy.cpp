#include "core/link_policy.hpp"

#include <algorithm>

#include "core/limits.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

// An outage shorter than this is a restart, and is watched closely.
constexpr auto short_outage = 2s;
constexpr auto short_outage_cap = 150ms;
// A link that did not live this long does not count as a success.
constexpr auto stable = 1s;
// Brokers that know 3.1.1 only may close on version 5 without a word; one that is being shut down
// does so too, but hardly ever this often in a row.
constexpr int closures_that_mean_refusal = 3;

}  // namespace

LinkPolicy::LinkPolicy(Protocol protocol, Instant now)
    : protocol_(protocol),
      version_(protocol == Protocol::v3_1_1 ? MqttVersion::v3_1_1 : MqttVersion::v5),
      next_attempt_(now),
      down_since_(now) {}

void LinkPolicy::attempt_failed(ConnectFailure failure, Instant now, double jitter) {
  closures_ = failure == ConnectFailure::closed ? closures_ + 1 : 0;
  const bool is_refusal =
      failure == ConnectFailure::version_refused || closures_ >= closures_that_mean_refusal;
  if (is_refusal && protocol_ == Protocol::automatic) {
    closures_ = 0;
    const bool was_newest = version_ == MqttVersion::v5;
    version_ = was_newest ? MqttVersion::v3_1_1 : MqttVersion::v5;
    if (was_newest) {
      next_attempt_ = now;
      return;
    }
  }
  schedule(now, jitter);
}

void LinkPolicy::link_is_up(Instant now) {
  up_since_ = now;
  closures_ = 0;
}

void LinkPolicy::link_lost(Instant now, double jitter) {
  const bool was_stable = up_since_ && now - *up_since_ >= stable;
  up_since_.reset();
  if (was_stable) {
    failures_ = 0;
    down_since_ = now;
    next_attempt_ = now;
    return;
  }
  schedule(now, jitter);
}

void LinkPolicy::taken_over(Instant now, double jitter) {
  up_since_.reset();
  failures_ = 0;
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

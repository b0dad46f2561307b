#include "mqtt/version_choice.hpp"

#include <utility>

#include "base/limits/mqtt.hpp"
#include "mqtt/doubled.hpp"

namespace mqtt_bridge {
namespace {

// Brokers that know 3.1.1 only may close on version 5 without a word (RabbitMQ before 3.13). One
// that is being shut down does so too, but hardly ever this often in a row; and whatever stands
// before a broker that is down, for as long as it is down, but then in either version.
constexpr int closures_that_mean_refusal = 3;

}  // namespace

VersionChoice::VersionChoice(Protocol protocol)
    : protocol_(protocol),
      version_(protocol == Protocol::v3_1_1 ? MqttVersion::v3_1_1 : MqttVersion::v5) {}

void VersionChoice::attempt_begins(Instant now) {
  const bool is_older = refusals_of_newest_ > 0 && version_ == MqttVersion::v3_1_1;
  if (is_older && !is_trial_ &&
      now - newest_refused_at_ >=
          doubled(limits::version_pause, refusals_of_newest_, limits::version_pause_cap)) {
    version_ = MqttVersion::v5;
    tries_newest_again_ = true;
  }
}

bool VersionChoice::attempt_failed(ConnectFailure failure, Instant now) {
  const bool was_trial = std::exchange(is_trial_, false);
  if (was_trial && (failure == ConnectFailure::closed || failure == ConnectFailure::unreachable)) {
    version_ = MqttVersion::v5;  // it is merely down; closures_ stays, so the next one is tried too
    return false;
  }
  if (failure == ConnectFailure::unreachable) {
    closures_ = 0;
    return false;
  }
  if (std::exchange(tries_newest_again_, false))
    return fall_back(now);
  closures_ = failure == ConnectFailure::closed ? closures_ + 1 : 0;
  const bool is_refusal =
      failure == ConnectFailure::version_refused || closures_ >= closures_that_mean_refusal;
  if (!is_refusal || protocol_ != Protocol::automatic)
    return false;
  const bool falls_back = version_ == MqttVersion::v5;
  if (falls_back) {
    is_trial_ = failure == ConnectFailure::closed;
    fall_back(now);
  } else {
    version_ = MqttVersion::v5;
  }
  if (!is_trial_)
    closures_ = 0;
  return falls_back;
}

bool VersionChoice::fall_back(Instant now) {
  version_ = MqttVersion::v3_1_1;
  has_fallen_back_ = true;
  newest_refused_at_ = now;
  return true;
}

void VersionChoice::link_is_up() {
  closures_ = 0;
  is_trial_ = false;
  tries_newest_again_ = false;
  const bool is_refused = std::exchange(has_fallen_back_, false);
  if (version_ == MqttVersion::v5)
    refusals_of_newest_ = 0;
  else if (is_refused)
    ++refusals_of_newest_;
}

}  // namespace mqtt_bridge

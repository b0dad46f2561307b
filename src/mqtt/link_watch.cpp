#include "mqtt/link_watch.hpp"

#include "base/limits.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

// A publish whose PUBACK takes longer than this may lie in the library, see mqtt/io/paho/.
constexpr auto kick_after = 5ms;
// While answers are expected: after so much silence the broker is asked for a sign of life. The
// PUBACK timeout and this together must stay below 5 s.
constexpr auto probe_after = 500ms;

}  // namespace

Duration LinkWatch::pause(bool is_up, const Subscriptions& subscriptions) const {
  const bool is_urgent = !is_up || !unacknowledged_.empty() || !subscriptions.is_settled() ||
                         (subscriptions.has_leaving() && !expects_answers_);
  return is_urgent ? Duration(kick_after) : Duration(probe_after);
}

bool LinkWatch::is_needed(bool is_up, const Subscriptions& subscriptions) const {
  return !is_up || expects_answers_ || !unacknowledged_.empty() || !subscriptions.is_settled() ||
         subscriptions.has_leaving();
}

bool LinkWatch::may_lie(bool is_up, const Subscriptions& subscriptions, Instant now) const {
  return !is_up || !subscriptions.is_settled() ||
         (!unacknowledged_.empty() && now - unacknowledged_.begin()->second >= kick_after);
}

LinkWatch::Finding LinkWatch::look(const Subscriptions& subscriptions, Instant now) const {
  const auto since = [now](Instant then) {
    return now - then >= limits::puback_timeout ? Finding::silent : Finding::well;
  };
  if (!unacknowledged_.empty())
    return since(unacknowledged_.begin()->second);
  if (!subscriptions.is_settled())
    return since(subscriptions.asked_at());
  return expects_answers_ && now - last_heard_ >= probe_after ? Finding::quiet : Finding::well;
}

}  // namespace mqtt_bridge

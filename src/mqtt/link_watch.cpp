#include "mqtt/link_watch.hpp"

#include "base/limits/mqtt.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

// A publish whose PUBACK takes longer than this may lie in the library, see mqtt/io/paho/.
constexpr auto kick_after = 5ms;
// While answers are expected: after so much silence the broker is asked for a sign of life. The
// PUBACK timeout and this together must stay below 5 s.
constexpr auto probe_after = 500ms;

}  // namespace

void LinkWatch::disconnected() {
  unacknowledged_.clear();
  in_order_.clear();
}

void LinkWatch::published(std::uint64_t id, Instant now) {
  if (unacknowledged_.emplace(id, now).second)
    in_order_.emplace_back(now, id);
}

void LinkWatch::acknowledged(std::uint64_t id) {
  unacknowledged_.erase(id);
  const auto is_out = [this](const auto& each) {
    const auto found = unacknowledged_.find(each.second);
    return found != unacknowledged_.end() && found->second == each.first;
  };
  while (!in_order_.empty() && !is_out(in_order_.front()))
    in_order_.pop_front();
}

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
         (!unacknowledged_.empty() && now - in_order_.front().first >= kick_after);
}

LinkWatch::Finding LinkWatch::look(const Subscriptions& subscriptions, Instant now) const {
  const auto is_overdue = [now](Instant since) { return now - since >= limits::puback_timeout; };
  const bool owes_answers = !subscriptions.is_settled();
  if ((!in_order_.empty() && is_overdue(in_order_.front().first)) ||
      (owes_answers && is_overdue(subscriptions.asked_at())))
    return Finding::silent;
  const bool owes_nothing = in_order_.empty() && !owes_answers;
  return owes_nothing && expects_answers_ && now - last_heard_ >= probe_after ? Finding::quiet
                                                                              : Finding::well;
}

}  // namespace mqtt_bridge

// The bridge as one of several daemons that serve the same NetIDs, see exchange/daemon_group.hpp.
#include <algorithm>
#include <utility>

#include "base/limits/responder.hpp"
#include "daemon/io/bridge.hpp"

namespace mqtt_bridge {

/// Says of itself what is due, and lets calls be made once the others are known.
void Bridge::take_part() {
  if (!link_.is_up() || is_leaving_)
    return;
  const auto now = Clock::now();
  if (const auto message = group_->next_message()) {
    link_.publish({.id = 0,  // that of no exchange
                   .topic = group_->status_topic(),
                   .payload = *message,
                   .retained = true});
  }
  if (!group_->is_settled())
    return;
  call_ids_.use_range(group_->id_range());
  exchanges_.set_company(Exchanges::Company{group_->why_no_turns(now)}, now);
  if (const auto change = group_->next_deadline(now))
    group_timer_.set(*change, [this] { take_part(); });
  if (auto link = std::exchange(link_to_use_, {})) {
    link->window = std::max<std::size_t>(link->window, 2) - 1;  // room for what it says of itself
    use_link(*link);
    tell_systemd();
  }
}

std::optional<std::string> Bridge::why_not_in_group() const {
  if (!link_to_use_)
    return std::nullopt;
  return "waiting to hear what this daemon said of itself on " + group_->status_topic() +
         "; may it publish and subscribe there?";
}

std::optional<GroupStatus> Bridge::group_status() const {
  if (!group_)
    return std::nullopt;
  return GroupStatus{group_->name(), group_->why_no_turns(Clock::now()), group_->others()};
}

/// The others are to know before the connection ends; with its end our will would not be sent.
void Bridge::leave_group() {
  link_.publish({.id = 0, .topic = group_->status_topic(), .payload = {}, .retained = true});
  drain_timer_.expires_after(limits::farewell_timeout);
  drain_timer_.async_wait([this](const std::error_code& error) {
    if (!error)
      end();
  });
}

void Bridge::publish(const MqttPublish& request) {
  if (!has_inbox_)
    return link_.publish(request);
  MqttPublish to_inbox = request;
  to_inbox.response_topic = inbox_.own(request.response_topic);
  link_.publish(to_inbox);
}

}  // namespace mqtt_bridge

// What the bridge does with what its link tells.
#include <set>
#include <string>

#include "daemon/io/bridge.hpp"
#include "exchange/driver.hpp"
#include "os/io/systemd.hpp"

namespace mqtt_bridge {

void Bridge::on_subscriptions_refused(const std::set<std::string>& filters) {
  exchanges_.subscriptions_refused(filters, Clock::now());
  has_inbox_ = inbox_.filter() && !filters.contains(*inbox_.filter());
  if (link_.is_up())
    tell_systemd();
}

void Bridge::on_subscribed(const std::string& filter, bool is_granted) {
  exchanges_.subscribed(filter, is_granted ? Exchanges::Granted::yes : Exchanges::Granted::no,
                        Clock::now());
}

void Bridge::on_link_up(const LinkUp& link) {
  metrics_.linked();
  linked_since_ = Clock::now();
  if (group_) {
    group_->link_up();
    link_to_use_ = link;
    take_part();
  } else {
    use_link(link);
  }
  tell_systemd();
}

/// Once it is known of all calls that are kept that they may be published from now on.
void Bridge::use_link(const LinkUp& link) {
  const auto times = metrics_.times_linked();
  later_.before_publishing([this, link, times] {
    if (!link_.is_up() || times != metrics_.times_linked())
      return;  // it was lost meanwhile
    exchanges_.link_up(link, Clock::now());
    act();
  });
}

void Bridge::on_link_down() {
  linked_since_.reset();
  link_to_use_.reset();
  if (group_)
    group_->link_down(Clock::now());
  last_loss_ = Happened{Clock::now(), link_.why_down()};
  exchanges_.link_down(link_.why_down(), Clock::now(), end_of(link_.last_loss()));
  tell_systemd();
}

void Bridge::on_attempt_failed(ConnectFailure, const std::string& why) {
  exchanges_.link_down(why, Clock::now());
  tell_systemd();
}

void Bridge::on_message(const MqttMessage& message) {
  const auto now = Clock::now();
  if (group_ && group_->heard(message.topic, message.payload, message.retained, now))
    return take_part();
  const auto before = exchanges_.drops();
  deliver(exchanges_, message, now, inbox_);
  // Our own requests, where they come back, would leave no room for what others sent.
  if (exchanges_.drops() != before && exchanges_.last_dropped() != Dropped::own)
    activity_.dropped(message.topic, message.payload.size(), to_string(exchanges_.last_dropped()),
                      now);
}

void Bridge::on_acknowledged(std::uint64_t id, Subscribers subscribers) {
  if (is_leaving_ && id == 0)
    return end();
  if (later_.are_kept())
    keep_acknowledged(id, subscribers);
  exchanges_.acknowledged(id, subscribers, Clock::now());
}

void Bridge::on_refused(std::uint64_t id, Refusal refusal, const std::string& why) {
  exchanges_.refused(id, refusal, why, Clock::now());
}

std::optional<std::string> Bridge::why_not_ready() const {
  if (is_draining_)
    return "this bridge is shutting down";
  if (!link_.is_up())
    return link_.why_down();
  if (auto why_not = why_not_in_group())
    return why_not;
  return link_.why_incomplete();
}

void Bridge::tell_systemd() const {
  if (const auto why = why_not_ready())
    return notify_status("not ready: " + *why);
  notify_status("ready: linked to " + to_string(link_.broker()) + " with MQTT " +
                std::string(to_string(link_.version())));
}

}  // namespace mqtt_bridge

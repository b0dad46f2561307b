// The response topics that only this daemon of a group has: `<netid>/<action>/response/<client id>`
// where others have `<netid>/<action>/response`. A service of MQTT 5 that takes the Response Topic
// answers there; the answers of others come on the common topic. For the table of exchanges the two
// are one topic.
// Value.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "exchange/topic.hpp"

namespace mqtt_bridge {

class ResponseInbox {
 public:
  ResponseInbox() = default;
  explicit ResponseInbox(const std::string& client_id) : end_("/" + client_id) {}

  /// For all NetIDs and actions; none where there is no inbox.
  std::optional<std::string> filter() const {
    return end_.empty() ? std::nullopt : std::optional("+/+/response" + end_);
  }
  /// The topic of ours for a common one; that itself where it has none.
  std::string own(std::string_view topic) const {
    return std::string(topic) + (parse_response_topic(topic) ? end_ : "");
  }
  /// The common topic of one of ours; any other topic is its own.
  std::string_view common(std::string_view topic) const {
    if (end_.empty() || !topic.ends_with(end_))
      return topic;
    const std::string_view begin = topic.substr(0, topic.size() - end_.size());
    return parse_response_topic(begin) ? begin : topic;
  }

 private:
  std::string end_;  // empty: there is none
};

}  // namespace mqtt_bridge

#include "exchange/response_topics.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "base/limits.hpp"

namespace mqtt_bridge {
namespace {

std::array<std::string_view, 2> topics_of(const MqttRequest& request) {
  return {request.response_topic, request.error_topic};
}

bool hears_itself(const MqttRequest& request) {
  return matches_levels(request.response_topic, request.request_topic) ||
         matches_levels(request.error_topic, request.request_topic);
}

std::size_t hash(std::string_view payload) {
  return std::hash<std::string_view>{}(payload);
}

template <typename Map, typename Key>
void leave_one(Map& map, const Key& key, std::size_t& calls) {
  if (--calls == 0)
    map.erase(key);
}

}  // namespace

void ResponseTopics::enter(const MqttRequest& request) {
  for (const std::string_view topic : topics_of(request))
    shapes_.add(topic);
  if (!request.error_topic.empty()) {
    Errors& errors = errors_[request.error_topic];
    errors.response_topic = request.response_topic;
    ++errors.calls;
  }
  if (hears_itself(request))
    ++echoes_[request.request_topic].calls;
}

void ResponseTopics::leave(const MqttRequest& request) {
  for (const std::string_view topic : topics_of(request))
    shapes_.remove(topic);
  if (!request.error_topic.empty())
    leave_one(errors_, request.error_topic, errors_[request.error_topic].calls);
  if (hears_itself(request))
    leave_one(echoes_, request.request_topic, echoes_[request.request_topic].calls);
}

std::string_view ResponseTopics::of_errors(std::string_view topic) const {
  const auto found = errors_.find(topic);
  return found != errors_.end() ? std::string_view(found->second.response_topic) : "";
}

void ResponseTopics::echo_expected(const MqttRequest& request) {
  const auto found = echoes_.find(request.request_topic);
  if (found == echoes_.end())
    return;
  found->second.payloads.push_back(hash(request.payload));
  if (found->second.payloads.size() > limits::turn_answers)
    found->second.payloads.pop_front();
}

bool ResponseTopics::is_echo(std::string_view topic, std::string_view payload) {
  const auto found = echoes_.find(topic);
  if (found == echoes_.end())
    return false;
  auto& payloads = found->second.payloads;
  const auto echo = std::find(payloads.begin(), payloads.end(), hash(payload));
  if (echo == payloads.end())
    return false;
  payloads.erase(echo);
  return true;
}

}  // namespace mqtt_bridge

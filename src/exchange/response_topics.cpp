#include "exchange/response_topics.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "base/limits/exchange.hpp"

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
  if (hears_itself(request) && ++echoes_[request.request_topic].calls == 1)
    std::erase(without_calls_, request.request_topic);
}

void ResponseTopics::leave(const MqttRequest& request) {
  for (const std::string_view topic : topics_of(request))
    shapes_.remove(topic);
  if (!request.error_topic.empty())
    leave_one(errors_, request.error_topic, errors_[request.error_topic].calls);
  if (hears_itself(request))
    leave_echoes(request.request_topic);
}

void ResponseTopics::leave_echoes(const std::string& topic) {
  const auto left = echoes_.find(topic);
  if (--left->second.calls > 0)
    return;
  if (left->second.expected.empty()) {
    echoes_.erase(left);
    return;
  }
  without_calls_.push_back(topic);
  if (without_calls_.size() > limits::idle_topics) {
    echoes_.erase(without_calls_.front());
    without_calls_.pop_front();
  }
}

std::string_view ResponseTopics::of_errors(std::string_view topic) const {
  const auto found = errors_.find(topic);
  return found != errors_.end() ? std::string_view(found->second.response_topic) : "";
}

void ResponseTopics::echo_expected(const MqttRequest& request, Instant now) {
  const auto found = echoes_.find(request.request_topic);
  if (found == echoes_.end())
    return;
  found->second.expected.push_back({now, hash(request.payload)});
  if (found->second.expected.size() > limits::turn_answers)
    found->second.expected.pop_front();
}

bool ResponseTopics::is_echo(std::string_view topic, std::string_view payload, Instant now) {
  const auto found = echoes_.find(topic);
  if (found == echoes_.end())
    return false;
  auto& expected = found->second.expected;
  while (!expected.empty() && now - expected.front().published > limits::memory_age)
    expected.pop_front();
  const auto echo = std::ranges::find(expected, hash(payload), &Echo::payload);
  const bool is_expected = echo != expected.end();
  if (is_expected)
    expected.erase(echo);
  if (expected.empty() && found->second.calls == 0) {
    std::erase(without_calls_, found->first);
    echoes_.erase(found);
  }
  return is_expected;
}

}  // namespace mqtt_bridge

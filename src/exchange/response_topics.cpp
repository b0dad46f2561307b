#include "exchange/response_topics.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "base/limits.hpp"

namespace mqtt_bridge {
namespace {

std::string_view take_level(std::string_view& topic) {
  const std::string_view level = topic.substr(0, topic.find('/'));
  topic.remove_prefix(std::min(level.size() + 1, topic.size()));
  return level;
}

std::size_t levels_of(std::string_view topic) {
  return static_cast<std::size_t>(std::count(topic.begin(), topic.end(), '/')) + 1;
}

std::vector<bool> shape_of(std::string_view filter) {
  std::vector<bool> shape(levels_of(filter));
  for (std::size_t i = 0; i < shape.size(); ++i)
    shape[i] = take_level(filter) == "+";
  return shape;
}

bool has_unknown_levels(std::string_view filter) {
  return filter.find('+') != std::string_view::npos;
}

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

bool matches_levels(std::string_view filter, std::string_view topic) {
  if (!has_unknown_levels(filter))
    return filter == topic;
  if (levels_of(filter) != levels_of(topic))
    return false;
  for (std::size_t left = levels_of(filter); left > 0; --left) {
    const std::string_view wanted = take_level(filter);
    if (const std::string_view level = take_level(topic); wanted != "+" && wanted != level)
      return false;
  }
  return true;
}

void ResponseTopics::enter(const MqttRequest& request) {
  for (const std::string_view topic : topics_of(request)) {
    if (has_unknown_levels(topic))
      ++shapes_[shape_of(topic)];
  }
  if (!request.error_topic.empty()) {
    Errors& errors = errors_[request.error_topic];
    errors.response_topic = request.response_topic;
    ++errors.calls;
  }
  if (hears_itself(request))
    ++echoes_[request.request_topic].calls;
}

void ResponseTopics::leave(const MqttRequest& request) {
  for (const std::string_view topic : topics_of(request)) {
    if (!has_unknown_levels(topic))
      continue;
    const auto shape = shape_of(topic);
    leave_one(shapes_, shape, shapes_[shape]);
  }
  if (!request.error_topic.empty())
    leave_one(errors_, request.error_topic, errors_[request.error_topic].calls);
  if (hears_itself(request))
    leave_one(echoes_, request.request_topic, echoes_[request.request_topic].calls);
}

std::vector<std::string> ResponseTopics::masked(std::string_view topic) const {
  std::vector<std::string> all;
  const std::size_t levels = levels_of(topic);
  for (const auto& [shape, calls] : shapes_) {
    if (shape.size() != levels)
      continue;
    std::string masked;
    std::string_view rest = topic;
    for (std::size_t i = 0; i < levels; ++i) {
      const std::string_view level = take_level(rest);
      masked.append(i > 0 ? "/" : "").append(shape[i] ? "+" : level);
    }
    all.push_back(std::move(masked));
  }
  return all;
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

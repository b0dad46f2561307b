#include "exchange/topic_shapes.hpp"

#include <algorithm>
#include <utility>

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

void TopicShapes::add(std::string_view filter) {
  if (has_unknown_levels(filter))
    ++shapes_[shape_of(filter)];
}

void TopicShapes::remove(std::string_view filter) {
  if (!has_unknown_levels(filter))
    return;
  const auto shape = shapes_.find(shape_of(filter));
  if (--shape->second == 0)
    shapes_.erase(shape);
}

std::vector<std::string> TopicShapes::masked(std::string_view topic) const {
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

}  // namespace mqtt_bridge

#include "exchange/topic_shapes.hpp"

#include <algorithm>
#include <utility>

#include "exchange/topic.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::string_view open_level = "+";

std::vector<bool> shape_of(std::string_view filter) {
  std::vector<bool> shape;
  for (const std::string_view level : levels_of(filter))
    shape.push_back(level == open_level);
  return shape;
}

bool has_unknown_levels(std::string_view filter) {
  return filter.find('+') != std::string_view::npos;
}

}  // namespace

bool matches_levels(std::string_view filter, std::string_view topic) {
  if (!has_unknown_levels(filter))
    return filter == topic;
  const auto wanted = levels_of(filter);
  const auto levels = levels_of(topic);
  return std::equal(wanted.begin(), wanted.end(), levels.begin(), levels.end(),
                    [](std::string_view want, std::string_view level) {
                      return want == open_level || want == level;
                    });
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
  if (shapes_.empty())
    return all;
  const auto levels = levels_of(topic);
  for (const auto& [shape, filters] : shapes_) {
    if (shape.size() != levels.size())
      continue;
    std::string masked;
    for (std::size_t i = 0; i < levels.size(); ++i)
      masked.append(i > 0 ? "/" : "").append(shape[i] ? open_level : levels[i]);
    all.push_back(std::move(masked));
  }
  return all;
}

}  // namespace mqtt_bridge

// Which levels of topic filters are open ('+'), so that the filters that a topic matches are looked
// up and not searched for: there may be thousands of filters, and a few shapes of them.
// Value; the owner serialises.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mqtt_bridge {

/// Whether `topic` is one of `filter`, whose levels are as they are, or '+' (MQTT 5.0 4.7.1.3).
bool matches_levels(std::string_view filter, std::string_view topic);

class TopicShapes {
 public:
  /// One without open levels has no shape.
  void add(std::string_view filter);
  /// REQUIRES: it was added.
  void remove(std::string_view filter);

  /// `topic` with '+' in place of levels, in each of the shapes that it has levels for.
  std::vector<std::string> masked(std::string_view topic) const;
  bool empty() const { return shapes_.empty(); }

 private:
  using Shape = std::vector<bool>;  // of each level: whether it is open

  std::map<Shape, std::size_t> shapes_;  // and how many filters have them
};

}  // namespace mqtt_bridge

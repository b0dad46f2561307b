// Topic filters in an order, none of them twice. Those of many NetIDs and a few actions are kept
// as these, not as one text each: 10,000 NetIDs and five actions are 10,005 texts.
//
// What a function costs follows the number of first levels, not that of filters; but contains()
// and take_first() cost next to nothing.
// Value.
#pragma once

#include <cstddef>
#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace mqtt_bridge {

class TopicFilters {
 public:
  TopicFilters() = default;
  /// A few, in this order.
  TopicFilters(std::initializer_list<std::string> filters);
  /// Each first level (such as `alice`) with each of a few rests (such as `/uppercase/response`),
  /// in the order of the first levels.
  static TopicFilters combined(std::vector<std::string> firsts, std::vector<std::string> rests);

  /// REQUIRES: none of `filters` is among these.
  void append(TopicFilters filters);

  bool empty() const { return blocks_.empty(); }
  std::size_t size() const;
  bool contains(std::string_view filter) const;
  bool has_wildcard() const;
  bool has_shared() const;

  /// Those that are not among `others`; their order may be another one.
  TopicFilters without(const TopicFilters& others) const;

  /// REQUIRES: !empty().
  std::string first() const;
  std::string take_first();

 private:
  /// Each first level with each rest; neither is empty.
  struct Block {
    std::vector<std::string> firsts;  // sorted, the last one first, so that it is easy to take
    std::vector<std::string> rests;   // in their order; each is empty or begins with '/'
  };

  static Block block_of(std::string_view filter);
  static void subtract(Block block, const Block& other, std::deque<Block>& left);

  std::deque<Block> blocks_;
};

bool has_wildcard(std::string_view filter);
/// MQTT 5.0 4.8.2.
bool is_shared(std::string_view filter);

}  // namespace mqtt_bridge

#include "mqtt/topic_filters.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

namespace mqtt_bridge {
namespace {

const std::greater<> last_one_first;
constexpr std::string_view share = "$share";

struct Split {
  std::string_view first;
  std::string_view rest;
};

Split split(std::string_view filter) {
  const std::size_t end = std::min(filter.find('/'), filter.size());
  return {filter.substr(0, end), filter.substr(end)};
}

bool has(const std::vector<std::string>& few, std::string_view text) {
  return std::find(few.begin(), few.end(), text) != few.end();
}

}  // namespace

bool has_wildcard(std::string_view filter) {
  return filter.find_first_of("+#") != std::string_view::npos;
}

bool is_shared(std::string_view filter) {
  return split(filter).first == share;
}

TopicFilters::TopicFilters(std::initializer_list<std::string> filters) {
  for (const auto& filter : filters)
    blocks_.push_back(block_of(filter));
}

TopicFilters TopicFilters::combined(std::vector<std::string> firsts,
                                    std::vector<std::string> rests) {
  std::sort(firsts.begin(), firsts.end(), last_one_first);
  firsts.erase(std::unique(firsts.begin(), firsts.end()), firsts.end());
  Block block{std::move(firsts), {}};
  for (std::string& rest : rests) {
    if (!has(block.rests, rest))
      block.rests.push_back(std::move(rest));
  }
  TopicFilters filters;
  if (!block.firsts.empty() && !block.rests.empty())
    filters.blocks_.push_back(std::move(block));
  return filters;
}

TopicFilters::Block TopicFilters::block_of(std::string_view filter) {
  const auto [first, rest] = split(filter);
  return {{std::string(first)}, {std::string(rest)}};
}

void TopicFilters::append(TopicFilters filters) {
  std::move(filters.blocks_.begin(), filters.blocks_.end(), std::back_inserter(blocks_));
}

std::size_t TopicFilters::size() const {
  std::size_t size = 0;
  for (const Block& block : blocks_)
    size += block.firsts.size() * block.rests.size();
  return size;
}

bool TopicFilters::contains(std::string_view filter) const {
  const Split wanted = split(filter);
  return std::any_of(blocks_.begin(), blocks_.end(), [&wanted](const Block& block) {
    return has(block.rests, wanted.rest) &&
           std::binary_search(block.firsts.begin(), block.firsts.end(), wanted.first,
                              last_one_first);
  });
}

bool TopicFilters::has_wildcard() const {
  const auto has_one = [](const std::string& level) { return mqtt_bridge::has_wildcard(level); };
  return std::any_of(blocks_.begin(), blocks_.end(), [&](const Block& block) {
    return std::any_of(block.firsts.begin(), block.firsts.end(), has_one) ||
           std::any_of(block.rests.begin(), block.rests.end(), has_one);
  });
}

bool TopicFilters::has_shared() const {
  return std::any_of(blocks_.begin(), blocks_.end(), [](const Block& block) {
    return std::binary_search(block.firsts.begin(), block.firsts.end(), share, last_one_first);
  });
}

TopicFilters TopicFilters::without(const TopicFilters& others) const {
  TopicFilters left = *this;
  for (const Block& other : others.blocks_) {
    for (Block& block : std::exchange(left.blocks_, {}))
      subtract(std::move(block), other, left.blocks_);
  }
  return left;
}

/// Adds to `left` what is in `block` and not in `other`.
void TopicFilters::subtract(Block block, const Block& other, std::deque<Block>& left) {
  std::vector<std::string> rests;
  std::copy_if(block.rests.begin(), block.rests.end(), std::back_inserter(rests),
               [&](const std::string& rest) { return !has(other.rests, rest); });
  if (rests.size() == block.rests.size()) {
    left.push_back(std::move(block));
    return;
  }
  Block in_both{{}, std::move(rests)};
  Block only_here{{}, std::move(block.rests)};
  auto theirs = other.firsts.begin();
  for (std::string& first : block.firsts) {
    while (theirs != other.firsts.end() && *theirs > first)
      ++theirs;
    const bool is_theirs = theirs != other.firsts.end() && *theirs == first;
    (is_theirs ? in_both : only_here).firsts.push_back(std::move(first));
  }
  for (Block& part : {std::ref(only_here), std::ref(in_both)}) {
    if (!part.firsts.empty() && !part.rests.empty())
      left.push_back(std::move(part));
  }
}

std::string TopicFilters::first() const {
  return blocks_.front().firsts.back() + blocks_.front().rests.front();
}

std::string TopicFilters::take_first() {
  if (Block& block = blocks_.front(); block.firsts.size() > 1) {
    Block row{{std::move(block.firsts.back())}, block.rests};
    block.firsts.pop_back();
    blocks_.push_front(std::move(row));
  }
  std::string filter = first();
  Block& row = blocks_.front();
  row.rests.erase(row.rests.begin());
  if (row.rests.empty())
    blocks_.pop_front();
  return filter;
}

}  // namespace mqtt_bridge

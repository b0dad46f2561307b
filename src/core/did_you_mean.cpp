#include "core/did_you_mean.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

#include "core/ascii.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t most_letters = 2;

/// How many letters have to be put in, taken out or replaced to make `a` of `b` (Levenshtein).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const bool is_same = ascii::to_lower(a[i]) == ascii::to_lower(b[j]);
      const std::size_t replaced = diagonal + (is_same ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string_view did_you_mean(std::string_view name, std::span<const std::string_view> known) {
  std::size_t best = most_letters + 1;
  std::string_view suggestion;
  for (const std::string_view each : known) {
    if (name.size() > each.size() + most_letters)
      continue;  // too far, and perhaps as long as a caller likes
    const std::size_t distance = edit_distance(name, each);
    if (distance < best) {
      best = distance;
      suggestion = each;
    }
  }
  return suggestion;
}

}  // namespace mqtt_bridge

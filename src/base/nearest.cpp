#include "base/nearest.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

#include "base/ascii.hpp"

namespace mqtt_bridge {
namespace {

/// How many letters have to be put in, taken out or replaced to make `a` of `b` (Levenshtein).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced =
          diagonal + (ascii::to_lower(a[i]) == ascii::to_lower(b[j]) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  constexpr std::size_t alike = 2;
  std::size_t best = alike + 1;
  std::string_view found;
  for (const std::string_view each : known) {
    const std::size_t longer = std::max(word.size(), each.size());
    if (longer - std::min(word.size(), each.size()) > alike)  // the distance is at least that
      continue;
    const std::size_t distance = edit_distance(word, each);
    if (distance < best && 2 * distance <= longer) {
      best = distance;
      found = each;
    }
  }
  return found;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
  const std::string_view found = nearest(word, known);
  return found.empty() ? "" : "; did you mean '" + std::string(found) + "'?";
}

}  // namespace mqtt_bridge

// The input: a duration as people write it; its first eight bytes also as a number.
#include "base/duration.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/ascii.hpp"
#include "fuzz.hpp"

namespace mqtt_bridge {
namespace {

using std::chrono::milliseconds;

void check_number(std::string_view input) {
  std::int64_t count = 0;
  if (input.size() < sizeof count)
    return;
  std::memcpy(&count, input.data(), sizeof count);
  if (count < 0)
    return;
  for (const std::int64_t each : {count, count % 100'000, count % 1000 * 1000})
    require(parse_duration(duration_text(milliseconds(each))) == milliseconds(each),
            "a duration is read back");
}

/// Reads a text of at most 17 digits in all, where nothing overflows 128 bits.
std::optional<milliseconds> naive(std::string_view text) {
  using Wide = __int128;
  const auto digits_end = text.find_first_not_of("0123456789.");
  const std::string_view number = text.substr(0, digits_end);
  const std::string_view unit = text.substr(number.size());
  const Wide factor = unit == "ms"                  ? 1
                      : unit == "s" || unit.empty() ? 1000
                      : unit == "m"                 ? 60'000
                                                    : 0;
  const auto point = number.find('.');
  if (factor == 0 || number.empty() || point == 0 || point == number.size() - 1 ||
      std::count(number.begin(), number.end(), '.') > 1) {
    return std::nullopt;
  }
  Wide value = 0;
  Wide scale = 1;
  for (std::size_t i = 0; i < number.size(); ++i) {
    if (i == point)
      continue;
    value = value * 10 + (number[i] - '0');
    if (point != std::string_view::npos && i > point)
      scale *= 10;
  }
  if (value * factor % scale != 0 || value * factor / scale > INT64_MAX)
    return std::nullopt;
  return milliseconds(static_cast<std::int64_t>(value * factor / scale));
}

}  // namespace

void fuzz(std::string_view input) {
  check_number(input);
  const auto duration = parse_duration(input);
  if (std::count_if(input.begin(), input.end(), ascii::is_digit) <= 17)
    require(duration == naive(input), "a duration is what its digits and its unit say");
  if (!duration)
    return;
  require(duration->count() >= 0, "a duration is not negative");
  require(parse_duration(duration_text(*duration)) == duration, "a duration is read back");
}

}  // namespace mqtt_bridge

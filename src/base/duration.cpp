#include "base/duration.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <system_error>

#include "base/ascii.hpp"

namespace mqtt_bridge {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};
// "ms" first, since "1ms" ends in "s" as well.
constexpr std::array units{Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000}};
constexpr const Unit& seconds = units[1];  // what a number alone means

constexpr std::size_t fraction_digits = 9;  // more cannot be a whole number of milliseconds

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), ascii::is_digit);
}

std::optional<std::int64_t> parse_digits(std::string_view text) {
  std::int64_t value = 0;
  if (!is_digits(text))
    return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{})
    return std::nullopt;
  return value;
}

/// The milliseconds in `0.<digits>` units; nothing when they are not a whole number.
std::optional<std::int64_t> parse_fraction(std::string_view digits, const Unit& unit) {
  if (!is_digits(digits))
    return std::nullopt;
  while (digits.size() > 1 && digits.back() == '0')
    digits.remove_suffix(1);
  if (digits.size() > fraction_digits)
    return std::nullopt;
  const auto value = parse_digits(digits);
  std::int64_t scale = 1;
  for (std::size_t i = 0; i < digits.size(); ++i)
    scale *= 10;
  if ((*value * unit.milliseconds) % scale != 0)
    return std::nullopt;
  return *value * unit.milliseconds / scale;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto named = std::find_if(units.begin(), units.end(),
                                  [text](const Unit& u) { return text.ends_with(u.name); });
  const Unit& unit = named != units.end() ? *named : seconds;
  if (named != units.end())
    text.remove_suffix(unit.name.size());

  const std::size_t point = text.find('.');
  const auto whole = parse_digits(text.substr(0, point));
  std::optional<std::int64_t> fraction = 0;
  if (point != std::string_view::npos)
    fraction = parse_fraction(text.substr(point + 1), unit);
  if (!whole || !fraction)
    return std::nullopt;

  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  if (*whole > (most - *fraction) / unit.milliseconds)
    return std::nullopt;
  return std::chrono::milliseconds(*whole * unit.milliseconds + *fraction);
}

std::string duration_text(std::chrono::milliseconds duration) {
  const auto unit = std::find_if(units.rbegin(), units.rend(), [duration](const Unit& u) {
    return duration.count() != 0 && duration.count() % u.milliseconds == 0;
  });
  if (unit == units.rend())
    return "0s";
  return std::to_string(duration.count() / unit->milliseconds) + std::string(unit->name);
}

}  // namespace mqtt_bridge

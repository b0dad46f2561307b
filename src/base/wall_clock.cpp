#include "base/wall_clock.hpp"

namespace mqtt_bridge {
namespace {

std::string digits(long long number, std::size_t count) {
  std::string text = std::to_string(number);
  return text.size() < count ? std::string(count - text.size(), '0') + text : text;
}

}  // namespace

std::string date_text(std::chrono::system_clock::time_point time) {
  using namespace std::chrono;
  const auto rounded = floor<milliseconds>(time);
  const auto day = floor<days>(rounded);
  const year_month_day date(day);
  const hh_mm_ss of_day(rounded - day);
  return digits(static_cast<int>(date.year()), 4) + "-" +
         digits(static_cast<unsigned>(date.month()), 2) + "-" +
         digits(static_cast<unsigned>(date.day()), 2) + "T" + digits(of_day.hours().count(), 2) +
         ":" + digits(of_day.minutes().count(), 2) + ":" + digits(of_day.seconds().count(), 2) +
         "." + digits(of_day.subseconds().count(), 3) + "Z";
}

}  // namespace mqtt_bridge

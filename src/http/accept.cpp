#include "http/accept.hpp"

#include <algorithm>
#include <cstddef>

#include "base/ascii.hpp"

namespace mqtt_bridge {
namespace {

constexpr int whole = 1000;  // the weight 1.000

/// Takes what is before `separator` out of `rest`.
std::string_view next_part(std::string_view& rest, char separator) {
  const auto end = std::min(rest.find(separator), rest.size());
  const std::string_view part = ascii::trim(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

/// RFC 9110 12.4.2: 0 to 1 with at most three decimals, in thousandths; else 0.
int weight_of(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1') ||
      (text.size() > 1 && text[1] != '.')) {
    return 0;
  }
  int weight = (text[0] - '0') * whole;
  int place = whole;
  for (const char digit : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (!ascii::is_digit(digit))
      return 0;
    place /= 10;
    weight += (digit - '0') * place;
  }
  return std::min(weight, whole);
}

/// What the field says of one type. The most specific range counts (RFC 9110 12.5.1).
struct Wish {
  std::string_view type;
  std::string_view all_of_its_kind;
  int specificity = 0;
  int weight = 0;

  void consider(std::string_view range, int its_weight) {
    const int its_specificity = ascii::equals_ignoring_case(range, type)              ? 3
                                : ascii::equals_ignoring_case(range, all_of_its_kind) ? 2
                                : range == "*/*"                                      ? 1
                                                                                      : 0;
    if (its_specificity <= specificity)
      return;
    specificity = its_specificity;
    weight = its_weight;
  }
};

void consider_all(std::string_view accept, Wish& one, Wish& other) {
  while (!accept.empty()) {
    std::string_view parameters = next_part(accept, ',');
    const std::string_view range = next_part(parameters, ';');
    int weight = whole;
    while (!parameters.empty()) {
      const std::string_view parameter = next_part(parameters, ';');
      if (ascii::equals_ignoring_case(parameter.substr(0, 2), "q="))
        weight = weight_of(parameter.substr(2));
    }
    one.consider(range, weight);
    other.consider(range, weight);
  }
}

}  // namespace

bool prefers_json(std::string_view accept) {
  Wish json{"application/json", "application/*"};
  Wish text{"text/plain", "text/*"};
  consider_all(accept, json, text);
  if (json.weight != text.weight)
    return json.weight > text.weight;
  const bool is_json_named = json.specificity > 1;
  const bool is_text_named = text.specificity > 1;
  return json.weight > 0 && is_json_named && !is_text_named;
}

bool prefers_html(std::string_view accept) {
  constexpr int by_its_name = 3;
  Wish html{"text/html", "text/*"};
  Wish text{"text/plain", "text/*"};
  consider_all(accept, html, text);
  return html.specificity == by_its_name && html.weight > 0 && html.weight >= text.weight;
}

}  // namespace mqtt_bridge

// The input: a text with variables in braces.
#include "route/text_template.hpp"

#include <algorithm>

#include "fuzz.hpp"

namespace mqtt_bridge {

void fuzz(std::string_view input) {
  const auto parsed = TextTemplate::parse(input);
  const bool has_brace = input.find_first_of("{}") != std::string_view::npos;
  if (const auto* const fault = std::get_if<std::string>(&parsed)) {
    require(has_brace && fault->find(input) != std::string::npos, "only braces can be wrong");
    return;
  }
  const auto& text = std::get<TextTemplate>(parsed);
  require(text.text() == input, "a template is what was written");
  const auto names = text.variables();
  require(has_brace == !names.empty(), "braces are variables");
  std::string value;
  const auto in_braces = [&value](std::string_view name) {
    value = "{" + std::string(name) + "}";
    return std::string_view(value);
  };
  require(text.expand(in_braces) == input, "what is not a variable stays");
  const std::string without = text.expand([](std::string_view) { return std::string_view(); });
  require(without.find_first_of("{}") == std::string::npos, "no brace is left");
  for (const std::string& name : names)
    require(is_variable_name(name) && text.has(name), "variables have names");
  require(text.begins_with_variable() == input.starts_with('{'), "it knows how it begins");
}

}  // namespace mqtt_bridge

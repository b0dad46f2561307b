#include "route/text_template.hpp"

#include <algorithm>

#include "base/ascii.hpp"

namespace mqtt_bridge {

bool is_variable_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return ascii::is_alpha(c) || ascii::is_digit(c) || c == '-' || c == '_';
  });
}

std::variant<TextTemplate, std::string> TextTemplate::parse(std::string_view text) {
  TextTemplate parsed;
  parsed.text_ = text;
  while (!text.empty()) {
    const std::size_t brace = std::min(text.find_first_of("{}"), text.size());
    if (brace > 0)
      parsed.parts_.push_back({std::string(text.substr(0, brace)), false});
    text.remove_prefix(brace);
    if (text.empty())
      break;
    const std::size_t end = text.find('}');
    const bool is_closed = text.front() == '{' && end != std::string_view::npos;
    const std::string_view name = is_closed ? text.substr(1, end - 1) : std::string_view();
    if (!is_variable_name(name)) {
      return "'" + parsed.text_ + "' has a brace that is not part of a variable such as {device}";
    }
    parsed.parts_.push_back({std::string(name), true});
    text.remove_prefix(end + 1);
  }
  return parsed;
}

std::string TextTemplate::expand(
    const std::function<std::string_view(std::string_view)>& value_of) const {
  std::string text;
  for (const Part& part : parts_)
    text.append(part.is_variable ? value_of(part.text) : std::string_view(part.text));
  return text;
}

bool TextTemplate::has(std::string_view variable) const {
  return std::any_of(parts_.begin(), parts_.end(), [variable](const Part& part) {
    return part.is_variable && part.text == variable;
  });
}

std::vector<std::string> TextTemplate::variables() const {
  std::vector<std::string> names;
  for (const Part& part : parts_) {
    if (part.is_variable)
      names.push_back(part.text);
  }
  return names;
}

}  // namespace mqtt_bridge

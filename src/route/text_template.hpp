// A text with variables in braces, such as `zigbee2mqtt/{device}/get`. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace mqtt_bridge {

class TextTemplate {
 public:
  TextTemplate() = default;
  /// The template, or what is wrong with it, as a sentence. A variable's name is made of letters,
  /// digits, '-' and '_'. Braces that hold none are not allowed.
  static std::variant<TextTemplate, std::string> parse(std::string_view text);

  /// `value_of`: the value of each variable.
  std::string expand(const std::function<std::string_view(std::string_view)>& value_of) const;

  const std::string& text() const { return text_; }
  bool has(std::string_view variable) const;
  std::vector<std::string> variables() const;
  bool begins_with_variable() const { return !parts_.empty() && parts_.front().is_variable; }

 private:
  struct Part {
    std::string text;  // or the name of a variable
    bool is_variable;
  };

  std::string text_;
  std::vector<Part> parts_;
};

bool is_variable_name(std::string_view name);

}  // namespace mqtt_bridge

// A text that is JSON, parsed once: what rules read in responses. See also json_set.hpp.
// Says nothing of what is neither sound nor small: see parse(). Pure.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json_scalar.hpp"

namespace mqtt_bridge {

class JsonText {
 public:
  /// The text, or why it is not taken, in words: it is not JSON, it is nested deeper than
  /// limits::json_depth, or an object in it has two members of one name, which programs understand
  /// differently (RFC 8259 4). REQUIRES: it is as small as the caller wants it to be.
  static std::variant<JsonText, std::string> parse(std::string_view text);
  JsonText(JsonText&&) noexcept;
  JsonText& operator=(JsonText&&) noexcept;
  ~JsonText();

  // `pointer` is a JSON Pointer (RFC 6901); where it leads nowhere, there is nothing.
  /// A string as it is, an integer in decimal digits.
  std::optional<std::string> id_at(const std::string& pointer) const;
  bool has(const JsonTest& test) const;
  /// Not null, not false, not 0, not "" and not an empty array or object.
  bool is_set(const std::string& pointer) const;
  /// What it says there, for people: a string; the message, reason or error of an object; else
  /// JSON. `pointer` may be "", the whole.
  std::string words_at(const std::string& pointer) const;
  /// The string there.
  std::optional<std::string> string_at(const std::string& pointer) const;
  /// What is there, as JSON in one line.
  std::optional<std::string> json_at(const std::string& pointer) const;
  /// The names of the object's members; empty where it is none.
  std::vector<std::string> names() const;

  bool is_object() const;

 private:
  struct Document;
  explicit JsonText(std::unique_ptr<Document> document);
  std::unique_ptr<Document> document_;
};

/// Whether `text` is a JSON Pointer.
bool is_json_pointer(std::string_view text);

}  // namespace mqtt_bridge

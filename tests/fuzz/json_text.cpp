// The input, in lines: a JSON Pointer, a value, and a text that may be JSON.
#include "base/json_text.hpp"

#include <algorithm>

#include "base/json_set.hpp"
#include "base/utf8.hpp"
#include "fuzz.hpp"

namespace mqtt_bridge {

void fuzz(std::string_view input) {
  std::optional<std::string_view> rest = input;
  const std::string pointer(*take_line(rest));
  const std::string value(take_line(rest).value_or(""));
  const std::string_view text = rest.value_or("");

  const auto parsed = JsonText::parse(text);
  if (const auto* const why = std::get_if<std::string>(&parsed)) {
    require(why->starts_with("it is ") || why->starts_with("an object in it "), "it is said why");
    return;
  }
  const auto& json = std::get<JsonText>(parsed);
  require(is_utf8(text), "JSON is UTF-8");
  require(is_utf8(json.words_at(pointer)) && is_utf8(json.words_at("")), "words are UTF-8");
  const auto id = json.id_at(pointer);
  require(!id || (is_json_pointer(pointer) && is_utf8(*id)), "an id is a text, at a pointer");
  require(!id || !json.has({pointer, *id + "x"}), "what is there is one value");
  if (!is_json_pointer(pointer) || !is_utf8(value) || !is_utf8(pointer))
    return;

  const auto changed = json_with(text, {pointer, value});
  if (!changed)
    return;
  const auto again = JsonText::parse(*changed);
  if (const auto* const why = std::get_if<std::string>(&again))
    return require(*why == "it is nested too deep", "a value is put into JSON, and it stays JSON");
  const bool is_appended = pointer.ends_with("/-") || pointer.find("/-/") != std::string::npos;
  if (!is_appended) {
    require(std::get<JsonText>(again).id_at(pointer) == value, "the value is where it was put");
    require(json_with(*changed, {pointer, value}) == changed, "put again, it is there already");
  }
  // The value of one that was not there is all that is new.
  const auto before = std::mismatch(text.begin(), text.end(), changed->begin(), changed->end());
  const auto kept = before.first - text.begin();
  const bool is_inserted = std::equal(text.rbegin(), text.rend() - kept, changed->rbegin());
  const bool may_be_replaced = pointer.empty() || id || text.find("null") != text.npos ||
                               json.has({pointer, true}) || json.has({pointer, false}) ||
                               !json.words_at(pointer).empty();
  require(is_inserted || may_be_replaced, "the rest stays as it was");
}

}  // namespace mqtt_bridge

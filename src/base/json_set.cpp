#include "base/json_set.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace mqtt_bridge {
namespace {

using Json = nlohmann::ordered_json;
using Names = std::span<const std::string>;

constexpr std::string_view space = " \t\r\n";
constexpr std::string_view mark = "\xef\xbb\xbf";  // that may be ignored (RFC 8259 8.1)

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

/// RFC 6901 4.
std::vector<std::string> names_in(std::string_view pointer) {
  std::vector<std::string> names;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const std::string_view name = pointer.substr(0, pointer.find('/'));
    names.push_back(replaced(replaced(std::string(name), "~1", "/"), "~0", "~"));
    pointer.remove_prefix(name.size());
  }
  return names;
}

std::string dump(const JsonScalar& scalar) {
  return std::visit([](const auto& value) { return Json(value); }, scalar)
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Positions in a text that is known to be JSON.

std::size_t skip_space(std::string_view json, std::size_t at) {
  return std::min(json.find_first_not_of(space, at), json.size());
}

std::size_t end_of_string(std::string_view json, std::size_t at) {
  for (++at; at < json.size() && json[at] != '"'; ++at) {
    if (json[at] == '\\')
      ++at;
  }
  return std::min(at + 1, json.size());
}

std::size_t end_of_value(std::string_view json, std::size_t at) {
  if (json[at] == '"')
    return end_of_string(json, at);
  if (json[at] != '{' && json[at] != '[')
    return std::min(json.find_first_of(",]} \t\r\n", at), json.size());
  std::size_t open = 0;
  while (at < json.size()) {
    const char c = json[at];
    at = c == '"' ? end_of_string(json, at) : at + 1;
    open += static_cast<std::size_t>(c == '{' || c == '[');
    if ((c == '}' || c == ']') && --open == 0)
      break;
  }
  return at;
}

bool is_name(std::string_view in_quotes, const std::string& name) {
  if (in_quotes.find('\\') == std::string_view::npos)
    return in_quotes.substr(1, in_quotes.size() - 2) == name;
  return Json::parse(in_quotes, nullptr, false) == Json(name);
}

std::optional<std::size_t> index_of(const std::string& name) {
  constexpr std::size_t longest = 3;  // see the keys of routes
  const bool is_index = !name.empty() && name.size() <= longest &&
                        name.find_first_not_of("0123456789") == std::string::npos &&
                        (name.size() == 1 || name.front() != '0');
  return is_index ? std::optional(static_cast<std::size_t>(std::stoul(name))) : std::nullopt;
}

/// `value` with what leads to it.
std::string wrapped(Names names, std::string value) {
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    const bool is_first = *name == "0" || *name == "-";
    value = is_first ? "[" + value + "]" : "{" + dump(*name) + ":" + value + "}";
  }
  return value;
}

/// What to put in place of the bytes from `begin` to `end`.
struct Change {
  std::size_t begin;
  std::size_t end;
  std::string text;
};

/// The place of a name or index in an object or array.
struct Place {
  bool is_there;
  std::size_t at;       // its value, or where one more element may be put
  std::size_t members;  // that there are before it
};

Place find_in_object(std::string_view json, std::size_t at, const std::string& name) {
  std::size_t end = at + 1;  // of the last value
  at = skip_space(json, end);
  for (std::size_t members = 0;; ++members) {
    if (json[at] == '}')
      return {false, end, members};
    const std::size_t name_end = end_of_string(json, at);
    const std::size_t value = skip_space(json, skip_space(json, name_end) + 1);
    if (is_name(json.substr(at, name_end - at), name))
      return {true, value, members};
    end = end_of_value(json, value);
    at = skip_space(json, end);
    if (json[at] == ',')
      at = skip_space(json, at + 1);
  }
}

Place find_in_array(std::string_view json, std::size_t at, std::optional<std::size_t> index) {
  std::size_t end = at + 1;
  at = skip_space(json, end);
  for (std::size_t members = 0;; ++members) {
    if (json[at] == ']')
      return {false, end, members};
    if (members == index)
      return {true, at, members};
    end = end_of_value(json, at);
    at = skip_space(json, end);
    if (json[at] == ',')
      at = skip_space(json, at + 1);
  }
}

std::optional<Change> change_of(std::string_view json, Names names, const std::string& value) {
  std::size_t at = skip_space(json, json.starts_with(mark) ? mark.size() : 0);
  for (;; names = names.subspan(1)) {
    if (names.empty() || json[at] == 'n')  // null
      return Change{at, end_of_value(json, at), wrapped(names, value)};
    const std::string& name = names.front();
    const bool is_object = json[at] == '{';
    const auto index = index_of(name);
    if (!is_object && (json[at] != '[' || (!index && name != "-")))
      return std::nullopt;
    const Place place = is_object ? find_in_object(json, at, name) : find_in_array(json, at, index);
    if (!place.is_there) {
      std::string text = place.members > 0 ? "," : "";
      for (std::size_t i = place.members; !is_object && i < index.value_or(0); ++i)
        text += "null,";
      text += is_object ? dump(name) + ":" : "";
      return Change{place.at, place.at, text + wrapped(names.subspan(1), value)};
    }
    at = place.at;
  }
}

}  // namespace

std::optional<std::string> json_with(std::string_view json, const JsonTest& test) {
  const auto names = names_in(test.pointer);
  const auto change = change_of(json, names, dump(test.value));
  if (!change)
    return std::nullopt;
  std::string changed(json.substr(0, change->begin));
  return changed.append(change->text).append(json.substr(change->end));
}

}  // namespace mqtt_bridge

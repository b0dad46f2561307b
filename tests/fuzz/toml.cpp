// The input: a configuration file.
#include <algorithm>
#include <charconv>
#include <utility>

#include "config/io/toml_config.hpp"
#include "fuzz.hpp"
#include "os/exit_now.hpp"

namespace mqtt_bridge {
namespace {

const std::vector<ConfigKey> keys{{"name", KeyType::text},
                                  {"switch", KeyType::boolean},
                                  {"list", KeyType::list},
                                  {"count", KeyType::integer}};

KeyType type_of(const std::string& name) {
  const auto key = std::find_if(keys.begin(), keys.end(),
                                [&name](const ConfigKey& each) { return each.name == name; });
  require(key != keys.end(), "only known keys are read");
  return key->type;
}

/// A basic string with everything escaped.
std::string quoted(const std::string& text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '"' || c == '\\')
      result.append("\\u00").append(1, hex[byte >> 4]).append(1, hex[byte & 15]);
    else
      result += c;
  }
  return result + '"';
}

std::string written(const ConfigValue& value) {
  const auto& texts = value.texts;
  switch (type_of(value.key)) {
    case KeyType::text:
      require(texts.size() == 1, "a string is one text");
      return value.key + " = " + quoted(texts.front());
    case KeyType::boolean:
      require(texts.size() == 1 && (texts.front() == "true" || texts.front() == "false"),
              "a boolean is true or false");
      return value.key + " = " + texts.front();
    case KeyType::integer:
      require(
          texts.size() == 1 && texts.front().find_first_not_of("-0123456789") == std::string::npos,
          "an integer is in decimal");
      return value.key + " = " + texts.front();
    case KeyType::list:
    case KeyType::tables:
      break;
  }
  std::string line = value.key + " = [";
  for (const std::string& text : texts)
    line += quoted(text) + ",";
  return line + "]";
}

void check_fault(std::string_view fault, std::size_t lines) {
  constexpr std::string_view file = "FILE:";
  require(fault.starts_with(file), "a fault begins with its file");
  std::size_t line = 0;
  const auto parsed =
      std::from_chars(fault.data() + file.size(), fault.data() + fault.size(), line);
  const auto sentence = fault.substr(static_cast<std::size_t>(parsed.ptr - fault.data()));
  require(line >= 1 && line <= lines && sentence.starts_with(": ") && sentence.size() > 2,
          "a fault has its line");
  const std::string told = usage_error("PROGRAM", fault).err;
  require(
      std::find_if(told.begin(), told.end(), is_control) == told.end() - 1 && told.ends_with('\n'),
      "a fault is told in one line");
}

}  // namespace

void fuzz(std::string_view input) {
  const auto lines = 1 + static_cast<std::size_t>(std::count(input.begin(), input.end(), '\n'));
  const ConfigResult result = parse_toml_config(input, "FILE", keys);
  if (const auto* fault = std::get_if<std::string>(&result))
    return check_fault(*fault, lines);
  auto values = std::get<0>(result);
  std::string again;
  std::size_t line = 0;
  for (ConfigValue& value : values) {
    require(value.line >= std::max<std::size_t>(line, 1) && value.line <= lines,
            "values come in the order of their lines");
    line = std::exchange(value.line, 1 + static_cast<std::size_t>(&value - values.data()));
    again += written(value) + "\n";
  }
  const ConfigResult reread = parse_toml_config(again, "FILE", keys);
  require(std::holds_alternative<std::vector<ConfigValue>>(reread) && std::get<0>(reread) == values,
          "a file is read back as it was written");
}

}  // namespace mqtt_bridge

// An HTTP response as a value: what the API decides, and response_writer.hpp serialises. It says
// nothing about how the bytes are framed. Value.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ascii.hpp"

namespace mqtt_bridge {

struct HttpResponse {
  enum class Text { plain, inside_json_string };

  struct Field {
    std::string_view name;  // a literal, and a token (RFC 9110 5.1)
    std::string value;
    bool operator==(const Field&) const = default;
  };

  /// `begin`, `text` and `end`, one behind the other. REQUIRES: in JSON, `text` is UTF-8.
  struct Body {
    std::string begin = {};
    std::string text = {};  // may be large: it is copied, and escaped, piece by piece
    Text kind = Text::plain;
    std::string end = {};
    bool operator==(const Body&) const = default;
  };

  int status = 200;                // of three digits
  std::vector<Field> fields = {};  // in the order in which they are sent; each name once
  Body body = {};
  bool is_to_head = false;  // its body is left out, and not its length (RFC 9110 9.3.2)

  bool operator==(const HttpResponse&) const = default;

  void add(std::string_view name, std::string value) { fields.push_back({name, std::move(value)}); }

  /// A view into it.
  std::optional<std::string_view> field(std::string_view name) const& {
    for (const Field& each : fields) {
      if (ascii::equals_ignoring_case(each.name, name))
        return each.value;
    }
    return std::nullopt;
  }
  std::optional<std::string_view> field(std::string_view name) && = delete;
};

}  // namespace mqtt_bridge

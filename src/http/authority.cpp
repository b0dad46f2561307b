#include "http/authority.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/ascii.hpp"

namespace mqtt_bridge {
namespace {

/// A decimal number of at most `max_digits` digits; nothing when it is anything else.
std::optional<unsigned> parse_decimal(std::string_view text, std::size_t max_digits) {
  if (text.empty() || text.size() > max_digits)
    return std::nullopt;
  unsigned value = 0;
  for (const char c : text) {
    if (!ascii::is_digit(c))
      return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value;
}

/// RFC 3986 3.2.2: reg-name. IPv4 addresses are in it.
bool is_registered_name(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || ascii::hex_value(text[i + 1]) < 0 ||
          ascii::hex_value(text[i + 2]) < 0) {
        return false;
      }
      i += 2;
    } else if (!ascii::is_digit(c) && !ascii::is_alpha(c) &&
               std::string_view("-._~!$&'()*+,;=").find(c) == std::string_view::npos) {
      return false;
    }
  }
  return !text.empty();
}

/// Takes the first piece up to `separator` off `rest`; nothing once `rest` is used up. "a:" has
/// two.
std::optional<std::string_view> take_piece(std::optional<std::string_view>& rest, char separator) {
  if (!rest)
    return std::nullopt;
  const auto end = rest->find(separator);
  const std::string_view piece = rest->substr(0, end);
  if (end == std::string_view::npos) {
    rest.reset();
  } else {
    rest->remove_prefix(end + 1);
  }
  return piece;
}

/// The groups of one side of "::". False when one is not valid.
bool read_groups(std::string_view text, std::vector<std::uint16_t>& groups) {
  if (text.empty())
    return true;
  std::optional<std::string_view> rest = text;
  while (const auto piece = take_piece(rest, ':')) {
    if (const auto ipv4 = parse_ipv4(*piece); ipv4 && !rest) {
      groups.push_back(static_cast<std::uint16_t>((*ipv4)[0] << 8 | (*ipv4)[1]));
      groups.push_back(static_cast<std::uint16_t>((*ipv4)[2] << 8 | (*ipv4)[3]));
      continue;
    }
    if (piece->empty() || piece->size() > 4)
      return false;
    int value = 0;
    for (const char c : *piece) {
      if (ascii::hex_value(c) < 0)
        return false;
      value = value * 16 + ascii::hex_value(c);
    }
    groups.push_back(static_cast<std::uint16_t>(value));
  }
  return true;
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) {
  std::size_t host_end = 0;
  if (text.starts_with('[')) {
    const auto bracket = text.find(']');
    if (bracket == std::string_view::npos || !parse_ipv6(text.substr(1, bracket - 1))) {
      return std::nullopt;
    }
    host_end = bracket + 1;
  } else {
    host_end = std::min(text.find(':'), text.size());
    if (!is_registered_name(text.substr(0, host_end)))
      return std::nullopt;
  }
  Authority authority{text.substr(0, host_end), std::nullopt};
  const std::string_view rest = text.substr(host_end);
  if (rest.empty() || rest == ":")
    return authority;
  const auto port = parse_decimal(rest.substr(1), 5);
  if (!rest.starts_with(':') || !port || *port > 65535)
    return std::nullopt;
  authority.port = static_cast<std::uint16_t>(*port);
  return authority;
}

std::optional<Ipv4> parse_ipv4(std::string_view text) {
  Ipv4 address{};
  std::optional<std::string_view> rest = text;
  for (auto& byte : address) {
    const auto piece = take_piece(rest, '.');
    if (!piece || (piece->size() > 1 && piece->starts_with('0')))
      return std::nullopt;
    const auto value = parse_decimal(*piece, 3);
    if (!value || *value > 255)
      return std::nullopt;
    byte = static_cast<std::uint8_t>(*value);
  }
  if (rest)
    return std::nullopt;
  return address;
}

std::optional<Ipv6> parse_ipv6(std::string_view text) {
  Ipv6 address{};
  std::vector<std::uint16_t> left;
  std::vector<std::uint16_t> right;
  const auto gap = text.find("::");
  const std::string_view before = text.substr(0, gap);
  if (!read_groups(before, left))
    return std::nullopt;
  if (gap == std::string_view::npos) {
    if (left.size() != address.size())
      return std::nullopt;
  } else {
    // "::" stands for at least one group, and an IPv4 address can only be the end of it all.
    if (before.find('.') != std::string_view::npos || !read_groups(text.substr(gap + 2), right) ||
        left.size() + right.size() >= address.size()) {
      return std::nullopt;
    }
  }
  std::copy(left.begin(), left.end(), address.begin());
  std::copy_backward(right.begin(), right.end(), address.end());
  return address;
}

}  // namespace mqtt_bridge

// Heads of requests for tests.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include <gtest/gtest.h>

#include "http/head.hpp"

namespace mqtt_bridge {

/// REQUIRES: `bytes` is a sound head.
inline HttpHead parsed(std::string_view bytes) {
  auto result = parse_http_head(bytes);
  if (auto* head = std::get_if<HttpHead>(&result))
    return *head;
  ADD_FAILURE() << bytes;
  return {};
}

/// The head of a request with these field lines, each with its CRLF.
inline std::string post(std::string_view field_lines) {
  return "POST / HTTP/1.1\r\nHost: localhost\r\n" + std::string(field_lines) + "\r\n";
}

}  // namespace mqtt_bridge

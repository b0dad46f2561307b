#include "client/request_head.hpp"

#include <algorithm>
#include <cstddef>

#include "base/ascii.hpp"

namespace mqtt_bridge {
namespace {

void append_encoded(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  for (const char c : text) {
    // RFC 3986 2.3: the unreserved characters mean themselves.
    if (ascii::is_digit(c) || ascii::is_alpha(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += hex[byte >> 4];
    out += hex[byte & 0x0f];
  }
}

/// What is encoded already stays so (RFC 3986 2.4).
void append_path(std::string& out, std::string_view path) {
  for (const char c : path) {
    if (c == '/' || c == '%')
      out += c;
    else
      append_encoded(out, {&c, 1});
  }
}

std::string broker_of(const ClientCall& call) {
  const std::string& host = call.broker_host;
  const bool needs_brackets = host.find(':') != std::string::npos && !host.starts_with('[');
  return (needs_brackets ? '[' + host + ']' : host) + ':' + std::to_string(call.broker_port);
}

}  // namespace

bool is_bearer_token(std::string_view text) {
  const auto padding = std::min(text.find('='), text.size());
  const auto is_allowed = [](char c) {
    return ascii::is_digit(c) || ascii::is_alpha(c) ||
           std::string_view("-._~+/").find(c) != std::string_view::npos;
  };
  return padding > 0 && std::all_of(text.begin(), text.begin() + padding, is_allowed) &&
         text.find_first_not_of('=', padding) == std::string_view::npos;
}

std::string request_head(const ClientCall& call, std::string_view host,
                         std::chrono::milliseconds time_left) {
  std::string head = call.get.empty() ? "POST " : "GET " + call.get + " HTTP/1.1\r\nHost: ";
  if (!call.get.empty()) {
    head += host;
    if (!call.token.empty())
      head.append("\r\nAuthorization: Bearer ").append(call.token);
    return head + "\r\nConnection: close\r\nAccept: application/json\r\n\r\n";
  }
  if (call.route.empty()) {
    head += "/transform/" + call.action + "?netid=";
    append_encoded(head, call.netid);
    head += '&';
  } else {
    append_path(head, call.route);
    head += '?';
  }
  if (!call.broker_host.empty()) {
    head += "broker=";
    append_encoded(head, broker_of(call));
    head += '&';
  }
  head += "timeout=" + std::to_string(time_left.count()) + "ms HTTP/1.1\r\nHost: ";
  head += host;
  if (call.route.empty())  // what is sent to a route is what it takes
    head += "\r\nContent-Type: text/plain; charset=utf-8";
  if (!call.token.empty())
    head.append("\r\nAuthorization: Bearer ").append(call.token);
  head += "\r\nContent-Length: ";
  head += std::to_string(call.message.size());
  if (!call.keeps_connection)
    head += "\r\nConnection: close";
  head += call.as_json ? "\r\nAccept: application/json\r\n\r\n" : "\r\nAccept: */*\r\n\r\n";
  return head;
}

}  // namespace mqtt_bridge

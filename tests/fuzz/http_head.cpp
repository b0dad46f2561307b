// The input: what a peer sends.
#include <algorithm>
#include <string>

#include "base/ascii.hpp"
#include "base/limits/http.hpp"
#include "fuzz.hpp"
#include "http/endpoints.hpp"
#include "http/head.hpp"

namespace mqtt_bridge {
namespace {

using Verdict = std::variant<NeedMore, HttpHead, BadHead>;

/// All that a verdict says.
std::string printed(const Verdict& verdict) {
  if (std::holds_alternative<NeedMore>(verdict))
    return "more";
  if (const auto* bad = std::get_if<BadHead>(&verdict))
    return std::string(describe(bad->problem).slug) + " " + bad->detail;
  const auto& head = std::get<HttpHead>(verdict);
  std::string text = std::to_string(head.bytes) + " " + std::to_string(head.minor_version) + " " +
                     std::to_string(static_cast<int>(head.framing)) + " " +
                     std::to_string(head.content_length) + (head.keep_alive ? " stays" : " goes") +
                     (head.expect_continue ? " waits " : " ");
  text.append(head.method).append(" ").append(head.target);
  text.append(" for ").append(head.authority.value_or("nothing"));
  for (const HttpField& field : head.fields)
    text.append("\n").append(field.name).append(":").append(field.value);
  return text;
}

void check_cuts(std::string_view input, const Verdict& whole) {
  const std::string all = printed(whole);
  const std::size_t step = 1 + input.size() / 64;
  for (std::size_t size = 0; size < input.size(); size += step) {
    const std::string part = printed(parse_http_head(input.substr(0, size)));
    require(part == "more" || part == all, "a verdict stays when more bytes come");
  }
}

void check_head(std::string_view input, const HttpHead& head) {
  const auto visible = [](char c) { return c > ' ' && c <= '~' && c != '#'; };
  require(ascii::is_token(head.method), "a method is a token");
  require(head.target.starts_with('/') || head.target.starts_with('?') ||
              (head.target == "*" && head.method == "OPTIONS"),
          "a target is a path, a query or *");
  require(std::all_of(head.target.begin(), head.target.end(), visible),
          "a target is of visible characters");
  require(head.target.size() <= limits::target_bytes && head.bytes <= limits::head_bytes &&
              head.fields.size() <= limits::header_fields,
          "a head keeps within its limits");
  require(input.substr(0, head.bytes).ends_with("\r\n\r\n"), "a head ends with an empty line");
  for (const HttpField& field : head.fields) {
    require(ascii::is_token(field.name), "a field's name is a token");
    require(std::all_of(field.value.begin(), field.value.end(), ascii::is_field_char) &&
                ascii::trim(field.value) == field.value,
            "a field's value is without control characters and white space around it");
  }
  const bool has_length = head.field("Content-Length").has_value();
  const bool has_coding = head.field("Transfer-Encoding").has_value();
  require(has_length == (head.framing == HttpHead::Framing::length) &&
              has_coding == (head.framing == HttpHead::Framing::chunked),
          "the framing is what one field says, and no other");
  require(printed(parse_http_head(input.substr(0, head.bytes))) == printed(head),
          "what follows a head does not change it");
}

void check_canonical(const HttpHead& head) {
  const std::string canonical = head_for_httplib(head);
  const auto verdict = parse_http_head(canonical);
  if (const auto* bad = std::get_if<BadHead>(&verdict)) {
    require(canonical.find("\r\nHost: ") == std::string::npos ||
                bad->problem == Problem::uri_too_long || bad->problem == Problem::headers_too_large,
            "a canonical head with a Host is a good head, unless it grew too long");
    return;
  }
  require(std::holds_alternative<HttpHead>(verdict), "a canonical head is whole");
  const auto& again = std::get<HttpHead>(verdict);
  require(again.bytes == canonical.size(), "a canonical head is one head");
  const bool is_known = is_known_method(head.method) && head.method != "TRACE";
  require(again.method == (is_known ? head.method : "OPTIONS"),
          "a canonical head has a method that the library knows");
  require(again.target == head.path() && again.path() == head.path(),
          "a canonical head asks for the same");
  require(again.framing == HttpHead::Framing::length && again.content_length == 0,
          "a canonical head announces no body");
  for (const HttpField& field : again.fields) {
    require(field.name == "Content-Length" || head.field(field.name) ||
                (field.name == "Host" && field.value == head.authority),
            "a canonical head has no field of its own");
    require(std::count_if(again.fields.begin(), again.fields.end(),
                          [&](const HttpField& other) { return other.name == field.name; }) == 1,
            "a canonical head has each field once");
  }
  require(head_for_httplib(again) == canonical, "a canonical head stays as it is");
}

}  // namespace

void fuzz(std::string_view input) {
  const Verdict verdict = parse_http_head(input);
  check_cuts(input, verdict);
  if (const auto* head = std::get_if<HttpHead>(&verdict)) {
    check_head(input, *head);
    check_canonical(*head);
  } else if (const auto* bad = std::get_if<BadHead>(&verdict)) {
    const int status = describe(bad->problem).status;
    require((status == 400 || status == 413 || status == 414 || status == 431 || status == 501) &&
                bad->detail.ends_with('.') &&
                std::none_of(bad->detail.begin(), bad->detail.end(), is_control),
            "a bad head is the client's fault, said in a sentence");
  }
}

}  // namespace mqtt_bridge

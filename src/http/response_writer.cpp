#include "http/response_writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string_view>
#include <utility>

#include "base/ascii.hpp"
#include "base/json_string.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t text_in_a_piece = 64 * 1024;
constexpr std::size_t usual_head = 512;

/// RFC 9110 15, RFC 6585, RFC 4918, RFC 7725 and what RFC 9110 15.5.19 keeps reserved. Any other
/// status, which a responder may name, goes without a phrase (RFC 9112 4).
constexpr std::array<std::pair<int, std::string_view>, 44> phrases{{
    {200, "OK"},
    {202, "Accepted"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Payload Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {418, "I'm a teapot"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Entity"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {510, "Not Extended"},
    {511, "Network Authentication Required"},
}};

std::string_view phrase_of(int status) {
  const auto found = std::find_if(phrases.begin(), phrases.end(),
                                  [status](const auto& each) { return each.first == status; });
  return found != phrases.end() ? found->second : std::string_view();
}

/// RFC 9112 6.3: these end with their heads, whatever their fields say.
bool never_has_content(int status) {
  return status < 200 || status == 204 || status == 304;
}

/// Nothing that a value holds makes a second field, or a second response, of it.
bool may_be_sent(const HttpResponse::Field& field) {
  return std::all_of(field.value.begin(), field.value.end(), ascii::is_field_char);
}

std::size_t size_of(const HttpResponse::Body& body) {
  const bool is_json = body.kind == HttpResponse::Text::inside_json_string;
  return body.begin.size() + (is_json ? json_size(body.text) : body.text.size()) + body.end.size();
}

/// Without the fields that say how its content is framed.
std::string open_head(const HttpResponse& response) {
  std::string head;
  head.reserve(usual_head + response.body.begin.size());
  head.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  head.append(phrase_of(response.status)).append("\r\n");
  for (const HttpResponse::Field& each : response.fields) {
    if (may_be_sent(each))
      head.append(each.name).append(": ").append(each.value).append("\r\n");
  }
  return head;
}

std::string head_of(const HttpResponse& response) {
  std::string head = open_head(response);
  if (!never_has_content(response.status))  // RFC 9110 8.6
    head.append("Content-Length: ").append(std::to_string(size_of(response.body))).append("\r\n");
  return head += "\r\n";
}

}  // namespace

ResponseWriter::ResponseWriter(HttpResponse response) : begin_(head_of(response)) {
  if (response.is_to_head || never_has_content(response.status))
    return;
  body_ = std::move(response.body);
  begin_ += std::exchange(body_.begin, {});
}

void ResponseWriter::take(std::string& piece) {
  if (is_taken_)
    return piece.clear();
  if (at_ == 0)
    piece = std::move(begin_);
  else
    piece.clear();
  const std::string_view text = std::string_view(body_.text).substr(at_, text_in_a_piece);
  if (body_.kind == HttpResponse::Text::inside_json_string)
    append_json(piece, text);
  else
    piece.append(text);
  at_ += text.size();
  is_taken_ = at_ == body_.text.size();
  if (is_taken_)
    piece.append(body_.end);
}

std::string head_of_stream(const HttpResponse& response, bool is_chunked) {
  return open_head(response) + (is_chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
}

std::string chunk(std::string_view piece) {
  std::array<char, 2 * sizeof(std::size_t)> size{};
  const auto end = std::to_chars(size.data(), size.data() + size.size(), piece.size(), 16).ptr;
  std::string framed(size.data(), end);
  return framed.append("\r\n").append(piece).append("\r\n");
}

std::string whole(HttpResponse response) {
  ResponseWriter writer(std::move(response));
  std::string all;
  std::string piece;
  while (!writer.is_taken()) {
    writer.take(piece);
    all += piece;
  }
  return all;
}

}  // namespace mqtt_bridge

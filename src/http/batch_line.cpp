#include "http/batch_line.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/ascii.hpp"
#include "base/json_string.hpp"
#include "base/json_text.hpp"
#include "base/limits/call.hpp"
#include "base/nearest.hpp"
#include "base/utf8.hpp"
#include "http/response_bodies.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::array<std::string_view, 2> members{"id", "message"};
// Of a line's JSON: an object of many members takes the library for JSON the square of their
// number.
constexpr std::size_t most_parts = 2048;

Failure bad_line(std::string why) {
  return {Problem::invalid_payload, std::move(why), {}};
}

/// Commas, colons and brackets outside of strings.
std::size_t count_parts(std::string_view json) {
  std::size_t count = 0;
  bool is_in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json[i] == '"')
      is_in_string = !is_in_string;
    else if (is_in_string && json[i] == '\\')
      ++i;
    else if (!is_in_string && std::string_view(",:[{").find(json[i]) != std::string_view::npos)
      ++count;
  }
  return count;
}

/// A misspelt member would otherwise be a call with another id, or none.
std::optional<Failure> why_not_object(const JsonText& line) {
  for (const std::string& name : line.names()) {
    if (std::find(members.begin(), members.end(), name) != members.end())
      continue;
    constexpr std::size_t longest_shown = 64;
    const std::string_view meant = nearest(name, members);
    std::string detail = name.size() <= longest_shown ? "a line has no member \"" + name + "\"; "
                                                      : "a line has no such member; ";
    return bad_line(meant.empty() ? detail + "its members are id and message"
                                  : detail.append("did you mean ").append(meant).append("?"));
  }
  if (!line.json_at("/message"))
    return bad_line(R"(a line is a JSON string, or an object such as {"id":1,"message":"hello"})");
  if (line.json_at("/id") && !line.id_at("/id"))
    return bad_line("the id of a line is a string or an integer");
  return std::nullopt;
}

/// Its members in their order, which JsonText does not keep. REQUIRES: `line` has few parts.
std::string message_as_written(std::string_view line) {
  using Ordered = nlohmann::ordered_json;
  return Ordered::parse(line).at("message").dump(-1, ' ', false, Ordered::error_handler_t::replace);
}

BatchItem checked(BatchLine line) {
  if (line.message.size() <= limits::payload_bytes)
    return line;
  return BadLine{
      line.number, std::move(line.id),
      Failure{Problem::payload_too_large, "the message is longer than this bridge takes", {}}};
}

/// JSON, as one line: newlines are only between its parts.
std::string in_one_line(std::string json) {
  std::replace(json.begin(), json.end(), '\n', ' ');
  std::replace(json.begin(), json.end(), '\r', ' ');
  return json;
}

/// Where the service says what it is, that counts.
bool may_be_json(const Answer& answer, AnswerIs is) {
  const std::string_view said = answer.content_type;
  const std::string_view type = ascii::trim(said.substr(0, said.find(';')));
  return is != AnswerIs::text &&
         (type.empty() || ascii::equals_ignoring_case(type, "application/json"));
}

/// RFC 4648 4.
std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      text += j <= count ? digits[group >> (18 - 6 * j) & 63U] : '=';
  }
  return text;
}

std::string begin_of(std::string_view id, std::string_view name) {
  return std::string("{\"id\":").append(id).append(",\"").append(name).append("\":");
}

}  // namespace

BatchItem parse_batch_line(std::string_view line, std::uint64_t number) {
  std::string id = std::to_string(number);
  if (count_parts(line) > most_parts) {
    return BadLine{number, id,
                   Failure{Problem::payload_too_large,
                           "line " + id + ": its JSON has more than " + std::to_string(most_parts) +
                               " commas, colons and brackets; send it as a string",
                           {}}};
  }
  auto parsed = JsonText::parse(line);
  if (const auto* const why = std::get_if<std::string>(&parsed))
    return BadLine{number, id, bad_line("line " + id + ": " + *why)};
  const auto& json = std::get<JsonText>(parsed);
  if (auto text = json.string_at(""))
    return checked({.number = number, .id = std::move(id), .message = *std::move(text)});
  if (json.id_at("/id"))
    id = *json.json_at("/id");
  if (auto failure = why_not_object(json)) {
    failure->detail = "line " + std::to_string(number) + ": " + failure->detail;
    return BadLine{number, std::move(id), *std::move(failure)};
  }
  if (auto text = json.string_at("/message"))
    return checked({.number = number, .id = std::move(id), .message = *std::move(text)});
  return checked({.number = number,
                  .id = std::move(id),
                  .message = message_as_written(line),
                  .is_json = true});
}

bool is_batch_type(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  return ascii::equals_ignoring_case(ascii::trim(type), "application/x-ndjson");
}

std::string result_line(std::string_view id, const Answer& answer, AnswerIs is) {
  if (answer.matched_by == MatchedBy::acknowledgement)
    return begin_of(id, "answer") + "null}\n";
  if (may_be_json(answer, is) && is_json_answer(answer.payload, is == AnswerIs::json))
    return begin_of(id, "answer") + in_one_line(answer.payload) + "}\n";
  if (!is_utf8(answer.payload))
    return begin_of(id, "answer_base64") + "\"" + base64(answer.payload) + "\"}\n";
  std::string line = begin_of(id, "answer") + "\"";
  append_json(line, answer.payload);
  return line += "\"}\n";
}

std::string result_line(std::string_view id, const Failure& failure, Retryable retryable,
                        std::string_view request_id) {
  std::string problem = problem_response(failure, retryable, request_id).body.text;
  problem.erase(problem.find_last_not_of('\n') + 1);
  return begin_of(id, "problem") + problem + "}\n";
}

}  // namespace mqtt_bridge

// The input is the body of a batch, which comes in pieces.
#include "http/batch.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <string>
#include <variant>
#include <vector>

#include "base/json_text.hpp"
#include "base/utf8.hpp"
#include "fuzz.hpp"

namespace mqtt_bridge {
namespace {

constexpr Duration timeout = std::chrono::seconds(4);

/// A line as it was given out, in words.
std::string told(const BatchItem& item) {
  if (const auto* const line = std::get_if<BatchLine>(&item)) {
    require(is_utf8(line->message) && is_utf8(line->id), "a message is a text");
    const std::string result =
        result_line(line->id, Answer{line->message, MatchedBy::topic, ""}, AnswerIs::text_or_json);
    require(std::holds_alternative<JsonText>(JsonText::parse(result)), "a result is JSON");
    require(result.find('\n') == result.size() - 1, "a result is one line");
    return std::to_string(line->number) + " " + line->id + " " + line->message;
  }
  const auto& bad = std::get<BadLine>(item);
  const std::string result = result_line(bad.id, bad.failure, Retryable::yes, "r");
  require(std::holds_alternative<JsonText>(JsonText::parse(result)), "a problem is JSON");
  require(result.find('\n') == result.size() - 1, "a problem is one line");
  return std::to_string(bad.number) + " " + bad.id + " bad";
}

/// All lines of `body`, in pieces of this size; `most` of them at one time.
std::vector<std::string> lines_of(std::string_view body, std::size_t piece, std::size_t most) {
  Batch batch(timeout, most);
  std::vector<std::string> lines;
  std::deque<std::size_t> running;
  while (!batch.is_done()) {
    while (const auto item = batch.next()) {
      lines.push_back(told(*item));
      if (const auto* const line = std::get_if<BatchLine>(&*item))
        running.push_back(line->message.size());
    }
    require(running.size() == batch.running() && running.size() <= most, "it keeps to its window");
    if (!running.empty()) {
      batch.ended(running.front(), timeout / (lines.size() % 8 + 1));
      running.pop_front();
    } else if (batch.wants_body()) {
      batch.take(body.substr(0, piece));
      body.remove_prefix(std::min(piece, body.size()));
      if (body.empty())
        batch.end_of_body();
    } else {
      require(batch.is_done(), "it never stands still");
    }
  }
  require(batch.held() == 0, "all of it was looked at");
  return lines;
}

}  // namespace

void fuzz(std::string_view input) {
  const auto whole = lines_of(input, input.size() + 1, 1);
  for (const std::size_t size : piece_sizes)
    require(lines_of(input, size, size) == whole, "the pieces in which it comes do not matter");
}

}  // namespace mqtt_bridge

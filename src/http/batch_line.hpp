// The lines of a batch (application/x-ndjson): what one asks for, and the line that tells how its
// call ended. Values and pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/problem.hpp"
#include "exchange/call.hpp"

namespace mqtt_bridge {

/// A call that a line asks for.
struct BatchLine {
  std::uint64_t number = 0;  // from 1
  std::string id;            // as JSON: a string or an integer; the number, where it has none
  std::string message;       // the text of a string; of another value, its JSON
  bool is_json = false;      // it is such another value
};

/// A line that asks for none.
struct BadLine {
  std::uint64_t number = 0;
  std::string id;
  Failure failure;
};

using BatchItem = std::variant<BatchLine, BadLine>;

/// `line` is a JSON string, or an object with "message" and perhaps "id". Whatever is wrong with it
/// is so for that line only.
BatchItem parse_batch_line(std::string_view line, std::uint64_t number);

/// Whether a Content-Type says that the body is a batch.
bool is_batch_type(std::string_view content_type);

enum class AnswerIs { text, text_or_json, json };

/// {"id":…,"answer":…}: a string; a value, where the answer is JSON (see is_json_answer()); null
/// where none was asked for. Bytes that are no text are "answer_base64". Ends with a newline.
std::string result_line(std::string_view id, const Answer& answer, AnswerIs is);
/// {"id":…,"problem":…}, with the problem that a call of its own would get (RFC 9457).
std::string result_line(std::string_view id, const Failure& failure, Retryable retryable,
                        std::string_view request_id);

}  // namespace mqtt_bridge

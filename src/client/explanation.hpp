// What `mqtt_client --explain` says: one finding a line, and how a message on the response topic
// differs from an answer. Values and pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/action.hpp"

namespace mqtt_bridge {

struct Finding {
  /// good: as it must be; bad: why no answer came; note: worth knowing.
  enum class Mark { good, bad, note };

  Mark mark;
  std::string subject;      // one word: daemon, broker, topics, ...
  std::string text;         // one printable line
  std::string remedy = {};  // what to do about it; empty: nothing
};

/// Colours by the escape sequences of a terminal (ECMA-48 8.3.117).
enum class Colours { none, ansi };

/// A line each, its remedy on the next one after an arrow.
std::string to_text(const std::vector<Finding>& findings, Colours colours = Colours::none);

/// In quotation marks, on one line, cut after some 60 characters.
std::string in_quotes(std::string_view text);

/// A message on the response topic, while a call waited.
struct HeardMessage {
  std::string payload;
  bool is_retained = false;
};

/// How `heard` differs from an answer to `request`, as the end of "it ..."; empty where it is a
/// right one. `action`: nothing where it is none of the five, whose answers can be checked.
std::string why_no_answer(std::optional<Action> action, std::string_view request,
                          const HeardMessage& heard);

/// The one right answer, where there is one: not of shuffle.
std::optional<std::string> right_answer(std::optional<Action> action, std::string_view request);

}  // namespace mqtt_bridge

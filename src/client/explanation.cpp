#include "client/explanation.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/utf8.hpp"
#include "client/verdict.hpp"
#include "text/content_rule.hpp"
#include "text/transform.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t subject_width = 10;
constexpr std::size_t quoted_bytes = 60;

std::string_view word_of(Finding::Mark mark) {
  switch (mark) {
    case Finding::Mark::good:
      return "ok    ";
    case Finding::Mark::bad:
      return "FAIL  ";
    case Finding::Mark::note:
      return "note  ";
  }
  return "";
}

std::string coloured(Finding::Mark mark, Colours colours) {
  const std::string word(word_of(mark));
  if (colours == Colours::none || mark == Finding::Mark::note)
    return word;
  return (mark == Finding::Mark::good ? "\033[32m" : "\033[31m") + word + "\033[0m";
}

bool looks_like_json(std::string_view text) {
  return (text.starts_with('{') && text.ends_with('}')) ||
         (text.starts_with('[') && text.ends_with(']')) ||
         (text.size() > 1 && text.starts_with('"') && text.ends_with('"'));
}

}  // namespace

std::string to_text(const std::vector<Finding>& findings, Colours colours) {
  std::string lines;
  for (const Finding& finding : findings) {
    std::string subject = finding.subject;
    subject.resize(std::max(subject.size() + 1, subject_width), ' ');
    lines.append(coloured(finding.mark, colours)).append(subject).append(finding.text).append("\n");
    if (!finding.remedy.empty()) {
      lines.append(word_of(finding.mark).size() + subject_width - 3, ' ');
      lines.append("-> ").append(finding.remedy).append("\n");
    }
  }
  return lines;
}

std::string in_quotes(std::string_view text) {
  std::size_t end = std::min(text.size(), quoted_bytes);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;  // not within a character
  std::string shown;
  for (const char c : text.substr(0, end)) {
    switch (c) {
      case '\n':
        shown += "\\n";
        break;
      case '\r':
        shown += "\\r";
        break;
      case '\t':
        shown += "\\t";
        break;
      case '"':
        shown += "\\\"";
        break;
      case '\\':
        shown += "\\\\";
        break;
      default:
        shown += c;
    }
  }
  shown = "\"" + on_one_line(shown) + "\"";
  return end == text.size() ? shown : shown + "... (" + std::to_string(text.size()) + " bytes)";
}

std::optional<std::string> right_answer(std::optional<Action> action, std::string_view request) {
  if (!action || *action == Action::shuffle)
    return std::nullopt;
  return transform(*action, request, [](std::uint32_t) { return std::uint32_t{0}; });
}

std::string why_no_answer(std::optional<Action> action, std::string_view request,
                          const HeardMessage& heard) {
  if (heard.is_retained)
    return "is retained: it was published before the call";
  if (!is_utf8(heard.payload))
    return "is not UTF-8 text";
  if (!action)
    return {};
  switch (fit(*action, request, heard.payload)) {
    case Fit::exact:
      return {};
    case Fit::newline_more:
      return "has a newline at its end that the answer does not have";
    case Fit::newline_less:
      return "lacks the newline at the end of the answer";
    case Fit::none:
      break;
  }
  if (heard.payload == request)
    return "is the request itself, unchanged";
  if (heard.payload.empty())
    return "is empty";
  const auto folded = folded_key(*action, request);
  if (folded && folded == folded_key(*action, heard.payload))
    return "differs in letter case";
  if (looks_like_json(heard.payload))
    return "is JSON, where the text alone is expected";
  const auto right = right_answer(action, request);
  if (right && !right->empty() && heard.payload.find(*right) != std::string::npos)
    return "has other text around the answer";
  return "is another text than " + std::string(to_string(*action)) + " makes of the message";
}

}  // namespace mqtt_bridge

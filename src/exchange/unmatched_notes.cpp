#include "exchange/unmatched_notes.hpp"

#include <algorithm>

#include "base/limits/exchange.hpp"
#include "base/utf8.hpp"

namespace mqtt_bridge {
namespace {

std::string_view in_words(Unmatched::Looks looks) {
  switch (looks) {
    case Unmatched::Looks::other:
      return "";
    case Unmatched::Looks::json:
      return " (JSON)";
    case Unmatched::Looks::case_only:
      return " (right but for letter case or white space)";
    case Unmatched::Looks::late:
      return " (an answer to an earlier call)";
    case Unmatched::Looks::error:
      return " (an error without correlation data)";
    case Unmatched::Looks::not_utf8:
      return " (not UTF-8)";
    case Unmatched::Looks::unchecked:
      return " (too large to be compared without correlation data)";
  }
  return "";
}

bool looks_like_json(std::string_view text) {
  constexpr std::string_view white_space = " \t\r\n";
  const auto begin = text.find_first_not_of(white_space);
  if (begin == std::string_view::npos)
    return false;
  const char first = text[begin];
  const char last = text[text.find_last_not_of(white_space)];
  return text.size() > 1 && ((first == '{' && last == '}') || (first == '[' && last == ']') ||
                             (first == '"' && last == '"'));
}

}  // namespace

void Unmatched::add(std::size_t bytes, Looks looks) {
  ++count_;
  last_.push_back({bytes, looks});
  if (last_.size() > limits::unmatched_notes)
    last_.pop_front();
}

void Unmatched::add(std::string_view response) {
  const Looks text = looks_like_json(response) ? Looks::json : Looks::other;
  add(response.size(), is_utf8(response) ? text : Looks::not_utf8);
}

std::string Unmatched::since(std::uint64_t before) const {
  const std::uint64_t news = count_ - before;
  if (news == 0)
    return {};
  std::string words = std::to_string(news) + (news == 1 ? " response of " : " responses, of ");
  const std::size_t told = std::min<std::uint64_t>(news, last_.size());
  if (told < news)
    words += "which the last were of ";
  for (std::size_t i = last_.size() - told; i < last_.size(); ++i) {
    if (i > last_.size() - told)
      words += i + 1 < last_.size() ? ", " : " and ";
    words += std::to_string(last_[i].bytes);
    words += last_[i].bytes == 1 ? " byte" : " bytes";
    words += in_words(last_[i].looks);
  }
  return words;
}

}  // namespace mqtt_bridge

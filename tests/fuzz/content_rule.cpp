// The input: an action in one byte, then a request, then perhaps 0xFF and a response.
#include "text/content_rule.hpp"

#include <algorithm>
#include <cstdint>
#include <set>

#include "base/ascii.hpp"
#include "base/utf8.hpp"
#include "fuzz.hpp"
#include "text/transform.hpp"

namespace mqtt_bridge {
namespace {

/// The two letters that full case folding keeps apart from their other cases.
bool has_turkish_i(std::string_view text) {
  return text.find("ı") != std::string_view::npos || text.find("İ") != std::string_view::npos;
}

bool is_answer(Action action, std::string_view request, std::string_view response) {
  return fit(action, request, response) == Fit::exact;
}

void check_answer(Action action, std::string_view request, std::string_view answer) {
  require(is_answer(action, request, answer), "what a responder makes of a request answers it");
  require(prefilter_key(action, request) == prefilter_key(action, answer),
          "an answer is like its request");
  if ((action == Action::uppercase || action == Action::lowercase) && !has_turkish_i(request)) {
    require(folded_key(action, request) == folded_key(action, answer),
            "folding does not tell an answer from its request");
  }
}

/// Of one word most libraries make this, wherever in it they see an end of a word.
void check_word(std::string_view request) {
  if (request.empty() || !ascii::is_alpha(request.front()) ||
      request.find(' ') != std::string_view::npos) {
    return;
  }
  std::string word = transform(Action::lowercase, request, {});
  word.front() = transform(Action::uppercase, request.substr(0, 1), {}).front();
  require(is_answer(Action::title_case, request, word), "a word may begin in upper case");
}

void check_pair(Action action, std::string_view request, std::string_view response,
                const std::set<std::string>& keys) {
  const bool answers = is_answer(action, request, response);
  require(answers == keys.contains(response_key(action, response)),
          "a response answers a request exactly when its key is among the request's");
  const auto folded = folded_key(action, response);
  const bool is_folded = folded && folded == folded_key(action, request);
  require(
      !(answers || is_folded) || prefilter_key(action, request) == prefilter_key(action, response),
      "what is unlike a request does not answer it");
}

}  // namespace

void fuzz(std::string_view input) {
  if (input.empty())
    return;
  const Action action = all_actions[static_cast<unsigned char>(input.front()) % all_actions.size()];
  const auto end = input.find('\xff');
  const std::string_view request = input.substr(1, end == 0 ? 0 : end - 1);
  if (!is_utf8(request))
    return;

  const auto list = answer_keys(action, request);
  const std::set<std::string> keys(list.begin(), list.end());
  require(!keys.empty() && keys.size() == list.size(), "a request has right answers, each once");
  std::uint32_t state = 1;
  const auto random_below = [&state](std::uint32_t bound) {
    state = state * 1'664'525 + 1'013'904'223;
    return (state >> 8) % bound;
  };
  const std::string answer = transform(action, request, random_below);
  require(is_utf8(answer), "an answer is UTF-8");
  check_answer(action, request, answer);
  if (action == Action::title_case)
    check_word(request);
  check_pair(action, request, request, keys);
  if (action != Action::shuffle) {  // for the others, a key is the answer itself
    for (const std::string& key : keys)
      check_pair(action, request, key, keys);
  }
  if (end != std::string_view::npos)
    check_pair(action, request, input.substr(end + 1), keys);
}

}  // namespace mqtt_bridge

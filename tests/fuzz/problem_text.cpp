// The input: a problem in JSON, as the daemon or whatever listens in its place sends it. It is also
// given to a JSON library, and both must read the same.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/problem.hpp"
#include "base/utf8.hpp"
#include "client/problem_reader.hpp"
#include "client/verdict.hpp"
#include "fuzz.hpp"

namespace mqtt_bridge {
namespace {

using nlohmann::json;

std::string member(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

int levels(const json& value) {
  int below = 0;
  for (const json& each : value.is_structured() ? value : json::array())
    below = std::max(below, levels(each));
  return below + (value.is_structured() ? 1 : 0);
}

void check_with_library(std::string_view text, const std::optional<ProblemText>& problem) {
  if (text.find('\0') != std::string_view::npos)
    return;  // the library takes it for the end
  json object;
  try {
    object = json::parse(text);
  } catch (const json::parse_error&) {
    require(!problem || text.find("\\u") != std::string_view::npos,
            "what is no JSON is no problem; only half a surrogate pair is tolerated");
    return;
  } catch (const json::out_of_range&) {
    return;  // a number too large for the library
  }
  const bool fits = text.size() <= 64 * 1024 && levels(object) <= 16 && !text.starts_with("\xef");
  require(problem.has_value() == (object.is_object() && fits), "a problem is an object");
  if (!problem)
    return;
  const std::string type = member(object, "type");
  const ProblemText expected{type.substr(type.find_last_of("/:") + 1), member(object, "detail")};
  require(*problem == expected, "a problem says what its JSON says");
}

void check_decision(std::string_view text, int status) {
  const Decision decision = decide({status, Media::problem, std::string(text)}, "DAEMON");
  const std::string& message = decision.message;
  require(is_utf8(message) && !message.empty() &&
              std::none_of(message.begin(), message.end(), is_control),
          "a message is one line");
  for (std::size_t at = message.find('\xc2'); at != std::string::npos;
       at = message.find('\xc2', at + 1)) {
    require(static_cast<unsigned char>(message[at + 1]) >= 0xa0,
            "a message holds no control character of Unicode's");
  }
  require(decision.next != Next::print_answer && decision.exit_code != ExitCode::answered &&
              decision.exit_code != ExitCode::usage,
          "a problem is no answer");
  require(decision.next != Next::fall_back_direct || status == 403 || status == 421,
          "only a daemon that does not serve this broker or NetID is passed by");
}

}  // namespace

void fuzz(std::string_view input) {
  const auto problem = read_problem(input);
  if (problem) {
    require(is_utf8(problem->slug) && is_utf8(problem->detail), "a problem is UTF-8");
    require(problem->slug.find_first_of("/:") == std::string::npos, "a slug is the end of a URL");
  }
  check_with_library(input, problem);
  for (const int status : {400, 403, 421, 502, 504})
    check_decision(input, status);
}

}  // namespace mqtt_bridge

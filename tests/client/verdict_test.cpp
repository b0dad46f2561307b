#include "client/verdict.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/problem.hpp"

namespace mqtt_bridge {
namespace {

Reply problem_reply(std::string_view slug, int status, std::string_view detail = "why") {
  return {status, Media::problem,
          R"({"type":"/problems/)" + std::string(slug) + R"(","detail":")" + std::string(detail) +
              R"("})"};
}

TEST(Decide, PrintsAnAnswer) {
  const auto decision = decide({200, Media::text, "HELLO"}, "unix:/x");
  EXPECT_EQ(decision.next, Next::print_answer);
  EXPECT_EQ(decision.exit_code, ExitCode::answered);
  EXPECT_EQ(decision.message, "");
}

TEST(Decide, PrintsWhateverARouteAnswers) {
  for (const Reply& reply : {Reply{200, Media::other, "{}"}, Reply{200, Media::text, "x"},
                             Reply{202, Media::other, ""}}) {
    EXPECT_EQ(decide(reply, "unix:/x", {.is_route = true}).next, Next::print_answer)
        << reply.status;
  }
  EXPECT_EQ(decide({202, Media::text, ""}, "unix:/x").next, Next::fail);
  EXPECT_EQ(decide({302, Media::text, ""}, "unix:/x", {.is_route = true}).next, Next::fail);
}

TEST(Decide, PrintsJsonWhereItIsAskedForAndNothingElseThen) {
  EXPECT_EQ(decide({200, Media::json, "{}"}, "x", {.as_json = true}).next, Next::print_answer);
  EXPECT_EQ(decide({200, Media::text, "{}"}, "x", {.as_json = true}).next, Next::fail);
  EXPECT_EQ(decide({200, Media::json, "{}"}, "x").next, Next::fail);
}

TEST(Decide, GivesEveryProblemItsWayOn) {
  const std::set<Problem> elsewhere{Problem::wrong_broker, Problem::netid_not_served};
  const std::set<Problem> no_answer{Problem::response_timeout, Problem::no_responder,
                                    Problem::unmatched_response};
  for (const ProblemKind& kind : all_problems()) {
    const auto decision = decide(problem_reply(kind.slug, kind.status), "unix:/x");
    const bool falls_back = elsewhere.contains(kind.problem);
    EXPECT_EQ(decision.next, falls_back ? Next::fall_back_direct : Next::fail) << kind.slug;
    const auto code = no_answer.contains(kind.problem)              ? ExitCode::no_answer
                      : kind.problem == Problem::unknown_action     ? ExitCode::usage
                      : kind.problem == Problem::broker_unavailable ? ExitCode::broker_unreachable
                                                                    : ExitCode::failed;
    EXPECT_EQ(decision.exit_code, code) << kind.slug;
    EXPECT_TRUE(decision.message.starts_with("mqtt_bridged at unix:/x")) << decision.message;
  }
}

TEST(Decide, FallsBackOnNothingButTheDaemonsOwnWord) {
  const std::vector<Reply> table{
      problem_reply("wrong-broker", 200),
      problem_reply("wrong-broker", 502),
      problem_reply("netid-not-served", 401),
      problem_reply("responder-error", 421),
      problem_reply("responder-error", 403),
      problem_reply("forbidden-origin", 403),
      problem_reply("never-heard-of", 421),
      {421, Media::other, "<h1>Misdirected</h1>"},
      {421, Media::text, problem_reply("wrong-broker", 421).body},
      {421, Media::problem, ""},
      {421, Media::problem, R"({"type":"urn:x:wrong-broker")"},
      {200, Media::other, "HELLO"},
      {204, Media::text, ""},
      {302, Media::text, "HELLO"},
  };
  for (const Reply& reply : table) {
    const auto decision = decide(reply, "unix:/x");
    EXPECT_EQ(decision.next, Next::fail) << reply.status << reply.body;
    EXPECT_EQ(decision.exit_code, ExitCode::failed) << reply.status << reply.body;
  }
}

TEST(Decide, SaysInOneLineWhatTheDaemonSaid) {
  const auto message = [](const Reply& reply) { return decide(reply, "unix:/x").message; };
  EXPECT_EQ(message(problem_reply("response-timeout", 504, "no answer in 5 s")),
            "mqtt_bridged at unix:/x: no answer in 5 s");
  EXPECT_EQ(message(problem_reply("response-timeout", 504, "")),
            "mqtt_bridged at unix:/x: No response in time");
  EXPECT_EQ(message(problem_reply("from-tomorrow", 503, "later")),
            "mqtt_bridged at unix:/x answered with status 503: later");
  EXPECT_EQ(message({500, Media::problem, "oops"}),
            "mqtt_bridged at unix:/x answered with status 500");
  EXPECT_EQ(message({200, Media::other, "<html>"}),
            "something other than mqtt_bridged answers at unix:/x (status 200); name the daemon "
            "with --daemon, or use --direct");
  EXPECT_EQ(message(problem_reply("unauthorized", 401)),
            "mqtt_bridged at unix:/x wants a token: name the file that holds it with --token-file");
  EXPECT_EQ(decide(problem_reply("unauthorized", 401), "unix:/x", {.has_token = true}).message,
            "mqtt_bridged at unix:/x does not take the token of --token-file");
}

TEST(OnOneLine, LeavesNothingThatATerminalWouldObey) {
  EXPECT_EQ(on_one_line("a\nb\x1b[31m\x7f\xc2\x9b"
                        "1m\xe2\x80\xae"
                        "c \xc3\xa9"),
            "a b [31m  1m c \xc3\xa9");
  EXPECT_EQ(on_one_line("\x9b"
                        "1m\xc3"),
            " 1m ")
      << "not UTF-8";
  EXPECT_EQ(on_one_line(std::string("a\0b", 3)), "a b");
}

TEST(Decide, KeepsControlCharactersOffTheTerminal) {
  const auto decision = decide(
      problem_reply("bad-response", 502, R"(a\nb\u001b[31m\u0000\u007f\u009b1m\u00e9)"), "x");
  EXPECT_EQ(decision.message, "mqtt_bridged at x: a b [31m   1m\xc3\xa9");
}

}  // namespace
}  // namespace mqtt_bridge

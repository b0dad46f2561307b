#include "client/daemon_reply.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "base/problem.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using State = ReplyParser::State;

ClientCall call_to(std::string netid, std::string host, std::string message) {
  return {Action::title_case, std::move(netid), std::move(host), 1883, std::move(message), 5s};
}

TEST(RequestHead, IsThisFixedText) {
  EXPECT_EQ(request_head(call_to("alice", "localhost", "h\xc3\xa9llo"), "127.0.0.1:8426", 4999ms),
            "POST /transform/title-case?netid=alice&broker=localhost%3A1883&timeout=4999ms"
            " HTTP/1.1\r\n"
            "Host: 127.0.0.1:8426\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Length: 6\r\n"
            "Connection: close\r\n"
            "Accept: */*\r\n"
            "\r\n");
}

TEST(RequestHead, EncodesEverythingThatCouldEndOrSplitTheTarget) {
  const auto head =
      request_head(call_to("a b&c=d%?\xc3\xa9~-._", "localhost", ""), "localhost", 1s);
  EXPECT_NE(head.find("?netid=a%20b%26c%3Dd%25%3F%C3%A9~-._&broker="), std::string::npos) << head;
}

TEST(RequestHead, PutsAnIpv6BrokerInBracketsOnce) {
  for (const char* const host : {"::1", "[::1]"}) {
    const auto head = request_head(call_to("a", host, ""), "localhost", 1s);
    EXPECT_NE(head.find("&broker=%5B%3A%3A1%5D%3A1883&"), std::string::npos) << head;
  }
}

/// What one answer came to, on one line.
std::string outcome(const ReplyParser& parser) {
  switch (parser.state()) {
    case State::need_more:
      return "need more";
    case State::malformed:
      return "malformed: " + std::string(parser.fault());
    case State::complete:
      break;
  }
  const Reply& reply = parser.reply();
  const char* const media = reply.media == Media::text      ? " text "
                            : reply.media == Media::problem ? " problem "
                                                            : " other ";
  return std::to_string(reply.status) + media + reply.body;
}

std::string whole(std::string_view bytes) {
  ReplyParser parser;
  parser.feed(bytes);
  return outcome(parser);
}

std::string byte_by_byte(std::string_view bytes) {
  ReplyParser parser;
  for (const char& byte : bytes) {
    parser.feed({&byte, 1});
  }
  return outcome(parser);
}

struct Line {
  std::string bytes;
  std::string outcome;
};

const std::string ok = "HTTP/1.1 200 OK\r\n";

TEST(ReplyParser, ReadsTheDaemonsAnswersHoweverTheyAreCut) {
  const std::vector<Line> table{
      {ok + "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nHELLO",
       "200 text HELLO"},
      {ok + "content-length:5\r\nCONTENT-TYPE:\tText/Plain \t;charset=utf-8\r\n\r\nHELLO",
       "200 text HELLO"},
      {ok + "Content-Length: 0\r\nContent-Type: text/plain\r\n\r\n", "200 text "},
      {ok + "Content-Length: 2\r\nContent-Type: text/plain\r\n\r\n\r\n", "200 text \r\n"},
      {"HTTP/1.1 421 Misdirected Request\r\nContent-Type: application/problem+json\r\n"
       "Content-Length: 2\r\n\r\n{}",
       "421 problem {}"},
      {"HTTP/1.1 504 \r\nContent-Length: 0\r\n\r\n", "504 other "},
      {ok + "Content-Type: text/html\r\nContent-Length: 1\r\n\r\nx", "200 other x"},
      {ok + "Content-Type: text/plainer\r\nContent-Length: 1\r\n\r\nx", "200 other x"},
      {ok + "X: \xc3\xa9\tand more\r\nEmpty:\r\nContent-Length: 1\r\n\r\nx", "200 other x"},
      {ok + "Content-Length: 1\r\n\r\nxyz", "200 other x"},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok +
           "Content-Length: 1\r\n\r\nx",
       "200 other x"},
  };
  for (const auto& [bytes, expected] : table) {
    EXPECT_EQ(whole(bytes), expected) << bytes;
    EXPECT_EQ(byte_by_byte(bytes), expected) << bytes;
  }
}

TEST(ReplyParser, NeedsEveryByteOfAnAnswer) {
  const std::string answer = ok + "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nHELLO";
  for (std::size_t cut = 0; cut < answer.size(); ++cut) {
    ReplyParser parser;
    EXPECT_EQ(parser.feed(std::string_view(answer).substr(0, cut)), State::need_more) << cut;
    EXPECT_EQ(parser.feed(std::string_view(answer).substr(cut)), State::complete) << cut;
    EXPECT_EQ(outcome(parser), "200 text HELLO") << cut;
  }
}

TEST(ReplyParser, RefusesWhatTheDaemonWouldNeverSay) {
  const std::string end = "Content-Length: 1\r\n\r\nx";
  const std::string not_http = "malformed: it does not speak HTTP/1.1";
  const std::string bad_status = "malformed: its status line is not valid";
  const std::string bad_line = "malformed: a header line is not valid";
  const std::string bad_length = "malformed: its Content-Length is not one number";
  const std::string bare = "malformed: a line of its head ends without CR LF";
  const std::vector<Line> table{
      {"SSH-2.0-OpenSSH_9.2\r\n", not_http},
      {std::string("\x20\x02\x00\x00", 4), not_http},
      {"\r\n" + ok + end, not_http},
      {"HTTP/1.0 200 OK\r\n" + end, not_http},
      {"http/1.1 200 OK\r\n" + end, not_http},
      {"HTTP/1.1 20 OK\r\n" + end, bad_status},
      {"HTTP/1.1 200\r\n" + end, bad_status},
      {"HTTP/1.1 2000 OK\r\n" + end, bad_status},
      {"HTTP/1.1  200 OK\r\n" + end, bad_status},
      {"HTTP/1.1 600 OK\r\n" + end, bad_status},
      {"HTTP/1.1 099 OK\r\n" + end, bad_status},
      {"HTTP/1.1 +20 OK\r\n" + end, bad_status},
      {"HTTP/1.1 200 O\rK\r\n" + end, bad_status},
      {"HTTP/1.1 200 OK\n" + end, bare},
      {ok + "A: b\n" + end, bare},
      {ok + "A: b\r\n\n", bare},
      {ok + "A : b\r\n" + end, bad_line},
      {ok + " A: b\r\n" + end, bad_line},
      {ok + "A: b\r\n folded\r\n" + end, bad_line},
      {ok + "A\r\n" + end, bad_line},
      {ok + ": b\r\n" + end, bad_line},
      {ok + "A: b\rc\r\n" + end, bad_line},
      {ok + std::string("A: b\0c\r\n", 8) + end, bad_line},
      {ok + "Content-Length: \r\n\r\n", bad_length},
      {ok + "Content-Length: -1\r\n\r\n", bad_length},
      {ok + "Content-Length: +1\r\n\r\n", bad_length},
      {ok + "Content-Length: 0x1\r\n\r\n", bad_length},
      {ok + "Content-Length: 1, 1\r\n\r\n", bad_length},
      {ok + "Content-Length: 1 1\r\n\r\n", bad_length},
      {ok + "Content-Length: 99999999999999999999999\r\n\r\n", bad_length},
      {ok + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", bad_length},
      {ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy", bad_length},
      {ok + "Transfer-Encoding: chunked\r\n" + end, "malformed: its answer has a transfer coding"},
      {ok + "Content-Type: text/plain\r\nContent-Type: text/html\r\n" + end,
       "malformed: it names two content types"},
      {ok + "\r\n", "malformed: its answer has no Content-Length"},
      {"HTTP/1.1 101 Switching Protocols\r\n\r\n", "malformed: it changes the protocol"},
  };
  for (const auto& [bytes, expected] : table) {
    EXPECT_EQ(whole(bytes), expected) << bytes;
    EXPECT_EQ(byte_by_byte(bytes), expected) << bytes;
  }
}

TEST(ReplyParser, KnowsSomethingElseByItsFirstWrongByte) {
  ReplyParser parser;
  EXPECT_EQ(parser.feed("HTTP/1"), State::need_more);
  EXPECT_EQ(parser.feed("!"), State::malformed);
  EXPECT_EQ(parser.feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), State::malformed);
}

/// An answer whose head, with its empty line, has exactly `bytes`.
std::string with_head_of(std::size_t bytes) {
  const std::string start = ok + "Content-Length: 1\r\nFill: ";
  return start + std::string(bytes - start.size() - 4, 'f') + "\r\n\r\nx";
}

TEST(ReplyParser, HoldsAHeadUpToItsLimitAndNoLonger) {
  EXPECT_EQ(whole(with_head_of(limits::head_bytes)), "200 other x");
  EXPECT_EQ(byte_by_byte(with_head_of(limits::head_bytes)), "200 other x");
  EXPECT_EQ(whole(with_head_of(limits::head_bytes + 1)), "malformed: its head is too large");
  EXPECT_EQ(byte_by_byte(with_head_of(limits::head_bytes + 1)), "malformed: its head is too large");
}

TEST(ReplyParser, CountsInterimHeadsTowardsTheLimit) {
  ReplyParser parser;
  State state = State::need_more;
  for (std::size_t i = 0; i <= limits::head_bytes / 25 && state == State::need_more; ++i) {
    state = parser.feed("HTTP/1.1 100 Continue\r\n\r\n");
  }
  EXPECT_EQ(outcome(parser), "malformed: its head is too large");
}

TEST(ReplyParser, HoldsABodyUpToItsLimitAndNoLonger) {
  const auto head = [](std::size_t bytes) {
    return ok + "Content-Length: " + std::to_string(bytes) + "\r\n\r\n";
  };
  ReplyParser parser;
  parser.feed(head(limits::response_bytes));
  EXPECT_EQ(parser.feed(std::string(limits::response_bytes - 1, 'x')), State::need_more);
  EXPECT_EQ(parser.feed("x"), State::complete);
  EXPECT_EQ(whole(head(limits::response_bytes + 1)), "malformed: its answer is too large");
}

TEST(ReadProblem, FindsTheSlugAfterTheLastSlashOrColon) {
  const std::vector<Line> table{
      {"urn:mqtt-bridge:problem:wrong-broker", "wrong-broker"},
      {"https://example.org/problems/wrong-broker", "wrong-broker"},
      {"urn:x:a/wrong-broker", "wrong-broker"},
      {"wrong-broker", "wrong-broker"},
      {"https://example.org/", ""},
      {"", ""},
  };
  for (const auto& [type, slug] : table) {
    const auto problem = read_problem(R"({"type":")" + type + R"("})");
    ASSERT_TRUE(problem) << type;
    EXPECT_EQ(problem->slug, slug) << type;
  }
}

TEST(ReadProblem, ReadsDetailPastEveryOtherKindOfMember) {
  const std::vector<Line> table{
      {"{}", ""},
      {" \t\r\n{ \"detail\" : \"d\" } \n", "d"},
      {R"({"status":504,"retryable":false,"a":null,"b":true,"detail":"d"})", "d"},
      {R"({"n":[-0.5e+10,0,10,1E-2,-0],"detail":"d"})", "d"},
      {R"({"actions":["uppercase","detail"],"x":{"detail":"inner","y":[{}, [] ]},"detail":"d"})",
       "d"},
      {R"({"detail":"outer","x":{"detail":"inner"}})", "outer"},
      {R"({"detail":"first","detail":"last"})", "last"},
      {R"({"detail":"first","detail":null})", ""},
      {R"({"detail":"first","detail":["last"]})", ""},
      {R"({"d\u0065tail":"d"})", "d"},
      {R"({"detail":17})", ""},
      {R"({"x":"\"detail\":\"no\"","detail":"yes"})", "yes"},
      {R"({"detail":"\"\\\/\b\f\n\r\t"})", "\"\\/\b\f\n\r\t"},
      {R"({"detail":"\u0041\u00e9\u20AC\ud83d\ude00"})", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
      {"{\"detail\":\"\xf0\x9f\x98\x80\"}", "\xf0\x9f\x98\x80"},
      {R"({"detail":"\uffff\u0080\u07ff\u0800\udbff\udfff"})",
       "\xef\xbf\xbf\xc2\x80\xdf\xbf\xe0\xa0\x80\xf4\x8f\xbf\xbf"},
      {R"({"detail":"\ud83d"})", "\xef\xbf\xbd"},
      {R"({"detail":"\ude00x"})", "\xef\xbf\xbdx"},
      {R"({"detail":"\ud83d\u0041"})", "\xef\xbf\xbd\x41"},
      {R"({"detail":"\ud83d\ud83d\ude00"})", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
      {R"({"detail":"\ud83d\n"})", "\xef\xbf\xbd\n"},
  };
  for (const auto& [json, detail] : table) {
    const auto problem = read_problem(json);
    ASSERT_TRUE(problem) << json;
    EXPECT_EQ(problem->detail, detail) << json;
  }
}

TEST(ReadProblem, RefusesWhatIsNotOneJsonObject) {
  const std::vector<std::string> table{
      "",
      "   ",
      "[]",
      "\"detail\"",
      "null",
      "{",
      "}",
      "{}}",
      "{} x",
      "{,}",
      R"({"a"})",
      R"({"a":})",
      R"({"a":1,})",
      R"({"a":1 "b":2})",
      R"({a:1})",
      R"({'a':1})",
      R"({"a":01})",
      R"({"a":-})",
      R"({"a":+1})",
      R"({"a":1.})",
      R"({"a":.5})",
      R"({"a":1e})",
      R"({"a":tru})",
      R"({"a":True})",
      R"({"a":nullx})",
      R"({"a":[1,]})",
      R"({"a":[1 2]})",
      R"({"a":[})",
      R"({"a":"b)",
      R"({"a":"b\)",
      R"({"a":"\x"})",
      R"({"a":"\u12"})",
      R"({"a":"\u12g4"})",
      R"({"a":"\u-123"})",
      R"({"a":"\ud83d\u12"})",
      "{\"a\":\"line\nfeed\"}",
      std::string("{\"a\":\"\0\"}", 9),
      "{\"a\":\"\xff\"}",
      "{\"a\":\"\xed\xa0\x80\"}",
      "\xef\xbb\xbf{}",
  };
  for (const auto& json : table) {
    EXPECT_FALSE(read_problem(json)) << json;
  }
}

TEST(ReadProblem, IsCutShortNowhereWithoutNoticing) {
  const std::string json =
      R"({"type":"urn:x:y","detail":"\ud83d\ude00 d","n":[1.5e3,true,{"a":null}]})";
  EXPECT_TRUE(read_problem(json));
  for (std::size_t cut = 0; cut < json.size(); ++cut) {
    EXPECT_FALSE(read_problem(std::string_view(json).substr(0, cut))) << cut;
  }
}

std::string nested(std::size_t arrays) {
  return R"({"a":)" + std::string(arrays, '[') + std::string(arrays, ']') + "}";
}

TEST(ReadProblem, GoesSixteenLevelsDeepAndNoDeeper) {
  EXPECT_TRUE(read_problem(nested(15)));
  EXPECT_FALSE(read_problem(nested(16)));
  EXPECT_FALSE(read_problem(nested(30000)));
}

TEST(ReadProblem, ReadsSixtyFourKibibytesAndNoMore) {
  const auto sized = [](std::size_t bytes) {
    return R"({"a":")" + std::string(bytes - 8, 'x') + R"("})";
  };
  EXPECT_TRUE(read_problem(sized(64 * 1024)));
  EXPECT_FALSE(read_problem(sized(64 * 1024 + 1)));
}

Reply problem_reply(std::string_view slug, int status, std::string_view detail = "why") {
  return {status, Media::problem,
          R"({"type":"urn:mqtt-bridge:problem:)" + std::string(slug) + R"(","detail":")" +
              std::string(detail) + R"("})"};
}

TEST(Decide, PrintsAnAnswer) {
  const auto decision = decide({200, Media::text, "HELLO"}, "unix:/x");
  EXPECT_EQ(decision.next, Next::print_answer);
  EXPECT_EQ(decision.exit_code, ExitCode::answered);
  EXPECT_EQ(decision.message, "");
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
            "mqtt_bridged at unix:/x wants a token, and mqtt_client sends none; use --direct");
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

#include "client/reply_parser.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits/call.hpp"
#include "base/limits/http.hpp"

namespace mqtt_bridge {
namespace {

using State = ReplyParser::State;

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

}  // namespace
}  // namespace mqtt_bridge

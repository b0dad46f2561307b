// response_writer.hpp, by RFC 9112 (4 Status line, 5 Fields, 6 Message body) and RFC 9110.
#include "http/response_writer.hpp"

#include <string>

#include <gtest/gtest.h>

#include "base/problem.hpp"

namespace mqtt_bridge {
namespace {

using enum HttpResponse::Text;

HttpResponse with_body(HttpResponse::Body body) {
  return {.status = 200, .fields = {}, .body = std::move(body)};
}

std::string body_of(const std::string& sent) {
  return sent.substr(sent.find("\r\n\r\n") + 4);
}

TEST(ResponseWriter, WritesAStatusLineTheFieldsInOrderAndTheLength) {
  HttpResponse response{
      .status = 404, .fields = {{"B", "1"}, {"A", "2, 3"}}, .body = {.text = "x"}};
  EXPECT_EQ(whole(response),
            "HTTP/1.1 404 Not Found\r\nB: 1\r\nA: 2, 3\r\nContent-Length: 1\r\n\r\nx");
}

TEST(ResponseWriter, SaysThatThereIsNoBody) {
  EXPECT_EQ(whole({}), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST(ResponseWriter, HasAPhraseForEveryProblem) {
  for (const ProblemKind& kind : all_problems()) {
    const std::string sent = whole({.status = kind.status});
    const std::string line = sent.substr(0, sent.find("\r\n"));
    EXPECT_TRUE(line.starts_with("HTTP/1.1 " + std::to_string(kind.status) + " ")) << line;
    EXPECT_GT(line.size(), std::string("HTTP/1.1 404 ").size()) << line;
  }
}

/// RFC 9112 4: the space behind the code stays.
TEST(ResponseWriter, WritesAnEmptyPhraseForAStatusThatHasNone) {
  EXPECT_TRUE(whole({.status = 499}).starts_with("HTTP/1.1 499 \r\n"));
  EXPECT_TRUE(whole({.status = 599}).starts_with("HTTP/1.1 599 \r\n"));
}

/// RFC 9112 11.1: nobody splits a response by what he makes us send back.
TEST(ResponseWriter, LeavesOutAFieldWhoseValueIsNone) {
  for (const std::string value : {"a\r\nSet-Cookie: b", "a\nb", "a\r", "\x01", "\x7f", "a\tb\v"}) {
    const std::string sent = whole({.fields = {{"A", value}, {"B", "1"}}});
    EXPECT_EQ(sent, "HTTP/1.1 200 OK\r\nB: 1\r\nContent-Length: 0\r\n\r\n");
  }
  EXPECT_EQ(whole({.fields = {{"A", std::string("a\0b", 3)}}}),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(whole({.fields = {{"A", "\xc3\xa4\tb"}, {"B", ""}}}),
            "HTTP/1.1 200 OK\r\nA: \xc3\xa4\tb\r\nB: \r\nContent-Length: 0\r\n\r\n");
}

/// RFC 9110 9.3.2.
TEST(ResponseWriter, AnswersHeadWithTheLengthAndWithoutTheBody) {
  HttpResponse response =
      with_body({.begin = "{\"", .text = "\n", .kind = inside_json_string, .end = "\"}"});
  response.is_to_head = true;
  EXPECT_EQ(whole(response), "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
}

/// RFC 9112 6.3, RFC 9110 8.6: such a response ends with its head.
TEST(ResponseWriter, NeverWritesABodyOrALengthWhereThereMayBeNone) {
  for (const int status : {100, 101, 199, 204, 304}) {
    const std::string sent =
        whole({.status = status, .body = {.begin = "a", .text = "b", .end = "c"}});
    EXPECT_EQ(sent.find("Content-Length"), std::string::npos) << sent;
    EXPECT_EQ(body_of(sent), "") << sent;
  }
}

TEST(ResponseWriter, CountsTheLengthOfWhatItSends) {
  const std::string text = "a\n\"\\\x01\xc3\xa4";
  for (const auto kind : {plain, inside_json_string}) {
    const std::string sent =
        whole(with_body({.begin = "<", .text = text, .kind = kind, .end = ">"}));
    EXPECT_NE(sent.find("\r\nContent-Length: " + std::to_string(body_of(sent).size()) + "\r\n"),
              std::string::npos)
        << sent;
  }
}

TEST(ResponseWriter, EscapesTheTextInJsonAndNothingElse) {
  EXPECT_EQ(body_of(whole(with_body(
                {.begin = "\n", .text = "a\nb\"", .kind = inside_json_string, .end = "\""}))),
            "\na\\nb\\\"\"");
}

TEST(ResponseWriter, IsOnePieceWhereItIsSmall) {
  ResponseWriter writer(with_body({.begin = "begin", .text = "text", .end = "end"}));
  std::string piece = "of the one before";
  writer.take(piece);
  EXPECT_EQ(piece, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nbegintextend");
  EXPECT_TRUE(writer.is_taken());
  writer.take(piece);
  EXPECT_EQ(piece, "");
}

TEST(ResponseWriter, MayHaveNoText) {
  EXPECT_EQ(body_of(whole(with_body({.begin = "all of it"}))), "all of it");
  EXPECT_EQ(body_of(whole(with_body({.begin = "a", .kind = inside_json_string, .end = "b"}))),
            "ab");
}

TEST(ResponseWriter, IsWholeWhereItComesInPieces) {
  for (const auto kind : {plain, inside_json_string}) {
    std::string text;
    for (int i = 0; i < 300'000; ++i)
      text += static_cast<char>('a' + i % 26);
    const HttpResponse response =
        with_body({.begin = "begin", .text = text, .kind = kind, .end = "end"});
    ResponseWriter writer(response);
    EXPECT_GE(writer.bytes(), text.size());
    std::string all;
    for (std::string piece; !writer.is_taken(); all += piece) {
      writer.take(piece);
      EXPECT_LT(piece.size(), text.size() / 2);
    }
    EXPECT_EQ(all, whole(response));
    EXPECT_EQ(body_of(all), "begin" + text + "end");
  }
}

TEST(ResponseWriter, FramesABodyThatGoesOutInPieces) {
  const HttpResponse response{.status = 206, .fields = {{"A", "b"}, {"Bad", "c\r\nd"}}};
  EXPECT_EQ(head_of_stream(response, true),
            "HTTP/1.1 206 \r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(head_of_stream(response, false), "HTTP/1.1 206 \r\nA: b\r\n\r\n");
  EXPECT_EQ(chunk("x"), "1\r\nx\r\n");
  EXPECT_EQ(chunk(std::string(0x1abc, 'x')), "1abc\r\n" + std::string(0x1abc, 'x') + "\r\n");
}

}  // namespace
}  // namespace mqtt_bridge

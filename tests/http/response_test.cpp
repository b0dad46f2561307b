#include "http/response.hpp"

#include <string>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using enum HttpResponse::Text;

TEST(HttpResponse, IsOnePieceWhereItIsSmall) {
  HttpResponse response("head", "text", plain, "end");
  std::string piece = "of the one before";
  response.take(piece);
  EXPECT_EQ(piece, "headtextend");
  EXPECT_TRUE(response.is_taken());
  response.take(piece);
  EXPECT_EQ(piece, "");
}

TEST(HttpResponse, MayHaveNoText) {
  EXPECT_EQ(whole(HttpResponse("all of it")), "all of it");
  EXPECT_EQ(whole(HttpResponse("head", "", inside_json_string, "end")), "headend");
}

TEST(HttpResponse, EscapesTheTextInJsonAndNothingElse) {
  EXPECT_EQ(whole(HttpResponse("\n", "a\nb\"", inside_json_string, "\"")), "\na\\nb\\\"\"");
}

TEST(HttpResponse, IsWholeWhereItComesInPieces) {
  for (const auto kind : {plain, inside_json_string}) {
    std::string text;
    for (int i = 0; i < 300'000; ++i)
      text += static_cast<char>('a' + i % 26);
    HttpResponse response("head", text, kind, "end");
    EXPECT_GE(response.bytes(), text.size());
    std::string piece;
    response.take(piece);
    EXPECT_LT(piece.size(), text.size() / 2);
    EXPECT_EQ(piece + whole(response), "head" + text + "end");
  }
}

}  // namespace
}  // namespace mqtt_bridge

#include "http/media_type.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

TEST(MediaType, NamesNoForeignCharsetOfUtf8AndAscii) {
  for (const std::string_view type : {"",
                                      "text/plain",
                                      "text/plain;",
                                      "text/plain; charset=utf-8",
                                      "text/plain;charset=UTF-8",
                                      "text/plain ; Charset=\"utf-8\"",
                                      "text/plain; charset=\"U\\tF-8\"",
                                      "text/plain;charset=utf8",
                                      "application/json; charset=us-ascii",
                                      "text/plain; a=b; charset=US-ASCII; c=d",
                                      "text/plain; charset=",
                                      "text/plain; charset",
                                      "text/plain; charset=\"\"",
                                      "text/plain; xcharset=latin1",
                                      "text/plain; charsets=latin1",
                                      "charset=latin1",
                                      "text/plain; a=\"; charset=latin1\"",
                                      "text/plain; a=\"\\\"; charset=latin1\"",
                                      ";",
                                      "text/plain; a=\"; charset=latin1",
                                      "/;=\xe9",
                                      "text/plain; charset=\"utf-8",
                                      "multipart/form-data; boundary=x"}) {
    EXPECT_EQ(foreign_charset(type), std::nullopt) << type;
  }
}

TEST(MediaType, NamesEveryOtherCharset) {
  struct Row {
    std::string_view type;
    std::string_view charset;
  };
  const Row rows[] = {
      {"text/plain; charset=iso-8859-1", "iso-8859-1"},
      {"text/plain;CHARSET=\"utf-16le\"", "utf-16le"},
      {"text/plain; charset = latin1", "latin1"},
      {"text/plain; a=\"\\\\\"; charset=latin1", "latin1"},
      {"text/plain; charset=utf-8; charset=latin1", "latin1"},
      {"text/plain; charset=\"lat\\in1\"", "latin1"},
      {";charset=x", "x"},
      {"text/plain; charset=utf-8x", "utf-8x"},
      {"text/plain; charset='utf-8'", "'utf-8'"},
      {"text/plain; charset=\"utf-8 \"", "utf-8 "},
      {"text/plain; charset=utf-7", "utf-7"},
      {"text/plain; charset=\"\xff", "\xff"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(foreign_charset(row.type), row.charset) << row.type;
}

TEST(MediaType, IsMultipartByItsTypeAlone) {
  for (const std::string_view type :
       {"multipart/form-data; boundary=x", "Multipart/", "MULTIPART/x"})
    EXPECT_TRUE(is_multipart(type)) << type;
  for (const std::string_view type :
       {"", "multipart", "text/plain; a=multipart/form-data", "x-multipart/x", " multipart/x"}) {
    EXPECT_FALSE(is_multipart(type)) << type;
  }
}

TEST(MediaType, IsAFormByItsTypeAlone) {
  for (const std::string_view type :
       {"application/x-www-form-urlencoded", "Application/X-WWW-form-urlencoded; charset=utf-8"})
    EXPECT_TRUE(is_form(type)) << type;
  for (const std::string_view type : {"", "text/plain", "application/x-www-form-urlencodedly",
                                      "text/plain; a=application/x-www-form-urlencoded"}) {
    EXPECT_FALSE(is_form(type)) << type;
  }
}

TEST(MediaType, IsATypeAndASubtype) {
  for (const std::string_view type :
       {"a/b", "text/plain; charset=utf-8", "application/a+b;c=\"d e\"", " a/b "})
    EXPECT_TRUE(is_media_type(type)) << type;
  for (const std::string_view type : {"", "a", "/", "a/", "/b", "a/b/c", "a b/c", "a/b\r\nc: d",
                                      "a/b; c=\n", "a/\xff", ";a/b", "a/b\tc"}) {
    EXPECT_FALSE(is_media_type(type)) << type;
  }
}

}  // namespace
}  // namespace mqtt_bridge

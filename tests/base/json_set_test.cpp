#include "base/json_set.hpp"

#include <string>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

struct JsonSetRow {
  const char* json;
  const char* pointer;
  JsonScalar value;
  const char* changed;  // null: it has no room
};

TEST(JsonSet, PutsAValueAtItsPointer) {
  const JsonSetRow rows[] = {
      {"{}", "/a", "b", R"({"a":"b"})"},
      {"{}", "", "b", R"("b")"},
      {"{}", "/a/0/c", std::int64_t{-7}, R"({"a":[{"c":-7}]})"},
      {"{}", "/a/1/c", true, R"({"a":{"1":{"c":true}}})"},
      {"{}", "/a/-", 0.5, R"({"a":[0.5]})"},
      {R"({"z":1,"a":{"list":[{"x":1}]}})", "/a/list/0/y", true,
       R"({"z":1,"a":{"list":[{"x":1,"y":true}]}})"},
      {R"({"a":1,"b":2})", "/a", "x", R"({"a":"x","b":2})"},
      {R"({"a":[1,2]})", "/a/0", "x", R"({"a":["x",2]})"},
      {R"({"a":[1,2]})", "/a/2", "x", R"({"a":[1,2,"x"]})"},
      {R"({"a":[1,2]})", "/a/4", "x", R"({"a":[1,2,null,null,"x"]})"},
      {R"({"a":[]})", "/a/1", "x", R"({"a":[null,"x"]})"},
      {R"({"a":[1]})", "/a/-", "x", R"({"a":[1,"x"]})"},
      {R"({"a":[[],{}]})", "/a/1/b", "x", R"({"a":[[],{"b":"x"}]})"},
      {R"({"a":null})", "/a/b", "x", R"({"a":{"b":"x"}})"},
      {R"({"a":{"b":[1,{"c":"}]"}],"d":2}})", "/a/d", "x", R"({"a":{"b":[1,{"c":"}]"}],"d":"x"}})"},
      {R"({"":{"":1}})", "//", "x", R"({"":{"":"x"}})"},
      {R"({"a/b":{"~":1}})", "/a~1b/~0", "x", R"({"a/b":{"~":"x"}})"},
      {R"({"~1":1})", "/~01", "x", R"({"~1":"x"})"},
      {R"({"\u0061":1})", "/a", "x", R"({"\u0061":"x"})"},
      {R"({"\"a":1})", "/\"a", "x", R"({"\"a":"x"})"},
      {R"({"a\\":1,"a":2})", "/a", "x", R"({"a\\":1,"a":"x"})"},
      {R"({"0":1})", "/0", "x", R"({"0":"x"})"},
      {R"({"a":"\u00e4\/"})", "/\n", "\"\\", R"({"a":"\u00e4\/","\n":"\"\\"})"},
      {R"({"z":1})", "/z/deeper", "x", nullptr},
      {R"({"z":"1"})", "/z/0", "x", nullptr},
      {R"({"z":[1]})", "/z/a", "x", nullptr},
      {R"({"z":[1]})", "/z/00", "x", nullptr},
      {R"({"z":false})", "/z/a", "x", nullptr},
  };
  for (const JsonSetRow& row : rows) {
    const auto changed = json_with(row.json, {row.pointer, row.value});
    ASSERT_EQ(changed.has_value(), row.changed != nullptr) << row.json << " " << row.pointer;
    EXPECT_EQ(changed.value_or(""), row.changed != nullptr ? row.changed : "");
  }
}

TEST(JsonSet, LeavesTheRestAsItIs) {
  const JsonSetRow rows[] = {
      {" { \"a\" : 1.0 ,\n\"b\" : 123456789012345678901234567890 } \n", "/c", "x",
       " { \"a\" : 1.0 ,\n\"b\" : 123456789012345678901234567890,\"c\":\"x\" } \n"},
      {"{ }", "/c", "x", "{\"c\":\"x\" }"},
      {"\xef\xbb\xbf{}", "/c", "x", "\xef\xbb\xbf{\"c\":\"x\"}"},
      {"{\"a\" : [ 1e2 , -0 ] }", "/a/1", "x", "{\"a\" : [ 1e2 , \"x\" ] }"},
      {"{\"a\" : [ 1e2 ] }", "/a/1", "x", "{\"a\" : [ 1e2,\"x\" ] }"},
      {"{\"a\" : [ ] }", "/a/0", "x", "{\"a\" : [\"x\" ] }"},
      {"{\"a\" : { } , \"b\":2}", "/a/c", "x", "{\"a\" : {\"c\":\"x\" } , \"b\":2}"},
  };
  for (const JsonSetRow& row : rows)
    EXPECT_EQ(json_with(row.json, {row.pointer, row.value}), row.changed);
}

}  // namespace
}  // namespace mqtt_bridge

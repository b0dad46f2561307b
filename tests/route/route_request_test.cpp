#include "route/route_request.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json_text.hpp"
#include "base/limits/call.hpp"
#include "base/limits/route.hpp"
#include "route/route_of.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

RouteCall call_of_route(const RouteKeys& keys, const std::string& path, std::string payload = "") {
  const auto route = route_of(keys);
  return {.route = route,
          .values = values_in(route->pattern, path),
          .payload = std::move(payload),
          .arrived = Instant{},
          .deadline = Instant{} + 5s,
          .correlation = "0123456789abcdef",
          .id = "1234",
          .client = "bridge-1"};
}

MqttRequest request_of(RouteCall call) {
  auto made = mqtt_request(std::move(call));
  if (const auto* const failure = std::get_if<Failure>(&made)) {
    ADD_FAILURE() << failure->detail;
    return {};
  }
  return std::get<MqttRequest>(std::move(made));
}

/// `slug: detail`; empty where there is a request.
std::string failure_of(RouteCall call) {
  const auto made = mqtt_request(std::move(call));
  const auto* const failure = std::get_if<Failure>(&made);
  return failure != nullptr ? std::string(describe(failure->problem).slug) + ": " + failure->detail
                            : "";
}

std::string payload_of(const RouteSource::Table& set, const std::string& body) {
  return request_of(call_of_route({{"path", text("/a/{x}")},
                                   {"topic", text("a")},
                                   {"response-topic", text("b")},
                                   {"set", table(set)}},
                                  "/a/lamp", body))
      .payload;
}

std::string failure_of_body(const std::string& body,
                            const RouteSource::Table& set = {member("/id", "{id}")}) {
  return failure_of(call_of_route({{"path", text("/a/{x}")},
                                   {"topic", text("a")},
                                   {"response-topic", text("b")},
                                   {"set", table(set)}},
                                  "/a/lamp", body));
}

TEST(RouteRequest, IsWhatItsRouteSays) {
  RouteCall call = call_of_route({{"path", text("/a/{x}/{y...}")},
                                  {"topic", text("a/{x}/{y}/{id}/{client}")},
                                  {"response-topic", text("r/{x}/{id}")},
                                  {"properties", table({member("who", "{client}/{x}")})},
                                  {"qos", number(0)},
                                  {"retain", flag(true)},
                                  {"idempotent", flag(true)},
                                  {"turn-rest", text("2s")},
                                  {"max-in-flight", number(7)}},
                                 "/a/1/2/3", std::string("\0\xff", 2));
  call.content_type = "application/cbor";
  const MqttRequest request = request_of(std::move(call));
  EXPECT_EQ(request.request_topic, "a/1/2/3/1234/bridge-1");
  EXPECT_EQ(request.response_topic, "r/1/1234");
  EXPECT_EQ(request.error_topic, "");
  EXPECT_EQ(request.filters, (std::vector<CallFilter>{{"r/1/+", false}}));
  EXPECT_EQ(request.payload, std::string("\0\xff", 2));
  EXPECT_EQ(request.content_type, "application/cbor");
  EXPECT_EQ(request.user_properties, (UserProperties{{"who", "bridge-1/1"}}));
  EXPECT_EQ(request.qos, 0);
  EXPECT_TRUE(request.retained);
  EXPECT_TRUE(request.is_idempotent);
  EXPECT_EQ(request.turn_rest, 2s);
  EXPECT_EQ(request.most_in_flight, 7u);
  EXPECT_EQ(request.fairness_key, "/a/{x}/{y...}");
  EXPECT_EQ(request.correlation, "0123456789abcdef");
  EXPECT_TRUE(std::holds_alternative<MatchByTopic>(request.matching));
}

TEST(RouteRequest, SubscribesToOneFilterForAllCalls) {
  struct Row {
    const char* response_topic;
    std::vector<CallFilter> filters;
  };
  const Row rows[] = {
      {"r/{x}", {{"r/lamp", false}}},
      {"r/{id}", {{"r/+", false}}},
      {"r/pre{id}post/{x}", {{"r/+/lamp", false}}},
      {"{id}", {{"+", false}}},
      {"/{id}/", {{"/+/", false}}},
      {"r/{status}/{x}", {{"r/+/lamp", false}}},
      {"r/+/{client}", {{"r/+/bridge-1", false}}},
      {"a/lamp", {{"a/lamp", true}}},  // where we publish ourselves
      {"a/+", {{"a/+", true}}},
      {"+/lamp", {{"+/lamp", true}}},
  };
  for (const Row& row : rows) {
    const MqttRequest request =
        request_of(call_of_route({{"path", text("/a/{x}")},
                                  {"topic", text("a/{x}")},
                                  {"response-topic", text(row.response_topic)}},
                                 "/a/lamp"));
    EXPECT_EQ(request.filters, row.filters) << row.response_topic;
  }
  const RouteKeys with_errors{{"path", text("/a/{x}")},
                              {"topic", text("q")},
                              {"response-topic", text("r/{x}")},
                              {"error-topic", text("e/{x}")}};
  EXPECT_EQ(request_of(call_of_route(with_errors, "/a/lamp")).filters,
            (std::vector<CallFilter>{{"r/lamp", false}, {"e/lamp", false}}));
}

TEST(RouteRequest, HasAnInboxWhereTheRouteNamesNoResponseTopic) {
  const MqttRequest request =
      request_of(call_of_route({{"path", text("/a")}, {"topic", text("a")}}, "/a"));
  EXPECT_EQ(request.response_topic, "mqtt-bridge/bridge-1/response/1234");
  EXPECT_EQ(request.filters, (std::vector<CallFilter>{{"mqtt-bridge/bridge-1/response/+", false}}));
  EXPECT_TRUE(request.needs_response_topic);
}

TEST(RouteRequest, SubscribesToNothingWhereNoAnswerIsAskedFor) {
  const MqttRequest request = request_of(call_of_route(
      {{"path", text("/a")}, {"topic", text("a")}, {"one-way", flag(true)}}, "/a", "x"));
  EXPECT_EQ(request.response_topic, "");
  EXPECT_TRUE(request.filters.empty());
  EXPECT_TRUE(std::holds_alternative<MatchNothing>(request.matching));
  EXPECT_FALSE(request.needs_response_topic);
}

TEST(RouteRequest, KnowsItsAnswerByItsId) {
  const MqttRequest request = request_of(
      call_of_route({{"path", text("/a/{x}")},
                     {"topic", text("a")},
                     {"response-topic", text("r")},
                     {"set", table({member("/i", "{client}:{id}")})},
                     {"match", table({member("/d", true), member("/x", "{x}"),
                                      member("/o/i", "{client}:{id}"), member("/n", 1.5)})}},
                    "/a/lamp"));
  const auto* const match = std::get_if<MatchById>(&request.matching);
  ASSERT_NE(match, nullptr);
  EXPECT_EQ(match->pointer, "/o/i");
  EXPECT_EQ(match->id, "bridge-1:1234");
  EXPECT_EQ(request.tests, (std::vector<JsonTest>{{"/d", true}, {"/x", "lamp"}, {"/n", 1.5}}));
  EXPECT_EQ(request.payload, R"({"i":"bridge-1:1234"})");
}

TEST(RouteRequest, KnowsWhichLevelIsTheStatus) {
  const auto level = [](const char* response_topic) {
    return request_of(call_of_route({{"path", text("/a/{x...}")},
                                     {"topic", text("q")},
                                     {"response-topic", text(response_topic)}},
                                    "/a/1/2"))
        .status_level;
  };
  EXPECT_EQ(level("r/{status}"), 1u);
  EXPECT_EQ(level("{status}/r"), 0u);
  EXPECT_EQ(level("r/{x}/{status}/{id}"), 3u);
  EXPECT_EQ(level("r/{x}"), std::nullopt);
}

TEST(RouteRequest, RefusesValuesThatWouldMakeAnotherTopic) {
  using namespace std::string_literals;
  const RouteKeys keys{{"path", text("/a/{x}/{y...}")}, {"topic", text("a/{x}/{y}")}};
  struct Row {
    std::string path;
    std::string detail;
  };
  const Row rows[] = {
      {"/a//b", "{x} in the path must not be empty, nor have an empty part"},
      {"/a/b/", "{y} in the path must not be empty, nor have an empty part"},
      {"/a/b/c//d", "{y} in the path must not be empty, nor have an empty part"},
      {"/a/+/b", "{x} in the path must not have a '+' or '#', which are wildcards of MQTT"},
      {"/a/b/c/#", "{y} in the path must not have a '+' or '#', which are wildcards of MQTT"},
      {"/a/../b", "{x} in the path must not be '.' or '..', nor have such a part"},
      {"/a/b/./c", "{y} in the path must not be '.' or '..', nor have such a part"},
      {"/a/\0/b"s, "{x} in the path must be UTF-8 without control characters and noncharacters"},
      {"/a/b/\xff", "{y} in the path must be UTF-8 without control characters and noncharacters"},
      {"/a/" + std::string(513, 'x') + "/b", "{x} in the path must not have more than 512 bytes"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(failure_of(call_of_route(keys, row.path)), "invalid-parameter: " + row.detail);
}

/// What brokers keep for themselves (MQTT 5.0 4.7.2) a route may name, but not its caller.
TEST(RouteRequest, RefusesACallersDollarAtTheBeginningOfATopic) {
  constexpr const char* why = "invalid-parameter: the topic must not begin with '$'";
  const RouteKeys keys{{"path", text("/a/{x...}")}, {"topic", text("{x}/rpc")}};
  EXPECT_EQ(failure_of(call_of_route(keys, "/a/$SYS/broker")), why);
  EXPECT_EQ(failure_of(call_of_route(keys, "/a/b/$SYS")), "");
  EXPECT_EQ(
      failure_of(call_of_route(
          {{"path", text("/a/{x...}")}, {"topic", text("a")}, {"response-topic", text("{x}")}},
          "/a/$share/g/t")),
      why);
  EXPECT_EQ(failure_of(call_of_route({{"path", text("/a/{x...}")},
                                      {"topic", text("a")},
                                      {"response-topic", text("r")},
                                      {"error-topic", text("{x}")},
                                      {"id", text("/id")}},
                                     "/a/$share/g/t")),
            why);
  const MqttRequest request = request_of(
      call_of_route({{"path", text("/a/{x}")}, {"topic", text("$aws/things/{x}")}}, "/a/$lamp"));
  EXPECT_EQ(request.request_topic, "$aws/things/$lamp");
}

TEST(RouteRequest, RefusesWhatIsTooLongForMqtt) {
  std::string many;
  for (int i = 0; i < 128; ++i)
    many += "{x}";
  const std::string path = "/a/" + std::string(limits::path_value_bytes, 'x');  // 65,536 bytes
  const std::string shorter = "/a/" + std::string(limits::path_value_bytes - 1, 'x');
  const auto failure = [&](const RouteKeys& keys, const std::string& its_path) {
    RouteKeys all{{"path", text("/a/{x}")}};
    all.insert(all.end(), keys.begin(), keys.end());
    return failure_of(call_of_route(all, its_path));
  };
  constexpr const char* topic = "invalid-parameter: the topic would be too long";
  EXPECT_EQ(failure({{"topic", text(many)}}, path), topic);
  EXPECT_EQ(failure({{"topic", text(many)}}, shorter), "");
  EXPECT_EQ(failure({{"topic", text("a")}, {"response-topic", text(many)}}, path), topic);
  EXPECT_EQ(failure({{"topic", text("a")},
                     {"response-topic", text("r")},
                     {"error-topic", text(many)},
                     {"id", text("/id")}},
                    path),
            topic);
  const RouteKeys property{{"topic", text("a")}, {"properties", table({member("p", many)})}};
  EXPECT_EQ(failure(property, path), "invalid-parameter: a user property would be too long");
  EXPECT_EQ(failure(property, shorter), "");
}

TEST(RouteRequest, TakesAllowedValuesOnly) {
  const RouteKeys keys{{"path", text("/a/{x}/{y}")},
                       {"topic", text("a/{x}/{y}")},
                       {"allow", table({list("x", {"lamp", "plug-*"})})}};
  EXPECT_EQ(failure_of(call_of_route(keys, "/a/lamp/any")), "");
  EXPECT_EQ(failure_of(call_of_route(keys, "/a/plug-7/any")), "");
  EXPECT_EQ(failure_of(call_of_route(keys, "/a/gate/any")),
            "value-not-allowed: {x} must not be 'gate' on this route");
}

TEST(RouteRequest, SetsIntoTheBody) {
  const RouteSource::Table id{member("/id", "{id}")};
  EXPECT_EQ(payload_of(id, ""), R"({"id":"1234"})");
  EXPECT_EQ(payload_of(id, "{}"), R"({"id":"1234"})");
  EXPECT_EQ(payload_of(id, " \n{ }\n"), " \n{\"id\":\"1234\" }\n");
  EXPECT_EQ(payload_of(id, R"({"b":1,"a":[1,2]})"), R"({"b":1,"a":[1,2],"id":"1234"})");
  EXPECT_EQ(payload_of(id, R"({"id":null,"a":2})"), R"({"id":"1234","a":2})");
  EXPECT_EQ(payload_of({member("/a/b/0/c", "{x}"), member("/n", std::int64_t{-5}),
                        member("/f", 0.5), member("/t", true)},
                       ""),
            R"({"a":{"b":[{"c":"lamp"}]},"n":-5,"f":0.5,"t":true})");
  EXPECT_EQ(payload_of({member("/a/b", "x")}, R"({"a":{"c":1}})"), R"({"a":{"c":1,"b":"x"}})");
  EXPECT_EQ(payload_of({member("/a/1", "x")}, R"({"a":[1,2,3]})"), R"({"a":[1,"x",3]})");
  EXPECT_EQ(payload_of({member("/a~1b/~0", "x")}, "{}"), R"({"a/b":{"~":"x"}})");
}

/// A value is data, whatever is in it.
TEST(RouteRequest, SetsTextsAsTexts) {
  EXPECT_EQ(request_of(call_of_route({{"path", text("/a/{x}")},
                                      {"topic", text("a")},
                                      {"set", table({member("/a", "{x}")})}},
                                     "/a/\",\"b\":\"{id}\\"))
                .payload,
            R"({"a":"\",\"b\":\"{id}\\"})");
}

TEST(RouteRequest, NeedsABodyThatItCanSetInto) {
  constexpr const char* object = "invalid-payload: send a JSON object as the body: ";
  for (const char* const body :
       {"hello", "{", "{}}", "{\"a\":1,}", "{'a':1}", "\xff", "{\"a\":\"\xff\"}",
        "{\"a\":\"\\ud800\"}", "NaN", "{\"a\":01}", "{\"a\":1e400}", "// c\n{}", "\xef\xbb\xbf{"}) {
    EXPECT_EQ(failure_of_body(body), std::string(object) + "it is not JSON") << body;
  }
  for (const char* const body : {"[]", "[{}]", "\"a\"", "1", "null", "true"})
    EXPECT_EQ(failure_of_body(body), std::string(object) + "it is another value") << body;
  EXPECT_EQ(failure_of_body(R"({"a":1,"a":2})"),
            std::string(object) + "an object in it has the member \"a\" twice");
  EXPECT_EQ(failure_of_body(R"({"b":[{"\u0061":1,"a":2}]})"),
            std::string(object) + "an object in it has the member \"a\" twice");
  EXPECT_EQ(failure_of_body(R"({"id":1})", {member("/id/x", "a")}),
            std::string(object) + "there is no room in it for /id/x");
  EXPECT_EQ(failure_of_body(R"({"a":[]})", {member("/a/b", "a")}),
            std::string(object) + "there is no room in it for /a/b");
}

TEST(RouteRequest, SetsIntoABodyOfLimitedDepthAndSize) {
  const auto nested = [](std::size_t depth) {
    return R"({"a":)" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_EQ(failure_of_body(nested(limits::json_depth)), "");
  EXPECT_THAT(failure_of_body(nested(limits::json_depth + 1)), HasSubstr("nested too deep"));
  EXPECT_THAT(failure_of_body(nested(100'000)), HasSubstr("nested too deep"));
  const auto sized = [](std::size_t bytes) {
    return R"({"a":")" + std::string(bytes - 8, 'x') + "\"}";
  };
  EXPECT_EQ(failure_of_body(sized(limits::id_bytes)), "");
  EXPECT_EQ(failure_of_body(sized(limits::id_bytes + 1)),
            "payload-too-large: this route writes into the JSON that it is sent, of which there "
            "may be 262144 bytes");
}

/// A service may count beyond what we can.
TEST(RouteRequest, LeavesTheRestOfTheBodyAsItIs) {
  for (const std::string rest :
       {"18446744073709551616", "-9223372036854775809", "1.0", "1e2", "1E+2", "0.10", "-0",
        "123456789012345678901234567890.5", "\"\\u00e4\\/\"", "\"ä\"", "[1 , 2]"}) {
    EXPECT_EQ(payload_of({member("/id", "{id}")}, "{\"a\":" + rest + "}"),
              "{\"a\":" + rest + ",\"id\":\"1234\"}");
  }
}

}  // namespace
}  // namespace mqtt_bridge

#include "route/route_config.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits/route.hpp"
#include "exchange/answer_rules.hpp"
#include "route/route_keys.hpp"
#include "route/route_of.hpp"

namespace mqtt_bridge {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

/// A route with these keys besides; those that are here already are replaced.
RouteKeys keys_with(const RouteKeys& more, const std::string& path = "/a/{x}",
                    const std::string& topic = "a/{x}") {
  RouteKeys keys{{"path", text(path)}, {"topic", text(topic)}};
  for (const auto& each : more) {
    const auto same = std::find_if(keys.begin(), keys.end(),
                                   [&](const auto& key) { return key.first == each.first; });
    if (same != keys.end())
      same->second = each.second;
    else
      keys.push_back(each);
  }
  return keys;
}

std::shared_ptr<const Route> with(const RouteKeys& more) {
  return route_of(keys_with(more));
}

std::string fault_with(const RouteKeys& more) {
  return fault_of(keys_with(more));
}

/// That of one key, which is in the third line after the first.
std::string fault_of_key(const std::string& key, RouteValue value) {
  const std::string fault = fault_with({{key, std::move(value)}});
  const std::string begin = (key == "path" ? "2: " : key == "topic" ? "3: " : "4: ") + key + ": ";
  EXPECT_THAT(fault, StartsWith(begin));
  return fault.substr(std::min(begin.size(), fault.size()));
}

TEST(RouteConfig, NeedsAPathAndATopicOnly) {
  const auto route = route_of({{"path", text("/a/{x}")}, {"topic", text("a/{x}")}});
  EXPECT_EQ(route->path, "/a/{x}");
  EXPECT_EQ(route->methods, std::vector<std::string>{"POST"});
  EXPECT_EQ(route->topic.text(), "a/{x}");
  EXPECT_TRUE(route->has_inbox);
  EXPECT_EQ(route->response_topic.text(), "mqtt-bridge/{client}/response/{id}");
  EXPECT_EQ(route->linked, Route::Linked::by_topic);
  EXPECT_EQ(route->qos, 1);
  EXPECT_FALSE(route->retained);
  EXPECT_FALSE(route->is_idempotent);
  EXPECT_EQ(route->timeout, std::nullopt);
  EXPECT_EQ(route->turn_rest, std::nullopt);
  EXPECT_EQ(route->most_in_flight, SIZE_MAX);
  EXPECT_FALSE(route->rules->read_json());
  EXPECT_FALSE(route->is_json());
  EXPECT_EQ(route->file, "my.toml");
  EXPECT_EQ(route->line, 1u);
  EXPECT_EQ(fault_of({{"topic", text("a")}}), "1: a route needs a path");
  EXPECT_EQ(fault_of({{"path", text("/a")}}), "1: a route needs a topic to publish to");
}

TEST(RouteConfig, TakesEachKey) {
  const auto route = route_of({
      {"path", text("/a/{x}/{y...}")},
      {"methods", texts({"GET", "POST"})},
      {"topic", text("a/{x}/{y}")},
      {"response-topic", text("b/{client}/{status}/+")},
      {"error-topic", text("c/{x}")},
      {"id", text("/id")},
      {"set", table({member("/n", std::int64_t{1}), member("/f", 1.5), member("/b", true),
                     member("/t", "{x}-{id}")})},
      {"match", table({member("/done", true)})},
      {"ignore", table({member("/state", "ack")})},
      {"error", text("/error")},
      {"status", text("/code")},
      {"properties", table({member("who", "{client}")})},
      {"qos", number(0)},
      {"retain", flag(true)},
      {"idempotent", flag(true)},
      {"timeout", text("1500ms")},
      {"turn-rest", text("2s")},
      {"max-in-flight", number(10)},
      {"allow", table({list("x", {"lamp", "plug-*"})})},
      {"allow-user", texts({"root"})},
      {"token-file", text("/a/token")},
  });
  ASSERT_NE(route, nullptr);
  EXPECT_EQ(route->methods, (std::vector<std::string>{"GET", "POST"}));
  EXPECT_EQ(route->response_topic.text(), "b/{client}/{status}/+");
  EXPECT_EQ(route->error_topic.text(), "c/{x}");
  EXPECT_FALSE(route->has_inbox);
  EXPECT_EQ(route->linked, Route::Linked::by_id);
  EXPECT_EQ(route->set.size(), 5u);
  ASSERT_EQ(route->match.size(), 2u);
  EXPECT_EQ(route->match.front().pointer, "/id");  // the first has the id
  EXPECT_EQ(route->rules->interim, (std::vector<JsonTest>{{"/state", "ack"}}));
  EXPECT_EQ(route->rules->error_pointer, "/error");
  EXPECT_EQ(route->rules->status_pointer, "/code");
  EXPECT_EQ(route->properties.front().first, "who");
  EXPECT_EQ(route->qos, 0);
  EXPECT_TRUE(route->retained);
  EXPECT_TRUE(route->is_idempotent);
  EXPECT_EQ(route->timeout, std::chrono::milliseconds(1500));
  EXPECT_EQ(route->turn_rest, std::chrono::seconds(2));
  EXPECT_EQ(route->most_in_flight, 10u);
  EXPECT_EQ(route->allowed.front().values, (std::vector<std::string>{"lamp", "plug-*"}));
  EXPECT_EQ(route->user_names, std::vector<std::string>{"root"});
  EXPECT_EQ(route->token_file, "/a/token");
  EXPECT_TRUE(route->is_json());
}

TEST(RouteConfig, KnowsHowAnswersFindTheirCalls) {
  struct Row {
    RouteKeys keys;
    Route::Linked linked;
  };
  const Row rows[] = {
      {{}, Route::Linked::by_topic},
      {{{"id", text("/id")}}, Route::Linked::by_topic},  // to an inbox
      {{{"response-topic", text("b/{id}")}}, Route::Linked::by_topic},
      {{{"response-topic", text("b-{id}/c")}, {"id", text("/id")}}, Route::Linked::by_topic},
      {{{"response-topic", text("b")}, {"id", text("/id")}}, Route::Linked::by_id},
      {{{"response-topic", text("b")},
        {"set", table({member("/i", "{client}:{id}")})},
        {"match", table({member("/t", "x"), member("/o/i", "{client}:{id}")})}},
       Route::Linked::by_id},
      {{{"response-topic", text("b")}}, Route::Linked::by_turn},
      {{{"response-topic", text("b")}, {"match", table({member("/t", "x")})}},
       Route::Linked::by_turn},
      {{{"one-way", flag(true)}}, Route::Linked::not_at_all},
      {{{"one-way", flag(false)}}, Route::Linked::by_topic},
  };
  for (const Row& row : rows) {
    const auto route = with(row.keys);
    EXPECT_EQ(route->linked, row.linked) << to_string(row.linked);
  }
}

TEST(RouteConfig, SaysOfEachKeyWhatItMustBe) {
  const RouteValue array = texts({"a"});
  const RouteValue object = table({member("/a", "b")});
  constexpr const char* string = "must be a string in quotes, and not empty";
  for (const char* const key : {"path", "topic", "response-topic", "error-topic", "id", "timeout",
                                "turn-rest", "token-file", "status"}) {
    EXPECT_EQ(fault_of_key(key, number(1)), string) << key;
    EXPECT_EQ(fault_of_key(key, flag(true)), string) << key;
    EXPECT_EQ(fault_of_key(key, array), string) << key;
    EXPECT_EQ(fault_of_key(key, object), string) << key;
    EXPECT_EQ(fault_of_key(key, text("")), string) << key;
  }
  for (const char* const key : {"retain", "idempotent", "one-way"}) {
    EXPECT_EQ(fault_of_key(key, text("true")), "must be true or false") << key;
    EXPECT_EQ(fault_of_key(key, number(1)), "must be true or false") << key;
  }
  EXPECT_EQ(fault_of_key("qos", number(2)), "must be a number from 0 to 1");
  EXPECT_EQ(fault_of_key("qos", number(-1)), "must be a number from 0 to 1");
  EXPECT_EQ(fault_of_key("qos", text("1")), "must be a number from 0 to 1");
  EXPECT_EQ(fault_of_key("qos", JsonScalar(1.0)), "must be a number from 0 to 1");
  EXPECT_EQ(fault_of_key("max-in-flight", number(0)), "must be a number from 1 to 16384");
  EXPECT_EQ(fault_of_key("max-in-flight", number(16385)), "must be a number from 1 to 16384");
  for (const char* const key : {"timeout", "turn-rest"}) {
    for (const char* const value : {"0s", "61s", "1x", "soon", "-1s"}) {
      EXPECT_EQ(fault_of_key(key, text(value)),
                "must be a duration from 1ms to 1m, such as 1500ms or 2s")
          << key << value;
    }
    EXPECT_EQ(fault_with({{key, text("1ms")}}), "");
    EXPECT_EQ(fault_with({{key, text("60s")}}), "");
  }
  for (const char* const key : {"methods", "allow-user"}) {
    EXPECT_EQ(fault_of_key(key, text("GET")),
              "must be an array of strings, such as [\"a\", \"b\"]");
    EXPECT_EQ(fault_of_key(key, texts({})), "must be an array of strings, such as [\"a\", \"b\"]");
  }
  EXPECT_EQ(fault_of_key("methods", texts({"PUT"})), "'PUT' is neither \"POST\" nor \"GET\"");
  EXPECT_EQ(fault_of_key("methods", texts({"post"})), "'post' is neither \"POST\" nor \"GET\"");
  EXPECT_EQ(fault_of_key("methods", texts({"GET", "GET"})), "has GET twice");
}

TEST(RouteConfig, SaysOfTablesWhatTheyMustHold) {
  for (const char* const key : {"set", "match"}) {
    EXPECT_EQ(fault_of_key(key, text("/id")),
              "must be a table of JSON Pointers and values, such as { \"/id\" = \"{id}\" }");
    EXPECT_EQ(fault_of_key(key, table({})),
              "must be a table of JSON Pointers and values, such as { \"/id\" = \"{id}\" }");
    EXPECT_EQ(fault_of_key(key, table({member("/a", "{")})),
              "'{' has a brace that is not part of a variable such as {device}");
  }
  EXPECT_EQ(fault_of_key("ignore", text("/a")),
            "must be a table of JSON Pointers and values, such as { \"/type\" = \"ack\" }");
  for (const char* const key : {"set", "match", "ignore", "error"}) {
    EXPECT_EQ(fault_of_key(key, table({list("/a", {"b"})})),
              "'/a' must be a string, a number, true or false");
    EXPECT_EQ(fault_of_key(key, table({member("a", "b")})),
              "'a' is no JSON Pointer (RFC 6901), such as /id or /data/id");
  }
  EXPECT_EQ(fault_of_key("error", table({member("/a", "b"), member("/c", "d")})),
            "must have one value");
  EXPECT_EQ(fault_of_key("set", table({member("", "{id}")})),
            "'' is the whole body, which must be an object; name a member");
  EXPECT_EQ(fault_with({{"response-topic", text("b")}, {"match", table({member("", "ok")})}}), "");
  EXPECT_EQ(fault_of_key("properties", text("a")),
            "must be a table of names and texts, such as { \"source\" = \"{client}\" }");
  EXPECT_EQ(fault_of_key("properties", table({member("a", std::int64_t{1})})),
            "'a' must be a string without control characters");
  EXPECT_EQ(fault_of_key("properties", table({member("a", "b\n")})),
            "'a' must be a string without control characters");
  EXPECT_EQ(fault_of_key("properties", table({member("a\x01", "b")})),
            "'a\x01' must be a string without control characters");
  EXPECT_EQ(fault_of_key("properties", table({member("a", "{")})),
            "'{' has a brace that is not part of a variable such as {device}");
  EXPECT_EQ(fault_of_key("properties", table({member("a", std::string(65'536, 'b'))})),
            "must not have more than 65535 bytes");
  EXPECT_EQ(fault_of_key("allow", text("lamp")),
            "must be an array of values, or a table of variables with theirs");
  EXPECT_EQ(fault_of_key("allow", texts({})), "must name values, none of them empty");
  EXPECT_EQ(fault_of_key("allow", texts({"a", ""})), "must name values, none of them empty");
  EXPECT_EQ(fault_of_key("allow", table({member("x", "lamp")})),
            "'x' must be an array of values, such as [\"lamp\", \"plug-*\"]");
  EXPECT_EQ(fault_of_key("allow", table({list("x", {""})})),
            "'x' must be an array of values, such as [\"lamp\", \"plug-*\"]");
}

TEST(RouteConfig, RefusesPointersThatAreNone) {
  for (const char* const pointer : {"id", "a/b", "/a~", "/~2", "/a~3b", "#/id", "$.id"}) {
    const std::string fault =
        "'" + std::string(pointer) + "' is no JSON Pointer (RFC 6901), such as /id or /data/id";
    EXPECT_EQ(fault_of_key("id", text(pointer)), fault);
    EXPECT_EQ(fault_of_key("error", text(pointer)), fault);
    EXPECT_EQ(fault_of_key("status", text(pointer)), fault);
    EXPECT_EQ(fault_of_key("set", table({member(pointer, "x")})), fault);
  }
  for (const char* const pointer : {"/", "/a", "/a~0b~1c", "/a/0/b", "//", "/ä", "/a/999"})
    EXPECT_EQ(fault_with({{"id", text(pointer)}}), "") << pointer;
  // It would make an array of so many elements.
  EXPECT_EQ(fault_of_key("id", text("/a/1000")), "'/a/1000' has an index that is too large");
}

TEST(RouteConfig, RefusesTopicsThatAreNone) {
  using namespace std::string_literals;
  EXPECT_EQ(fault_of_key("topic", text("a/+")), "must not have the wildcard '+'");
  EXPECT_EQ(fault_of_key("topic", text("a+b")), "must not have the wildcard '+'");
  for (const char* const key : {"response-topic", "error-topic"}) {
    EXPECT_EQ(fault_of_key(key, text("a/b+")), "must not have a '+' but as a whole level");
    EXPECT_EQ(fault_of_key(key, text("$share/g/a")),
              "must not be a shared subscription ($share/...), where others get some of the "
              "answers");
  }
  EXPECT_EQ(fault_with({{"response-topic", text("a/+/b")}}), "");
  for (const char* const key : {"topic", "response-topic", "error-topic"}) {
    EXPECT_EQ(fault_of_key(key, text("a/#")), "must not have the wildcard '#'");
    for (const std::string& bad : {"a\nb"s, "a\0b"s, "\xff"s, "\xef\xbf\xbf"s})
      EXPECT_EQ(fault_of_key(key, text(bad)), "must be UTF-8 without control characters") << bad;
    EXPECT_EQ(fault_of_key(key, text("a/{")),
              "'a/{' has a brace that is not part of a variable such as {device}");
    EXPECT_EQ(fault_of_key(key, text(std::string(65'536, 'a'))),
              "must not have more than 65535 bytes");
  }
  EXPECT_EQ(fault_with({{"topic", text("$CONTROL/dynamic-security/v1")}}), "");
  EXPECT_EQ(fault_with({{"topic", text("/a//{x}/")}}), "");
}

TEST(RouteConfig, RefusesVariablesThatThePathHasNot) {
  struct Row {
    RouteKeys keys;
    std::string fault;
  };
  const std::string end = ", which is not in the path; {id} and {client} are ours";
  const Row rows[] = {
      {{{"topic", text("a/{y}")}}, "'a/{y}' has the variable {y}" + end},
      {{{"topic", text("a/{status}")}}, "'a/{status}' has the variable {status}" + end},
      {{{"response-topic", text("a/{y}")}},
       "'a/{y}' has the variable {y}" + end + ", and {status}"},
      {{{"response-topic", text("b")}, {"error-topic", text("a/{y}")}},
       "'a/{y}' has the variable {y}" + end},
      {{{"set", table({member("/a", "{y}")})}}, "'{y}' has the variable {y}" + end},
      {{{"match", table({member("/a", "{y}")})}}, "'{y}' has the variable {y}" + end},
      {{{"properties", table({member("a", "{y}")})}}, "'{y}' has the variable {y}" + end},
      {{{"path", text("/a/{id}")}, {"topic", text("a")}},
       "{id} is ours, and cannot be a variable of the path"},
      {{{"path", text("/a/{client}")}, {"topic", text("a")}},
       "{client} is ours, and cannot be a variable of the path"},
      {{{"path", text("/a/{status...}")}, {"topic", text("a")}},
       "{status} is ours, and cannot be a variable of the path"},
      {{{"response-topic", text("a/x{status}")}},
       "response-topic: {status} must be a level of its own, once"},
      {{{"response-topic", text("a/{status}/{status}")}},
       "response-topic: {status} must be a level of its own, once"},
      {{{"allow", table({list("y", {"a"})})}}, "allow: the path has no variable {y}"},
      {{{"path", text("/a")}, {"topic", text("a")}, {"allow", texts({"b"})}},
       "allow: the path has no variable; name them: allow = { device = [\"lamp\"] }"},
      {{{"path", text("/a/{x}/{y}")}, {"allow", texts({"b"})}},
       "allow: the path has several; name them: allow = { device = [\"lamp\"] }"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(fault_with(row.keys), "1: " + row.fault);
  EXPECT_EQ(with({{"allow", texts({"b"})}})->allowed.front().variable, "x");
  EXPECT_EQ(fault_with({{"response-topic", text("{status}")}}), "");
  EXPECT_EQ(fault_with({{"response-topic", text("a/{status}/b")}}), "");
}

TEST(RouteConfig, TellsOfAnUnknownKeyWhatWasMeant) {
  EXPECT_EQ(fault_with({{"responce-topic", text("a")}}),
            "4: unknown key 'responce-topic' of a route; did you mean 'response-topic'?");
  EXPECT_EQ(fault_with({{"max_in_flight", number(1)}}),
            "4: unknown key 'max_in_flight' of a route; did you mean 'max-in-flight'?");
  EXPECT_EQ(fault_with({{"colour", text("a")}}), "4: unknown key 'colour' of a route");
}

TEST(RouteConfig, RefusesKeysOfAnswersWhereThereAreNone) {
  for (const auto& [key, value] : RouteKeys{{"response-topic", text("b")},
                                            {"error-topic", text("b")},
                                            {"id", text("/id")},
                                            {"match", table({member("/a", "b")})},
                                            {"ignore", table({member("/a", "b")})},
                                            {"error", text("/a")},
                                            {"error", table({member("/a", false)})},
                                            {"status", text("/a")},
                                            {"status", text("property:a")}}) {
    EXPECT_EQ(fault_with({{"one-way", flag(true)}, {key, value}}),
              "1: a one-way route gets no answer, so that response-topic, error-topic, id, match, "
              "ignore, error and status have no meaning")
        << key;
  }
  EXPECT_EQ(fault_with({{"one-way", flag(true)}, {"set", table({member("/a", "{id}")})}}), "");
}

TEST(RouteConfig, TakesAStatusOfAProperty) {
  EXPECT_EQ(with({{"status", text("property:__stat")}})->rules->status_property, "__stat");
  EXPECT_EQ(fault_of_key("status", text("property:")),
            "'property:' needs the name of a user property");
}

/// An error would be taken for one of another call.
TEST(RouteConfig, NeedsToKnowWhoseErrorsAre) {
  EXPECT_EQ(fault_with({{"response-topic", text("b/{id}")}, {"error-topic", text("c")}}),
            "1: error-topic needs {id}, as response-topic has it");
  EXPECT_EQ(fault_with({{"error-topic", text("c")}}),
            "1: error-topic needs {id}, as response-topic has it");
  EXPECT_EQ(fault_with({{"response-topic", text("b/{x}")}, {"error-topic", text("errors")}}),
            "1: error-topic needs {x}, as response-topic has it");
  EXPECT_EQ(fault_with({{"response-topic", text("b/{x}/{id}")}, {"error-topic", text("c/{id}")}}),
            "");
  EXPECT_EQ(fault_with({{"response-topic", text("b/{x}")}, {"error-topic", text("c/{x}")}}), "");
  EXPECT_EQ(fault_with({{"response-topic", text("b/{client}")}, {"error-topic", text("c")}}), "");
  EXPECT_EQ(fault_with({{"response-topic", text("b/{x}")},
                        {"error-topic", text("errors")},
                        {"id", text("/id")}}),
            "");
}

TEST(RouteConfig, RefusesAnErrorTopicThatIsTheResponseTopic) {
  for (const auto& [response, error] : std::vector<std::pair<std::string, std::string>>{
           {"b/{x}", "b/{x}"}, {"b/+", "b/error"}, {"b/{status}/c", "b/error/c"}}) {
    EXPECT_EQ(fault_with({{"response-topic", text(response)},
                          {"error-topic", text(error)},
                          {"id", text("/id")}}),
              "1: error-topic is one of response-topic, so that no answer there is an error");
  }
}

TEST(RouteConfig, RefusesPointersThatAreInEachOthersWay) {
  EXPECT_EQ(fault_with({{"set", table({member("/a", "b"), member("/a/c", "d")})}}),
            "1: set: /a/c would replace /a, or be in its way");
  EXPECT_EQ(fault_with({{"set", table({member("/id", "b")})}, {"id", text("/id")}}),
            "1: set: /id would replace /id, or be in its way");
  EXPECT_EQ(fault_with({{"match", table({member("/id", "b")})}, {"id", text("/id")}}),
            "1: match: /id is there twice; id means a value in set and in match");
  EXPECT_EQ(fault_with({{"set", table({member("/a", "b"), member("/ac", "d")})}}), "");
}

TEST(RouteConfig, RefusesAnIdThatTheServiceIsNeverTold) {
  const RouteKeys keys{{"response-topic", text("b")}, {"match", table({member("/i", "{id}")})}};
  EXPECT_EQ(fault_with(keys),
            "1: match has {id}, which the service is never told: put it into set, topic or "
            "properties");
  for (const auto& told : RouteKeys{{"topic", text("a/{id}")},
                                    {"set", table({member("/i", "n-{id}")})},
                                    {"properties", table({member("i", "{id}")})}}) {
    RouteKeys with_id = keys;
    with_id.push_back(told);
    EXPECT_EQ(fault_with(with_id), "") << told.first;
  }
}

// Routes beside each other -----------------------------------------------------------------------

using Routes = std::vector<std::shared_ptr<const Route>>;

std::shared_ptr<const Route> at(std::size_t line, const std::string& path, const std::string& topic,
                                const RouteKeys& more = {}) {
  return route_of(keys_with(more, path, topic), line);
}

TEST(RouteConflict, IsAPathThatIsServedTwice) {
  EXPECT_EQ(conflict_of({at(1, "/a/{x}", "a"), at(10, "/a/{y}", "b")}),
            "my.toml:10: POST /a/{y} is what the route of my.toml:1 serves already");
  EXPECT_EQ(conflict_of({at(1, "/a/{x...}", "a"), at(10, "/a/{y...}", "b")}),
            "my.toml:10: POST /a/{y...} is what the route of my.toml:1 serves already");
  EXPECT_EQ(
      conflict_of({at(1, "/a", "a"), at(10, "/a", "b", {{"methods", texts({"GET", "POST"})}})}),
      "my.toml:10: POST /a is what the route of my.toml:1 serves already");
  EXPECT_EQ(
      conflict_of({at(1, "/a/{x}", "a"), at(10, "/a/{x}", "b", {{"methods", texts({"GET"})}})}),
      "");
  EXPECT_EQ(conflict_of({at(1, "/a/{x}", "a"), at(10, "/a/b", "b"), at(20, "/a/{x...}", "c"),
                         at(30, "/a/{x}/c", "d"), at(40, "/a/b/{x}", "d")}),
            "");
}

TEST(RouteConflict, IsAPathOfTheBridgesOwn) {
  for (const char* const path :
       {"/transform/{x}", "/transform", "/healthz", "/readyz/{x}", "/metrics", "/status",
        "/calls/{x}", "/openapi.json", "/problems/{x}"}) {
    const std::string name = std::string(path).substr(0, std::string(path).find('/', 1));
    EXPECT_EQ(conflict_of({at(1, path, "a")}),
              "my.toml:1: " + name + " is the bridge's own; name another path");
  }
  EXPECT_EQ(conflict_of({at(1, "/Status", "a"), at(2, "/transforms/{x}", "a")}), "");
}

TEST(RouteConflict, IsARouteThatIsNeverReached) {
  const auto rest = at(1, "/a/{r...}", "a");
  EXPECT_EQ(conflict_of({rest, at(10, "/a/{x}", "b"), at(20, "/a/{x}/{r...}", "c")}),
            "my.toml:1: POST /a/{r...} is never reached: /a/{x} (my.toml:10), and /a/{x}/{r...} "
            "(my.toml:20) serve all of it");
  EXPECT_EQ(conflict_of({rest, at(10, "/a/{x}", "b"), at(20, "/a/{x}/{y}", "c"),
                         at(30, "/a/{x}/{y}/{r...}", "d")}),
            "my.toml:1: POST /a/{r...} is never reached: /a/{x} (my.toml:10), /a/{x}/{y} "
            "(my.toml:20), and /a/{x}/{y}/{r...} (my.toml:30) serve all of it");
  EXPECT_EQ(conflict_of({rest, at(10, "/a/{x}", "b"), at(20, "/a/{x}/{y}", "c")}), "");
  EXPECT_EQ(conflict_of({rest, at(20, "/a/{x}/{r...}", "c")}), "");
  EXPECT_EQ(conflict_of({rest, at(10, "/a/{x}", "b", {{"methods", texts({"GET"})}}),
                         at(20, "/a/{x}/{r...}", "c")}),
            "");
  EXPECT_EQ(conflict_of({rest, at(10, "/a/b", "b"), at(20, "/a/b/{r...}", "c")}), "");
}

constexpr const char* not_apart =
    ", and one of the two has no id in its answers, so that they cannot be told apart";

TEST(RouteConflict, IsATopicOnWhichSomeAnswersHaveIdsAndOthersNot) {
  const RouteKeys turns{{"response-topic", text("r/{x}")}};
  const RouteKeys keyed{{"response-topic", text("r/{y}")}, {"id", text("/id")}};
  EXPECT_EQ(
      conflict_of({at(1, "/a/{x}", "a", turns), at(10, "/b/{y}", "b", keyed)}),
      "my.toml:10: its answers come on the topic of those of my.toml:1" + std::string(not_apart));
  EXPECT_EQ(
      conflict_of({at(1, "/b/{y}", "b", keyed), at(10, "/a/{x}", "a", turns)}),
      "my.toml:10: its answers come on the topic of those of my.toml:1" + std::string(not_apart));
  EXPECT_EQ(conflict_of({at(1, "/a/{x}", "a", turns), at(10, "/b/{x}", "b", turns)}), "");
  EXPECT_EQ(conflict_of({at(1, "/a/{y}", "a", keyed), at(10, "/b/{y}", "b", keyed)}), "");
  const auto limited = [](RouteKeys keys, std::vector<std::string> values) {
    keys.emplace_back("allow", texts(std::move(values)));
    return keys;
  };
  EXPECT_EQ(conflict_of({at(1, "/a/{x}", "a", limited(turns, {"lamp"})),
                         at(10, "/b/{y}", "b", limited(keyed, {"gate"}))}),
            "");
  EXPECT_NE(conflict_of({at(1, "/a/{x}", "a", limited(turns, {"lamp"})),
                         at(10, "/b/{y}", "b", limited(keyed, {"la*"}))}),
            "");
}

/// Errors have no id there, so that they would be taken for those of the other route.
TEST(RouteConflict, IsAnErrorTopicOfTwoResponseTopics) {
  const RouteKeys one{{"response-topic", text("r/1")}, {"error-topic", text("errors")}};
  const RouteKeys two{{"response-topic", text("r/2")}, {"error-topic", text("errors")}};
  EXPECT_THAT(conflict_of({at(1, "/a", "a", one), at(10, "/b", "b", two)}),
              HasSubstr("they cannot be told apart"));
  EXPECT_EQ(conflict_of({at(1, "/a", "a", one), at(10, "/b", "b", one)}), "");
  const RouteKeys keyed{
      {"response-topic", text("r/2")}, {"error-topic", text("errors")}, {"id", text("/id")}};
  EXPECT_THAT(conflict_of({at(1, "/a", "a", one), at(10, "/b", "b", keyed)}),
              HasSubstr("they cannot be told apart"));
}

TEST(RouteConflict, IsATopicOfTheBridgesOwn) {
  const auto conflict = [](const std::string& response_topic, const RouteKeys& more = {}) {
    RouteKeys keys{{"response-topic", text(response_topic)}};
    keys.insert(keys.end(), more.begin(), more.end());
    return conflict_of({at(1, "/a/{x}/{y}", "a", keys)});
  };
  EXPECT_EQ(conflict("mqtt-responder/{x}/status"),
            "my.toml:1: response-topic: there responders announce themselves");
  EXPECT_EQ(conflict("alice/uppercase/response"),
            "my.toml:1: response-topic: there the answers of /transform/uppercase come");
  EXPECT_EQ(conflict("{x}/reverse/response"),
            "my.toml:1: response-topic: there the answers of /transform/reverse come");
  EXPECT_EQ(conflict("alice/reverse/response", {{"id", text("/id")}}), "");
  EXPECT_EQ(conflict("{x}/{y}/status"), "");
  EXPECT_EQ(conflict("{x}/{y}/response"), "");
  EXPECT_EQ(conflict("r", {{"error-topic", text("mqtt-responder/+/status")}}),
            "my.toml:1: error-topic: there responders announce themselves");
}

TEST(RouteWarnings, TellOfTopicsThatBeginWithAVariable) {
  const std::string publish =
      "my.toml:1: its topic begins with a variable, so that callers can publish nearly anywhere; "
      "limit it with allow";
  const std::string read =
      "my.toml:1: its response-topic or error-topic begins with a variable, so that callers can "
      "read nearly anything; limit it with allow";
  const auto warnings = [](const std::string& topic, const RouteKeys& more = {}) {
    const auto all = warnings_of({at(1, "/a/{x}/{y...}", topic, more)});
    EXPECT_LE(all.size(), 1u);
    return all.empty() ? "" : all.front();
  };
  EXPECT_EQ(warnings("{x}/rpc"), publish);
  EXPECT_EQ(warnings("{y}"), publish);
  EXPECT_EQ(warnings("{x}-rpc"), publish);
  EXPECT_EQ(warnings("{x}/rpc", {{"allow", table({list("y", {"a"})})}}), publish);
  EXPECT_EQ(warnings("{x}/rpc", {{"allow", table({list("x", {"a"})})}}), "");
  EXPECT_EQ(warnings("{client}/{x}"), "");
  EXPECT_EQ(warnings("{id}/{x}"), "");
  EXPECT_EQ(warnings("a/{x}"), "");
  EXPECT_EQ(warnings("a/{x}", {{"response-topic", text("{x}/state")}}), read);
  EXPECT_EQ(warnings("a", {{"response-topic", text("b/{x}")}, {"error-topic", text("{x}/e")}}),
            read);
  EXPECT_EQ(warnings("a/{x}",
                     {{"response-topic", text("{x}/state")}, {"allow", table({list("x", {"a"})})}}),
            "");
  EXPECT_EQ(warnings("a", {{"response-topic", text("{client}/r")}}), "");
  EXPECT_EQ(warnings("a", {{"response-topic", text("{status}/r")}}), "");
}

/// By the values that it chooses a caller could wait where other answers come.
TEST(RouteWarnings, TellOfTopicsThatMayBeTheSame) {
  const RouteKeys turns{{"response-topic", text("stat/{x}/RESULT")}};
  const auto gate =
      at(20, "/gate", "g", {{"response-topic", text("stat/gate/RESULT")}, {"id", text("/id")}});
  EXPECT_EQ(warnings_of({at(1, "/a/{x}", "a", turns), gate}),
            std::vector<std::string>{
                "my.toml:1: a caller may name the topic on which the answers of my.toml:20 come, "
                "and they cannot be told apart; limit it with allow"});
  RouteKeys limited = turns;
  limited.emplace_back("allow", texts({"lamp", "plug-*"}));
  EXPECT_THAT(warnings_of({at(1, "/a/{x}", "a", limited), gate}), IsEmpty());
  EXPECT_EQ(warnings_of({at(1, "/a/{x}/{y}", "a", {{"response-topic", text("n/{x}/response")}}),
                         at(10, "/b/{x}/{y}", "b", {{"response-topic", text("s/{x}/no/{y}")}})}),
            std::vector<std::string>{
                "my.toml:1: a caller may name the topic on which the answers of "
                "/transform/uppercase come, and they cannot be told apart; limit it with allow"});
}

TEST(RouteWarnings, KnowHowALevelWithAVariableBeginsAndEnds) {
  const auto numbered = at(20, "/n/{x}/{y}", "n", {{"response-topic", text("stat/{x}/STATUS{y}")}});
  EXPECT_THAT(warnings_of({numbered}), IsEmpty()) << "response does not begin with STATUS";
  EXPECT_THAT(
      warnings_of({numbered, at(1, "/a/{x}", "a", {{"response-topic", text("stat/{x}/RESULT")}})}),
      IsEmpty());
  EXPECT_THAT(warnings_of({numbered,
                           at(1, "/a/{x}", "a",
                              {{"response-topic", text("stat/a/STATUS1")}, {"id", text("/id")}})}),
              testing::SizeIs(1));
}

TEST(RouteConflict, IsFoundQuicklyAmongAsManyRoutesAsThereMayBe) {
  Routes routes;
  for (std::size_t i = 0; i < limits::routes; ++i) {
    const std::string name = std::to_string(i);
    routes.push_back(at(i, "/s" + name + "/{x}", "a", {{"response-topic", text("s/{x}/" + name)}}));
  }
  EXPECT_EQ(conflict_of(routes), "");
  EXPECT_THAT(warnings_of(routes), IsEmpty());
}

}  // namespace
}  // namespace mqtt_bridge

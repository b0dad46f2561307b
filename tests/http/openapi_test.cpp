// openapi.hpp: the document against the tables that it is made of. What it says of answers is in
// system/test_openapi.py.
#include "http/openapi.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/ascii.hpp"
#include "base/problem.hpp"
#include "http/endpoints.hpp"
#include "route/route_of.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using DocumentJson = nlohmann::json;

HttpApiOptions options_with(RouteTable::Routes routes) {
  HttpApiOptions options;
  options.brokers = {BrokerUrl{}};
  options.netid = "alice";
  options.timeout = 5s;
  options.max_timeout = 60s;
  options.routes = std::make_shared<const RouteTable>(std::move(routes));
  return options;
}

DocumentJson document(RouteTable::Routes routes = {}) {
  return DocumentJson::parse(openapi_document(options_with(std::move(routes)), "1.2.3"));
}

TEST(OpenApi, HasEveryMethodOfEveryEndpointAndDescribesEveryParameter) {
  const DocumentJson all = document();
  EXPECT_EQ(all["info"]["version"], "1.2.3");
  EXPECT_EQ(all["paths"].size(), endpoint::all.size());
  for (const Endpoint& each : endpoint::all) {
    const DocumentJson& item = all["paths"][std::string(each.path)];
    for (const std::string method : {"GET", "HEAD", "POST", "OPTIONS", "PUT"}) {
      std::string key = method;
      std::transform(key.begin(), key.end(), key.begin(), ascii::to_lower);
      EXPECT_EQ(item.contains(key), each.allows(method)) << each.path << " " << method;
    }
    for (const std::string_view name : each.parameters)
      EXPECT_TRUE(all["components"]["parameters"].contains(name)) << name;
  }
}

TEST(OpenApi, NamesEveryProblem) {
  const DocumentJson schema = document()["components"]["schemas"]["Problem"];
  EXPECT_EQ(schema["properties"]["type"]["enum"].size(), all_problems().size());
  EXPECT_EQ(schema["properties"]["title"]["enum"].size(), all_problems().size());
}

TEST(OpenApi, PutsRoutesThatDifferInNamesOnlyIntoOnePath) {
  const DocumentJson all = document(
      {route_of({{"path", text("/a/{x}")}, {"topic", text("t/{x}")}}),
       route_of({{"path", text("/a/{y}")}, {"topic", text("u/{y}")}, {"methods", texts({"GET"})}}),
       route_of({{"path", text("/a/{z...}")}, {"topic", text("v/{z}")}})});
  ASSERT_EQ(all["paths"].size(), endpoint::all.size() + 1);
  const DocumentJson& item = all["paths"]["/a/{x}"];
  EXPECT_EQ(item["post"]["summary"], "post /a/{x}");
  EXPECT_EQ(item["get"]["summary"], "get /a/{y}");
  EXPECT_EQ(item["get"]["parameters"][0]["name"], "x");
}

TEST(OpenApi, SaysThatNoAnswerIsWaitedForWhereThatIsSo) {
  const DocumentJson all =
      document({route_of({{"path", text("/a")}, {"topic", text("t")}, {"one-way", flag(true)}})});
  const DocumentJson& responses = all["paths"]["/a"]["post"]["responses"];
  EXPECT_TRUE(responses.contains("202"));
  EXPECT_FALSE(responses.contains("200"));
}

}  // namespace
}  // namespace mqtt_bridge

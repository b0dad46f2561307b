#include "route/route_table.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits/route.hpp"
#include "route/route_of.hpp"

namespace mqtt_bridge {
namespace {

RouteTable table_with(const std::vector<std::string>& paths,
                      const std::vector<std::string>& methods = {"POST"}) {
  RouteTable::Routes routes;
  for (const auto& path : paths) {
    routes.push_back(
        route_of({{"path", text(path)}, {"topic", text("a")}, {"methods", texts(methods)}}));
  }
  return RouteTable(std::move(routes));
}

/// The path of the route for a method; empty where there is none.
std::string found_in(const RouteTable& table, std::string_view path,
                     std::string_view method = "POST") {
  for (const auto& route : table.find(path)) {
    if (route->allows(method))
      return route->path;
  }
  return "";
}

TEST(RouteTable, PrefersANameToAVariableAndThatToTheRest) {
  const RouteTable table = table_with({"/a/{r...}", "/a/{x}", "/a/b", "/a/{x}/c", "/a/b/{y}"});
  EXPECT_EQ(found_in(table, "/a/b"), "/a/b");
  EXPECT_EQ(found_in(table, "/a/z"), "/a/{x}");
  EXPECT_EQ(found_in(table, "/a/z/c"), "/a/{x}/c");
  EXPECT_EQ(found_in(table, "/a/b/c"), "/a/b/{y}");
  EXPECT_EQ(found_in(table, "/a/z/d"), "/a/{r...}");
  EXPECT_EQ(found_in(table, "/a/b/c/d"), "/a/{r...}");
}

/// Where a more literal beginning does not lead to an end.
TEST(RouteTable, GoesBackToALessLiteralRoute) {
  const RouteTable table =
      table_with({"/a/b/c", "/a/{x}/d", "/a/{x}/{y}/e", "/a/{x}/{r...}", "/b/{r...}"});
  EXPECT_EQ(found_in(table, "/a/b/c"), "/a/b/c");
  EXPECT_EQ(found_in(table, "/a/b/d"), "/a/{x}/d");
  EXPECT_EQ(found_in(table, "/a/b/c/e"), "/a/{x}/{y}/e");
  EXPECT_EQ(found_in(table, "/a/b/c/f"), "/a/{x}/{r...}");
  EXPECT_EQ(found_in(table, "/a/b"), "");
  EXPECT_EQ(found_in(table, "/b/a"), "/b/{r...}");
}

TEST(RouteTable, HasNothingForOtherPaths) {
  const RouteTable table = table_with({"/a/b", "/c/{x}"});
  for (const char* const path : {"", "/", "a/b", "/a", "/a/", "/a/b/", "/a/b/c", "//a/b", "/A/b",
                                 "/c", "/c/x/", "/c/x/y", "*"}) {
    EXPECT_EQ(found_in(table, path), "") << path;
  }
  EXPECT_TRUE(RouteTable().find("/a").empty());
}

/// An empty segment is refused as a value, with a reason.
TEST(RouteTable, TakesAnEmptySegmentForAValue) {
  const RouteTable table = table_with({"/c/{x}", "/d/{r...}", "/e/{x}/f"});
  EXPECT_EQ(found_in(table, "/c/"), "/c/{x}");
  EXPECT_EQ(found_in(table, "/d/"), "/d/{r...}");
  EXPECT_EQ(found_in(table, "/d//"), "/d/{r...}");
  EXPECT_EQ(found_in(table, "/e//f"), "/e/{x}/f");
}

TEST(RouteTable, KeepsTheRoutesOfAPathApartByMethod) {
  const RouteTable table(
      {route_of({{"path", text("/a/{x}")}, {"topic", text("read")}, {"methods", texts({"GET"})}}),
       route_of({{"path", text("/a/{y}")}, {"topic", text("write")}})});
  ASSERT_EQ(table.find("/a/b").size(), 2u);
  EXPECT_EQ(found_in(table, "/a/b", "GET"), "/a/{x}");
  EXPECT_EQ(found_in(table, "/a/b", "POST"), "/a/{y}");
  EXPECT_EQ(found_in(table, "/a/b", "PUT"), "");
}

/// A more literal route of another method must not hide one that serves the call.
TEST(RouteTable, FindsALessLiteralRouteForAMethodThatTheOthersDoNotServe) {
  const RouteTable table(
      {route_of({{"path", text("/a/{x}")}, {"topic", text("a")}, {"methods", texts({"GET"})}}),
       route_of({{"path", text("/a/b")}, {"topic", text("a")}, {"methods", texts({"GET"})}}),
       route_of({{"path", text("/a/{r...}")},
                 {"topic", text("a")},
                 {"methods", texts({"GET", "POST"})}})});
  EXPECT_EQ(found_in(table, "/a/b", "GET"), "/a/b");
  EXPECT_EQ(found_in(table, "/a/b", "POST"), "/a/{r...}");
  EXPECT_EQ(found_in(table, "/a/c", "GET"), "/a/{x}");
  EXPECT_EQ(found_in(table, "/a/c", "POST"), "/a/{r...}");
  EXPECT_EQ(table.find("/a/b").size(), 2u);
}

/// What it costs follows the path: 4096 routes are found as fast as one.
TEST(RouteTable, HoldsAsManyRoutesAsThereMayBe) {
  RouteTable::Routes routes;
  for (std::size_t i = 0; i < limits::routes; ++i) {
    routes.push_back(
        route_of({{"path", text("/s" + std::to_string(i) + "/{x}/{r...}")}, {"topic", text("a")}}));
  }
  const RouteTable table(std::move(routes));
  EXPECT_EQ(found_in(table, "/s4095/a/b"), "/s4095/{x}/{r...}");
  EXPECT_EQ(found_in(table, "/s4096/a/b"), "");
}

TEST(RouteTable, IsNotSlowWhereManyRoutesBeginAlike) {
  std::vector<std::string> paths;
  for (int i = 0; i < 1024; ++i) {  // each of ten segments a name or a variable
    std::string path = "/p";
    for (int bit = 0; bit < 10; ++bit)
      path += (i >> bit) & 1 ? "/a" : "/{v" + std::to_string(bit) + "}";
    paths.push_back(path + "/end");
  }
  const RouteTable table = table_with(paths);
  EXPECT_EQ(found_in(table, "/p/a/a/a/a/a/a/a/a/a/a/end"), "/p/a/a/a/a/a/a/a/a/a/a/end");
  EXPECT_EQ(found_in(table, "/p/a/a/a/a/a/a/a/a/a/a/other"), "");
}

}  // namespace
}  // namespace mqtt_bridge

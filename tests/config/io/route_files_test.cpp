#include "config/io/route_files.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/limits/route.hpp"

namespace mqtt_bridge {
namespace {

namespace fs = std::filesystem;
using testing::EndsWith;
using testing::HasSubstr;

std::vector<RouteSource> sources(std::string_view toml) {
  auto result = parse_route_sources(toml, "my.toml");
  const auto* const fault = std::get_if<std::string>(&result);
  EXPECT_EQ(fault, nullptr) << (fault != nullptr ? *fault : "");
  return fault == nullptr ? std::get<0>(std::move(result)) : std::vector<RouteSource>{};
}

std::string source_fault(std::string_view toml) {
  const auto result = parse_route_sources(toml, "my.toml");
  const auto* const fault = std::get_if<std::string>(&result);
  return fault != nullptr ? *fault : "";
}

/// A folder that goes away.
class RouteFiles : public testing::Test {
 protected:
  RouteFiles()
      : folder_(fs::path(testing::TempDir()) / ("route-files-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~RouteFiles() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, std::string_view text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }

  /// Their paths, or the fault without the folder's name.
  std::vector<std::string> read(const std::vector<fs::path>& places) const {
    const auto result = read_routes(places);
    std::vector<std::string> paths;
    if (const auto* fault = std::get_if<std::string>(&result)) {
      std::string text = *fault;
      for (std::size_t at; (at = text.find(folder_.string() + "/")) != std::string::npos;)
        text.erase(at, folder_.string().size() + 1);
      return {text};
    }
    for (const auto& route : std::get<0>(result))
      paths.push_back(route->path);
    return paths;
  }

  const fs::path folder_;
};

using Lines = std::vector<std::string>;

constexpr std::string_view lamp = "[[route]]\npath = '/lamp'\ntopic = 'lamp/set'\n";
constexpr std::string_view gate = "[[route]]\npath = '/gate'\ntopic = 'gate/set'\n";

TEST(RouteSources, AreTheTablesWithTheLinesOfTheirKeys) {
  const auto found = sources(
      "broker = 'mqtt://a'\n"
      "\n"
      "[[route]]  # a lamp\n"
      "path = '/lamp'\n"
      "set = { '/id' = '{id}', '/n' = 1, '/d' = 1.5, '/b' = true }\n"
      "methods = [\n  'GET',\n]\n"
      "[route.allow]\n"
      "x = ['a', 'b']\n"
      "[[route]]\n"
      "topic = 'a'\n");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].file, "my.toml");
  EXPECT_EQ(found[0].line, 3u);
  ASSERT_EQ(found[0].entries.size(), 4u);
  EXPECT_EQ(found[0].entries[0].key, "path");
  EXPECT_EQ(found[0].entries[0].line, 4u);
  EXPECT_EQ(found[0].entries[1].key, "set");
  const RouteSource::Table set{{"/b", JsonScalar(true)},
                               {"/d", JsonScalar(1.5)},
                               {"/id", JsonScalar("{id}")},
                               {"/n", JsonScalar(std::int64_t{1})}};
  EXPECT_EQ(std::get<RouteSource::Table>(found[0].entries[1].value), set);
  EXPECT_EQ(std::get<RouteSource::Texts>(found[0].entries[2].value), RouteSource::Texts{"GET"});
  EXPECT_EQ(found[0].entries[3].key, "allow");
  EXPECT_EQ(found[1].line, 11u);
  EXPECT_EQ(found[1].entries.front().line, 12u);
}

TEST(RouteSources, MayBeInlineTables) {
  const auto found = sources("route = [\n{ path = '/a', topic = 'a' },\n{ path = '/b' },\n]\n");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[1].line, 3u);
}

TEST(RouteSources, AreNoneInAFileWithoutRoutes) {
  EXPECT_TRUE(sources("").empty());
  EXPECT_TRUE(sources("broker = 'mqtt://a'\n").empty());
  EXPECT_TRUE(sources("route = []\n").empty());
}

TEST(RouteSources, SayWhatIsWrongAndWhere) {
  EXPECT_EQ(source_fault("\n[route]\npath = '/a'\n"),
            "my.toml:2: 'route' must be tables: write [[route]]");
  EXPECT_EQ(source_fault("route = 1\n"), "my.toml:1: 'route' must be tables: write [[route]]");
  EXPECT_EQ(source_fault("route = ['a']\n"), "my.toml:1: 'route' must be tables: write [[route]]");
  constexpr const char* kinds =
      "must be a text, a number, true or false, an array of texts, or a table of these";
  EXPECT_EQ(source_fault("[[route]]\npath = 2026-11-27\n"),
            std::string("my.toml:2: path: ") + kinds);
  EXPECT_EQ(source_fault("[[route]]\nallow = [1]\n"), std::string("my.toml:2: allow: ") + kinds);
  EXPECT_EQ(source_fault("[[route]]\nset = { a = { b = 1 } }\n"),
            std::string("my.toml:2: set: ") + kinds);
  EXPECT_THAT(source_fault("[[route]]\npath = '/a'\npath = '/b'\n"), HasSubstr("my.toml:3: "));
  EXPECT_THAT(source_fault("[[route]]\npath = /a\n"), HasSubstr("my.toml:2: "));
  EXPECT_THAT(source_fault("[[route]]\npath = '\xff'\n"), HasSubstr("my.toml:2: "));
}

TEST_F(RouteFiles, AreReadInTheirOrder) {
  const auto a = write("a.toml", std::string(lamp) + std::string(gate));
  const auto b = write("b.toml", "[[route]]\npath = '/b'\ntopic = 'b'\n");
  EXPECT_EQ(read({b, a}), (Lines{"/b", "/lamp", "/gate"}));
  EXPECT_EQ(read({}), Lines{});
}

TEST_F(RouteFiles, MayBeADirectoryOfThem) {
  write("b.toml", lamp);
  write("a.toml", gate);
  write("c.toml.off", "no TOML");
  write("README", "no TOML");
  fs::create_directories(folder_ / "more");
  EXPECT_EQ(read({folder_}), (Lines{"/gate", "/lamp"}));
}

TEST_F(RouteFiles, AreNamedInFaults) {
  const auto misspelt = write("a.toml", std::string(lamp) + "\ntimeot = '1s'\n");
  EXPECT_EQ(read({misspelt}),
            Lines{"a.toml:5: unknown key 'timeot' of a route; did you mean 'timeout'?"});
  const auto wrong = write("b.toml", std::string(lamp) + "qos = 2\n");
  EXPECT_EQ(read({wrong}), Lines{"b.toml:4: qos: must be a number from 0 to 1"});
  const auto lacking = write("c.toml", std::string(lamp) + "[[route]]\npath = '/b'\n");
  EXPECT_EQ(read({lacking}), Lines{"c.toml:4: a route needs a topic to publish to"});
  const auto one = write("d.toml", lamp);
  const auto other = write("e.toml", "\n" + std::string(lamp));
  const auto twice = read({one, other});
  ASSERT_EQ(twice.size(), 1u);
  EXPECT_EQ(twice.front(), "e.toml:2: POST /lamp is what the route of d.toml:1 serves already");
  EXPECT_THAT(read({folder_ / "none.toml"}).front(),
              EndsWith("none.toml: cannot be read: No such file or directory"));
}

TEST_F(RouteFiles, HaveALimit) {
  std::string toml;
  for (std::size_t i = 0; i < limits::routes; ++i)
    toml += "[[route]]\npath = '/r" + std::to_string(i) + "'\ntopic = 'a'\n";
  EXPECT_EQ(read({write("a.toml", toml)}).size(), limits::routes);
  const auto more = read({write("b.toml", toml + std::string(lamp))});
  EXPECT_EQ(more, Lines{"b.toml:12289: there are more than 4096 routes"});
}

}  // namespace
}  // namespace mqtt_bridge

#include "config/io/route_files.hpp"

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

// It would end the process on some texts that are no TOML, instead of throwing (3.3).
#define TOML_ASSERT(expression) static_cast<void>(0)
#include <toml++/toml.h>

#include "base/limits/route.hpp"
#include "config/io/toml_config.hpp"
#include "os/error_text.hpp"

namespace mqtt_bridge {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view key_of_routes = "route";

std::string at(const std::string& file, std::size_t line, const std::string& sentence) {
  return file + ":" + std::to_string(line) + ": " + sentence;
}

std::size_t first_line_of(const toml::node& node) {
  return node.source().begin.line;
}

std::optional<JsonScalar> scalar_of(const toml::node& node) {
  if (const auto* text = node.as_string())
    return text->get();
  if (const auto* flag = node.as_boolean())
    return flag->get();
  if (const auto* number = node.as_integer())
    return number->get();
  if (const auto* number = node.as_floating_point())
    return number->get();
  return std::nullopt;
}

std::optional<RouteSource::Texts> texts_of(const toml::node& node) {
  const auto* const array = node.as_array();
  if (array == nullptr)
    return std::nullopt;
  RouteSource::Texts texts;
  for (const toml::node& element : *array) {
    const auto* const text = element.as_string();
    if (text == nullptr)
      return std::nullopt;
    texts.push_back(text->get());
  }
  return texts;
}

std::optional<RouteSource::Table> table_of(const toml::node& node) {
  const auto* const table = node.as_table();
  if (table == nullptr)
    return std::nullopt;
  RouteSource::Table members;
  for (const auto& [name, member] : *table) {
    if (auto scalar = scalar_of(member))
      members.emplace_back(std::string(name), *std::move(scalar));
    else if (auto texts = texts_of(member))
      members.emplace_back(std::string(name), *std::move(texts));
    else
      return std::nullopt;
  }
  return members;
}

std::optional<RouteSource::Value> value_of(const toml::node& node) {
  if (auto scalar = scalar_of(node))
    return *std::move(scalar);
  if (auto texts = texts_of(node))
    return *std::move(texts);
  if (auto table = table_of(node))
    return *std::move(table);
  return std::nullopt;
}

std::variant<RouteSource, std::string> source_of(const toml::table& table,
                                                 const std::string& file) {
  RouteSource source{file, table.source().begin.line, {}};
  for (const auto& [name, node] : table) {
    auto value = value_of(node);
    if (!value) {
      return at(file, first_line_of(node),
                std::string(name) +
                    ": must be a text, a number, true or false, an array of texts, "
                    "or a table of these");
    }
    source.entries.push_back({std::string(name), *std::move(value), first_line_of(node)});
  }
  // toml++ goes by the alphabet; the reader goes by the line.
  std::stable_sort(source.entries.begin(), source.entries.end(),
                   [](const auto& a, const auto& b) { return a.line < b.line; });
  return source;
}

std::variant<std::vector<fs::path>, std::string> files_at(const fs::path& place) {
  std::error_code error;
  if (!fs::is_directory(place, error))
    return std::vector{place};
  std::vector<fs::path> files;
  for (fs::directory_iterator each(place, error), end; !error && each != end;
       each.increment(error)) {
    if (each->path().extension() == ".toml")
      files.push_back(each->path());
  }
  if (error)
    return place.string() + ": cannot be read: " + error.message();
  std::sort(files.begin(), files.end());
  return files;
}

/// Adds the routes of one file; what is wrong with it, or nothing.
std::string add_routes(const fs::path& file, std::vector<std::shared_ptr<const Route>>& routes) {
  const auto text = read_config_text(file);
  if (const auto* const fault = std::get_if<ConfigFault>(&text))
    return fault->sentence;
  auto sources = parse_route_sources(std::get<std::string>(text), file.string());
  if (auto* const fault = std::get_if<std::string>(&sources))
    return std::move(*fault);
  for (const RouteSource& source : std::get<0>(sources)) {
    auto route = make_route(source);
    if (const auto* const fault = std::get_if<RouteFault>(&route))
      return at(source.file, fault->line, fault->sentence);
    routes.push_back(std::make_shared<const Route>(std::get<Route>(std::move(route))));
    if (routes.size() > limits::routes)
      return at(source.file, source.line,
                "there are more than " + std::to_string(limits::routes) + " routes");
  }
  return {};
}

}  // namespace

std::variant<std::vector<RouteSource>, std::string> parse_route_sources(std::string_view toml,
                                                                        const std::string& file) {
  try {
    const toml::table document = toml::parse(toml);
    const toml::node* const node = document.get(key_of_routes);
    if (node == nullptr)
      return std::vector<RouteSource>{};
    const auto* const array = node->as_array();
    const bool is_of_tables =
        array != nullptr && std::all_of(array->begin(), array->end(),
                                        [](const toml::node& each) { return each.is_table(); });
    if (!is_of_tables)
      return at(file, first_line_of(*node), "'route' must be tables: write [[route]]");
    std::vector<RouteSource> sources;
    for (const toml::node& each : *array) {
      auto source = source_of(*each.as_table(), file);
      if (auto* const fault = std::get_if<std::string>(&source))
        return std::move(*fault);
      sources.push_back(std::get<RouteSource>(std::move(source)));
    }
    return sources;
  } catch (const toml::parse_error& error) {
    return at(file, error.source().begin.line, std::string(error.description()));
  }
}

std::variant<std::vector<std::shared_ptr<const Route>>, std::string> read_routes(
    const std::vector<fs::path>& places) {
  std::vector<std::shared_ptr<const Route>> routes;
  for (const fs::path& place : places) {
    const auto files = files_at(place);
    if (const auto* const fault = std::get_if<std::string>(&files))
      return *fault;
    for (const fs::path& file : std::get<0>(files)) {
      if (auto fault = add_routes(file, routes); !fault.empty())
        return fault;
    }
  }
  if (auto fault = conflict_of(routes); !fault.empty())
    return fault;
  return routes;
}

}  // namespace mqtt_bridge

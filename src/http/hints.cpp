#include "http/hints.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include "base/nearest.hpp"
#include "base/utf8.hpp"
#include "http/endpoints.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t longest_guessed = 128;  // what is longer is compared with nothing
constexpr std::size_t most_routes = 256;      // likewise, or a wrong path would cost milliseconds

/// Where it is not one that a caller of this bridge has named, its default.
std::string host_of(const HttpRequest& request) {
  const std::string_view host = request.asked->field("Host");
  return host.empty() ? "localhost:8426" : std::string(host);
}

std::string call_example(const HttpRequest& request, std::string_view action) {
  return "curl --data hello http://" + host_of(request) + std::string(endpoint::transform_path) +
         std::string(action);
}

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    segments.push_back(path.substr(0, path.find('/')));
    path.remove_prefix(segments.back().size());
  }
  return segments;
}

/// The path of a route with what the caller wrote for its variables; empty where it has not as many
/// segments.
std::string as_meant(const PathPattern& pattern, std::string_view path) {
  const std::vector<std::string_view> written = segments_of(path);
  const bool has_rest =
      !pattern.segments.empty() && pattern.segments.back().kind == PathPattern::Kind::rest;
  const std::size_t count = pattern.segments.size();
  if (written.size() < count || (written.size() > count && !has_rest))
    return {};
  std::string meant;
  for (std::size_t i = 0; i < written.size(); ++i) {
    const auto& segment = pattern.segments[std::min(i, count - 1)];
    meant += '/';
    meant +=
        segment.kind == PathPattern::Kind::literal ? std::string_view(segment.text) : written[i];
  }
  return meant;
}

std::vector<std::string> known_paths(std::string_view path, const HttpApiOptions& options) {
  std::vector<std::string> known;
  for (const Endpoint& each : endpoint::all) {
    if (each.kind != Endpoint::Kind::transform)
      known.emplace_back(each.path);
  }
  const std::string transform(endpoint::transform_path);
  for (const Action action : all_actions)
    known.push_back(transform + std::string(to_string(action)));
  for (const std::string& action : options.actions)
    known.push_back(transform + action);
  const auto& routes = options.routes->all();
  for (std::size_t i = 0; i < std::min(routes.size(), most_routes); ++i) {
    if (std::string meant = as_meant(routes[i]->pattern, path); !meant.empty())
      known.push_back(std::move(meant));
  }
  return known;
}

std::string meant_path(std::string_view path, const HttpApiOptions& options) {
  if (path.size() > longest_guessed || !is_utf8(path))
    return {};
  const std::vector<std::string> known = known_paths(path, options);
  return std::string(nearest(path, std::vector<std::string_view>(known.begin(), known.end())));
}

}  // namespace

std::string why_not_found(const HttpRequest& request, const HttpApiOptions& options) {
  const std::string_view path = request.asked->path;
  if (request.asked->has_encoded_slash)
    return "there is nothing here; a value in the path cannot have a slash in it";
  if (path == "/transform" || path == endpoint::transform_path)
    return "name the action: " + call_example(request, to_string(all_actions.front()));
  if (const std::string meant = meant_path(path, options); !meant.empty())
    return "there is nothing here; did you mean " + meant + "?";
  return "there is nothing here; GET /openapi.json lists all there is, and a call is " +
         call_example(request, to_string(all_actions.front()));
}

std::string why_not_allowed(const HttpRequest& request, const std::string& allow) {
  const Endpoint* const endpoint = request.asked->endpoint;
  const std::string use = "use " + allow + " here";
  if (endpoint == nullptr || endpoint->kind != Endpoint::Kind::transform)
    return use;
  std::string_view action = endpoint::action_in(request.asked->path);
  if (!parse_action(action))
    action = to_string(all_actions.front());
  return use + ", with the text as the body: " + call_example(request, action);
}

}  // namespace mqtt_bridge

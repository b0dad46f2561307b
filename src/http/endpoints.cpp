#include "http/endpoints.hpp"

#include <algorithm>

#include "base/ascii.hpp"

namespace mqtt_bridge {
namespace {

static_assert(endpoint::all.front().path.starts_with(endpoint::transform_path));
constexpr std::array<std::string_view, 8> known_methods{"DELETE", "GET",  "HEAD", "OPTIONS",
                                                        "PATCH",  "POST", "PUT",  "TRACE"};

bool is_at(const Endpoint& endpoint, std::string_view path) {
  if (!endpoint.path.ends_with('}'))
    return path == endpoint.path;
  const auto before = endpoint.path.substr(0, endpoint.path.find('{'));
  return path.starts_with(before) && path.find('/', before.size()) == std::string_view::npos;
}

void add_to(std::string& list, std::string_view name) {
  list.append(list.empty() ? "" : ", ").append(name);
}

bool is_allowed_somewhere(std::string_view method) {
  return std::any_of(endpoint::all.begin(), endpoint::all.end(),
                     [method](const Endpoint& each) { return each.allows(method); });
}

}  // namespace

bool Endpoint::allows(std::string_view method) const {
  for (std::string_view rest = allow; !rest.empty();) {
    const std::string_view first = rest.substr(0, rest.find(", "));
    if (first == method)
      return true;
    rest.remove_prefix(std::min(first.size() + 2, rest.size()));
  }
  return false;
}

const Endpoint* endpoint::of(std::string_view path) {
  const auto* const found = std::find_if(
      all.begin(), all.end(), [path](const Endpoint& each) { return is_at(each, path); });
  return found != all.end() ? found : nullptr;
}

std::string_view endpoint::action_in(std::string_view path) {
  return path.starts_with(transform_path) ? path.substr(transform_path.size()) : "";
}

const ReadField* read_field(std::string_view name) {
  const auto* const found = std::find_if(
      read_fields.begin(), read_fields.end(),
      [name](const ReadField& each) { return ascii::equals_ignoring_case(each.name, name); });
  return found != read_fields.end() ? found : nullptr;
}

bool is_known_method(std::string_view method) {
  return std::find(known_methods.begin(), known_methods.end(), method) != known_methods.end();
}

std::string all_methods() {
  std::string list;
  for (const std::string_view method : known_methods) {
    if (is_allowed_somewhere(method))
      add_to(list, method);
  }
  return list;
}

/// OPTIONS is the browser's own.
std::string methods_of_pages() {
  std::string list;
  for (const std::string_view method : known_methods) {
    if (method != "OPTIONS" && is_allowed_somewhere(method))
      add_to(list, method);
  }
  return list;
}

std::string fields_of_pages() {
  std::string list;
  for (const ReadField& field : read_fields) {
    if (field.of_pages == ReadField::OfPages::yes)
      add_to(list, field.name);
  }
  return list;
}

}  // namespace mqtt_bridge

#include "http/callback_url.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "http/access.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t longest_url = 2000;

std::size_t end_of_origin(std::string_view url) {
  const auto authority = url.find("://");
  if (authority == std::string_view::npos)
    return 0;
  return std::min(url.find_first_of("/?", authority + 3), url.size());
}

/// It could lead out of the folder that it seems to be in, as "/hooks/../admin" does.
bool leads_elsewhere(std::string_view url) {
  std::string plain;
  for (std::size_t i = 0; i < url.size(); ++i) {
    const bool is_dot =
        url.substr(i, 3).size() == 3 && ascii::equals_ignoring_case(url.substr(i, 3), "%2e");
    plain += is_dot ? '.' : url[i];
    i += is_dot ? 2 : 0;
  }
  const std::string_view path = std::string_view(plain).substr(0, plain.find('?'));
  return path.find("/..") != std::string_view::npos || path.find("/./") != std::string_view::npos;
}

bool is_url_character(char c) {
  return c > ' ' && c <= '~' && std::string_view("\"#<>\\^`{|}").find(c) == std::string_view::npos;
}

}  // namespace

bool is_callback_prefix(std::string_view text) {
  return is_web_origin(text.substr(0, end_of_origin(text))) &&
         text.find('?') == std::string_view::npos && !leads_elsewhere(text) &&
         std::all_of(text.begin(), text.end(), is_url_character);
}

bool is_allowed_callback(std::string_view url, const std::vector<std::string>& prefixes) {
  if (url.size() > longest_url || leads_elsewhere(url) ||
      !std::all_of(url.begin(), url.end(), is_url_character))
    return false;
  return std::any_of(prefixes.begin(), prefixes.end(), [url](const std::string& prefix) {
    const std::string_view rest = url.substr(std::min(prefix.size(), url.size()));
    return url.starts_with(prefix) && (rest.empty() || prefix.ends_with('/') ||
                                       rest.starts_with('/') || rest.starts_with('?'));
  });
}

CallbackTarget callback_target(std::string_view url) {
  const std::size_t end = end_of_origin(url);
  std::string target(url.substr(end));
  if (!target.starts_with('/'))
    target.insert(0, "/");
  return {std::string(url.substr(0, end)), std::move(target)};
}

}  // namespace mqtt_bridge

#include "http/runbook.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

namespace mqtt_bridge {

std::string_view runbook_entry(std::string_view slug) {
  if (slug.empty() || slug.find('\n') != std::string_view::npos)
    return {};
  const std::string_view text = runbook_text();
  const std::string heading = "\n## " + std::string(slug) + "\n\n";
  const std::size_t found = text.find(heading);
  if (found == std::string_view::npos)
    return {};
  const std::string_view rest = text.substr(found + heading.size());
  const std::size_t end = rest.find("\n## ");
  return end == std::string_view::npos ? rest : rest.substr(0, end);
}

}  // namespace mqtt_bridge

#include "os/io/persistent_id.hpp"

#include <spdlog/spdlog.h>

#include "os/io/random.hpp"
#include "os/io/state_file.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t id_bytes = 4;

/// What persistent_id() writes, and nothing else.
bool is_id(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix))
    return false;
  text.remove_prefix(prefix.size());
  return text.size() == 2 * id_bytes &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::string persistent_id(std::string_view prefix, const std::filesystem::path& state_dir) {
  const std::string fresh = std::string(prefix) + random_hex(id_bytes);
  if (state_dir.empty())
    return fresh;
  const auto file = state_dir / "client-id";
  const auto known = read_state(file);
  if (known && is_id(*known, prefix))
    return *known;
  if (const auto why_not = write_state(file, fresh)) {
    spdlog::warn("cannot keep the client id in {}: {}; it will be another one after a restart",
                 file.string(), *why_not);
  }
  return fresh;
}

}  // namespace mqtt_bridge

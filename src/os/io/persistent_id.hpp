// A client id that survives restarts, where there is a directory to keep it in. Blocks for the
// disk.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace mqtt_bridge {

/// `<prefix><8 hex digits>`, the same as last time when `state_dir` (may be empty) keeps files.
std::string persistent_id(std::string_view prefix, const std::filesystem::path& state_dir);

}  // namespace mqtt_bridge

// What a program keeps from one run to the next: small files of one line in its state directory,
// each written whole or not at all, also over a crash or a full disk. Blocks for the disk; call it
// before the loop begins. Stateless.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace mqtt_bridge {

/// The file's one line without its end; nothing when there is no such file, or it is not one line
/// of at most 4 KiB with an end.
std::optional<std::string> read_state(const std::filesystem::path& file);

/// Puts a file with that line in the place of `file`, which until then stays as it is. What went
/// wrong, as the system says it; nothing when it is on the disk.
std::optional<std::string> write_state(const std::filesystem::path& file, std::string_view line);

/// Returns once what others have written to it is on the disk. What went wrong; nothing where there
/// is no such file.
std::optional<std::string> sync_file(const std::filesystem::path& file);

}  // namespace mqtt_bridge

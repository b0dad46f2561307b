// Files that hold a secret or a certificate, which an option named. Throws std::runtime_error with
// one sentence for the operator, that begins with the option. Blocks for the disk.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace mqtt_bridge {

/// The file's text without the line end that editors add; never empty, one line. Each way in which
/// that cannot be read has a sentence of its own.
std::string read_secret(const std::filesystem::path& file, std::string_view option);

/// Changes with what is in the file.
std::size_t fingerprint_of(const std::filesystem::path& file, std::string_view option);

}  // namespace mqtt_bridge

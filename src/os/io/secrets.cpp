#include "os/io/secrets.hpp"

#include <cerrno>
#include <fstream>
#include <functional>
#include <stdexcept>

#include "os/error_text.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t secret_bytes = 65'535;     // MQTT 5.0 1.5.4: a string's length has two bytes
constexpr std::size_t file_bytes = 1024 * 1024;  // certificates of many authorities

[[noreturn]] void refuse(std::string_view option, const std::string& sentence) {
  throw std::runtime_error(std::string(option) + ": " + sentence);
}

[[noreturn]] void refuse_unreadable(std::string_view option, const std::string& file, int error) {
  if (error == ENOENT)
    refuse(option, "there is no file " + file);
  if (error == EACCES || error == EPERM)
    refuse(option, "no permission to read " + file);
  if (error == EISDIR)
    refuse(option, file + " is a directory");
  refuse(option, "cannot read " + file + ": " + error_text(error));
}

/// All that is in the file, which `option` named; also of a pipe.
std::string read_file(const std::filesystem::path& file, std::string_view option) {
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  std::string text(file_bytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  const int error = errno;
  if (!stream.is_open() || stream.bad())  // a directory can be opened, but not read
    refuse_unreadable(option, file.string(), error != 0 ? error : EIO);
  if (text.empty())
    refuse(option, file.string() + " is empty");
  if (text.size() > file_bytes)
    refuse(option, file.string() + " has more than " + std::to_string(file_bytes) + " bytes");
  return text;
}

}  // namespace

std::string read_secret(const std::filesystem::path& file, std::string_view option) {
  std::string text = read_file(file, option);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.pop_back();
  if (text.empty())
    refuse(option, file.string() + " is empty");
  if (text.find_first_of("\r\n") != std::string::npos)
    refuse(option, file.string() + " has more than one line");
  if (text.size() > secret_bytes)
    refuse(option, file.string() + " has more than " + std::to_string(secret_bytes) + " bytes");
  return text;
}

std::size_t fingerprint_of(const std::filesystem::path& file, std::string_view option) {
  return std::hash<std::string>{}(read_file(file, option));
}

}  // namespace mqtt_bridge

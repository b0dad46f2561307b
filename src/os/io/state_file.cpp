#include "os/io/state_file.hpp"

#include <cerrno>
#include <cstdio>
#include <fstream>

#include <fcntl.h>
#include <unistd.h>

#include "os/error_text.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t most_bytes = 4096;

/// Writes all of `text` to a new file that is on the disk then; 0 or the errno.
int write_new(const std::filesystem::path& file, const std::string& text) {
  constexpr mode_t mode = 0600;
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (descriptor < 0)
    return errno;
  int error = 0;
  if (::write(descriptor, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    error = errno != 0 ? errno : ENOSPC;
  if (error == 0 && ::fsync(descriptor) != 0)
    error = errno;
  if (::close(descriptor) != 0 && error == 0)
    error = errno;
  return error;
}

/// That the new name is on the disk, too; no harm where a file system cannot say.
void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

std::optional<std::string> read_state(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(most_bytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  const bool is_one_line =
      text.size() <= most_bytes && !text.empty() && text.find('\n') == text.size() - 1;
  if (!is_one_line)
    return std::nullopt;
  text.pop_back();
  return text;
}

std::optional<std::string> write_state(const std::filesystem::path& file, std::string_view line) {
  std::filesystem::path fresh = file;
  fresh += ".new";
  errno = 0;
  int error = write_new(fresh, std::string(line) + "\n");
  if (error == 0 && ::rename(fresh.c_str(), file.c_str()) != 0)
    error = errno;
  if (error != 0) {
    ::unlink(fresh.c_str());
    return error_text(error);
  }
  sync_folder(file.parent_path());
  return std::nullopt;
}

std::optional<std::string> sync_file(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return errno == ENOENT ? std::nullopt : std::optional(error_text(errno));
  const int error = ::fdatasync(descriptor) != 0 ? errno : 0;
  ::close(descriptor);
  return error != 0 ? std::optional(error_text(error)) : std::nullopt;
}

}  // namespace mqtt_bridge

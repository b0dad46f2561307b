#include "client/io/line_input.hpp"

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/error_text.hpp"

namespace mqtt_bridge {
namespace {

[[noreturn]] void cannot_read(const std::string& name, int error) {
  throw std::runtime_error(name + " cannot be read: " + error_text(error));
}

}  // namespace

LineInput::LineInput(asio::io_context& loop, const std::string& file, std::size_t most)
    : name_(file.empty() ? "stdin" : file),
      is_ours_(!file.empty()),
      stream_(loop),
      descriptor_(is_ours_ ? ::open(file.c_str(), O_RDONLY | O_CLOEXEC) : STDIN_FILENO),
      lines_(most) {
  struct stat status {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0)
    cannot_read(name_, errno);
  if (S_ISREG(status.st_mode)) {
    const auto at = ::lseek(descriptor_, 0, SEEK_CUR);
    size_ = static_cast<std::uint64_t>(status.st_size);
    read_ = at > 0 ? static_cast<std::uint64_t>(at) : 0;
  }
  has_to_wait_ = !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
  if (!has_to_wait_)
    return;
  // It is only waited for, so that its flags, which other processes share, stay as they are. What
  // cannot be waited for, such as /dev/null, does not block.
  std::error_code error;
  stream_.assign(descriptor_, error);
  has_to_wait_ = !error;
}

LineInput::~LineInput() {
  if (stream_.is_open())
    stream_.release();
  if (is_ours_ && descriptor_ >= 0)
    ::close(descriptor_);
}

std::optional<InputLine> LineInput::next() {
  while (true) {
    if (auto line = lines_.next())
      return line;
    if (is_at_end_ || !read_piece())
      return std::nullopt;
  }
}

/// False when it would block. At the end, too, there may be a line.
bool LineInput::read_piece() {
  if (has_to_wait_ && !std::exchange(is_ready_, false))
    return false;
  std::array<char, 64 * 1024> buffer;
  const auto count = ::read(descriptor_, buffer.data(), buffer.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR))
    return false;
  if (count < 0)
    cannot_read(name_, errno);
  read_ += static_cast<std::uint64_t>(count);
  is_at_end_ = count == 0;
  if (is_at_end_)
    lines_.end();
  else
    lines_.feed({buffer.data(), static_cast<std::size_t>(count)});
  return true;
}

void LineInput::when_ready(std::function<void()> action) {
  if (!has_to_wait_)
    return action();
  stream_.async_wait(stream_.wait_read,
                     [this, action = std::move(action)](const std::error_code& error) {
                       if (error)
                         return;
                       is_ready_ = true;
                       action();
                     });
}

std::optional<double> LineInput::part() const {
  if (!size_ || *size_ == 0)
    return std::nullopt;
  return static_cast<double>(read_) / static_cast<double>(*size_);
}

}  // namespace mqtt_bridge

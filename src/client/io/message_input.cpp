#include "client/io/message_input.hpp"

#include <array>
#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits/call.hpp"
#include "base/utf8.hpp"
#include "client/client_help.hpp"
#include "os/error_text.hpp"

namespace mqtt_bridge {
namespace {

std::variant<std::string, int> read_file_or_stdin(const std::string& file, std::size_t most) {
  if (file.empty())
    return read_all(STDIN_FILENO, most);
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return errno;
  auto text = read_all(descriptor, most);
  ::close(descriptor);
  return text;
}

void drop_line_end(std::string& text) {
  if (!text.ends_with('\n'))
    return;
  text.pop_back();
  if (text.ends_with('\r'))
    text.pop_back();
}

std::string take_from(const std::string& file, ClientOptions& options) {
  constexpr std::size_t line_end = 2;
  const std::string origin = file.empty() ? "stdin" : "--file: " + file;
  auto read = read_file_or_stdin(file, limits::payload_bytes + line_end);
  if (const int* const error = std::get_if<int>(&read))
    return origin + " cannot be read: " + error_text(*error);
  auto& text = std::get<std::string>(read);
  if (options.route.empty())
    drop_line_end(text);
  if (text.size() > limits::payload_bytes)
    return origin + " has more than " + std::to_string(limits::payload_bytes) + " bytes";
  if (options.route.empty() && !is_utf8(text))
    return origin + " is not UTF-8";
  options.message = std::move(text);
  return {};
}

}  // namespace

bool is_piped_stdin() {
  struct stat status {};
  if (::fstat(STDIN_FILENO, &status) != 0)
    return false;
  return S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || S_ISREG(status.st_mode);
}

std::variant<std::string, int> read_all(int descriptor, std::size_t most) {
  std::string text;
  std::array<char, 16 * 1024> buffer;
  while (text.size() <= most) {
    const auto count = ::read(descriptor, buffer.data(), buffer.size());
    if (count == 0)
      break;
    if (count > 0)
      text.append(buffer.data(), static_cast<std::size_t>(count));
    else if (errno != EINTR)
      return errno;
  }
  text.resize(std::min(text.size(), most + 1));
  return text;
}

std::string take_message(ClientOptions& options) {
  using From = ClientOptions::MessageFrom;
  if (options.lines) {
    const bool is_there = options.message_from != From::piped_input || is_piped_stdin();
    return is_there ? "" : "--lines needs a FILE after ACTION, or lines on stdin";
  }
  switch (options.message_from) {
    case From::argument:
      return {};
    case From::file:
      return take_from(options.file, options);
    case From::standard_input:
      return take_from("", options);
    case From::piped_input:
      break;
  }
  if (is_piped_stdin())
    return take_from("", options);
  if (!options.route.empty())
    return {};
  return "MESSAGE is required, or --file, or a text on stdin; usage: " + std::string(client_usage);
}

}  // namespace mqtt_bridge

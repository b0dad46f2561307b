#include "os/io/health_socket.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/error_text.hpp"

namespace mqtt_bridge {
namespace {

using asio::local::stream_protocol;

constexpr std::string_view ready = "ready\n";
constexpr auto accept_pause = std::chrono::seconds(1);  // after an error, such as EMFILE
constexpr timeval answer_patience{2, 0};
constexpr mode_t own_user_only = 0600;

/// What an earlier run left, but nothing that is not a socket.
void remove_socket(const std::filesystem::path& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode))
    unlink(path.c_str());
}

/// All that comes until the end; the errno where there is none.
std::pair<std::string, int> read_to_end(int descriptor) {
  std::string text;
  std::array<char, 512> buffer;
  while (true) {
    const auto count = recv(descriptor, buffer.data(), buffer.size(), 0);
    if (count <= 0)
      return {text, count == 0 ? 0 : errno};
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace

HealthSocket::HealthSocket(asio::io_context& loop, std::filesystem::path path, WhyNot why_not)
    : path_(std::move(path)), why_not_(std::move(why_not)), acceptor_(loop), pause_(loop) {
  remove_socket(path_);
  std::error_code error;
  const stream_protocol::endpoint address(path_.string());
  acceptor_.open(address.protocol(), error);
  if (!error)
    acceptor_.bind(address, error);
  if (!error && chmod(path_.c_str(), own_user_only) != 0)
    error.assign(errno, std::generic_category());
  if (!error)
    acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    throw std::runtime_error("--health-socket: cannot listen on " + path_.string() + ": " +
                             error.message());
  }
  accept();
}

HealthSocket::~HealthSocket() {
  unlink(path_.c_str());
}

void HealthSocket::accept() {
  acceptor_.async_accept([this](std::error_code error, stream_protocol::socket asker) {
    if (error == asio::error::operation_aborted)
      return;
    if (!error) {
      const auto why_not = why_not_();
      const std::string line = why_not ? *why_not + "\n" : std::string(ready);
      asker.native_non_blocking(true, error);
      // A new connection takes this much at once; an asker that left meanwhile is no fault.
      send(asker.native_handle(), line.data(), line.size(), MSG_NOSIGNAL);
      return accept();
    }
    pause_.expires_after(accept_pause);
    pause_.async_wait([this](const std::error_code& given_up) {
      if (!given_up)
        accept();
    });
  });
}

std::optional<std::string> ask_health(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = path.string();
  if (name.size() >= sizeof address.sun_path)
    return name + " is longer than the path of a unix socket";
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  for (const int option : {SO_SNDTIMEO, SO_RCVTIMEO})
    setsockopt(descriptor, SOL_SOCKET, option, &answer_patience, sizeof answer_patience);
  if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    close(descriptor);
    return "nothing answers at " + name + ": " + error_text(error);
  }
  auto [said, error] = read_to_end(descriptor);
  close(descriptor);
  if (said == ready)
    return std::nullopt;
  if (said.empty() || said.back() != '\n')
    return "no answer from " + name + (error != 0 ? ": " + error_text(error) : "");
  said.pop_back();
  return said;
}

}  // namespace mqtt_bridge

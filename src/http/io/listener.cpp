#include "http/io/listener.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/error_text.hpp"

namespace mqtt_bridge {
namespace {

constexpr int backlog = 1024;

/// Whether the unix socket at `address` was left over by a process that is gone. A file of
/// another kind, or one that we may not open, is in use.
bool is_left_over(const sockaddr_un& address) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool refused =
      connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno == ECONNREFUSED;
  close(probe);
  return refused;
}

/// Whether this machine has it: IPv6 can be switched off, also for one program.
bool has_address(const std::string& address) {
  const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(address), 0);
  const int probe = ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool is_there =
      probe >= 0 && bind(probe, endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0;
  if (probe >= 0)
    close(probe);
  return is_there;
}

std::vector<std::unique_ptr<Listener>> listeners_on_localhost(std::uint16_t port) {
  std::vector<std::unique_ptr<Listener>> listeners;
  for (const char* const address : {"127.0.0.1", "::1"}) {
    if (!has_address(address))
      continue;
    listeners.push_back(std::make_unique<Listener>(TcpListen{address, port}));
    port = listeners.front()->port();
  }
  if (listeners.empty())
    listeners.push_back(std::make_unique<Listener>(TcpListen{"127.0.0.1", port}));  // says why not
  return listeners;
}

}  // namespace

std::vector<std::unique_ptr<Listener>> listeners_at(const Listen& address,
                                                    const SocketAccess& access) {
  std::vector<std::unique_ptr<Listener>> listeners;
  const auto* const tcp = std::get_if<TcpListen>(&address);
  if (tcp == nullptr || tcp->address != localhost) {
    listeners.push_back(std::make_unique<Listener>(address, access));
    return listeners;
  }
  // A port that the system chooses for one may be taken on the other; another one will not be.
  constexpr int most_tries = 16;
  for (int tries = 1;; ++tries) {
    try {
      return listeners_on_localhost(tcp->port);
    } catch (const std::runtime_error&) {
      if (tcp->port != 0 || tries == most_tries)
        throw;
    }
  }
}

Listener::Listener(const Listen& address, SocketAccess access)
    : name_(to_string(address)), access_(std::move(access)), is_local_(is_loopback(address)) {
  std::visit([this](const auto& concrete) { open(concrete); }, address);
}

Listener::Listener(int descriptor)
    : descriptor_(descriptor),
      name_("the passed descriptor " + std::to_string(descriptor)),
      is_inherited_(true) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  int listens = 0;
  socklen_t size = sizeof listens;
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0) {
    fail(errno);
  }
  if (listens == 0)
    throw std::runtime_error("cannot listen on " + name_ + ": it is no listening socket");
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  if (address.ss_family == AF_UNIX) {
    via_ = Caller::Via::unix_socket;
    name_ = std::string("unix:") + reinterpret_cast<const sockaddr_un&>(address).sun_path;
    return;
  }
  asio::ip::tcp::endpoint endpoint;
  if (length > endpoint.capacity())
    fail(EAFNOSUPPORT);
  std::memcpy(endpoint.data(), &address, length);
  const TcpListen tcp{endpoint.address().to_string(), endpoint.port()};
  port_ = tcp.port;
  is_local_ = is_loopback(tcp);
  name_ = "http://" + to_string(Listen(tcp));
}

Listener::~Listener() {
  if (descriptor_ >= 0)
    close(descriptor_);
  if (!path_.empty())
    unlink(path_.c_str());
}

bool Listener::admit_no_more() {
  // connect() is refused then, and accept() still gives those before.
  if (via_ == Caller::Via::unix_socket)
    return shutdown(descriptor_, SHUT_RD) == 0;
  // A filter that drops SYN packets: the client sends its own again, and is refused then.
  constexpr unsigned flags = 13;  // their place in the TCP header (RFC 9293 3.1)
  constexpr unsigned syn = 2;
  constexpr unsigned keep_all = 0xFFFF;
  std::array<sock_filter, 4> program{
      {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, flags), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, syn, 0, 1),
       BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, keep_all)}};
  const sock_fprog filter{.len = program.size(), .filter = program.data()};
  return setsockopt(descriptor_, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0;
}

void Listener::open(const TcpListen& address) {
  asio::ip::tcp::endpoint endpoint(asio::ip::make_address(address.address), address.port);
  descriptor_ =
      ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor_ < 0)
    fail(errno);
  const int on = 1;
  setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (endpoint.address().is_v6()) {
    setsockopt(descriptor_, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  bind_to(endpoint.data(), static_cast<socklen_t>(endpoint.size()));
  start();
  auto length = static_cast<socklen_t>(endpoint.capacity());
  getsockname(descriptor_, endpoint.data(), &length);
  port_ = endpoint.port();
  name_ = "http://" + to_string(Listen(TcpListen{address.address, port_}));
}

void Listener::open(const UnixListen& address) {
  via_ = Caller::Via::unix_socket;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string& path = address.path;
  if (path.size() >= sizeof name.sun_path)
    fail(ENAMETOOLONG);
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
  std::error_code ignored;
  if (std::filesystem::is_socket(address.path, ignored)) {
    if (!is_left_over(name))
      fail(EADDRINUSE);
    unlink(path.c_str());
  }
  descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor_ < 0)
    fail(errno);
  bind_to(reinterpret_cast<const sockaddr*>(&name), sizeof name);
  path_ = address.path;
  // A client can connect only once it listens, so these hold for every client.
  constexpr auto as_it_is = static_cast<uid_t>(-1);
  if (access_.group && chown(path_.c_str(), as_it_is, *access_.group) != 0)
    fail(errno);
  if (chmod(path_.c_str(), access_.mode) != 0)
    fail(errno);
  start();
}

void Listener::bind_to(const sockaddr* address, socklen_t length) {
  if (bind(descriptor_, address, length) != 0)
    fail(errno);
}

void Listener::start() {
  if (::listen(descriptor_, backlog) != 0)
    fail(errno);
}

void Listener::fail(int error) {
  if (descriptor_ >= 0)
    close(descriptor_);
  if (!path_.empty())
    unlink(path_.c_str());
  const std::string hint = error == EADDRINUSE ? "; is another mqtt_bridged running?" : "";
  throw std::runtime_error("cannot listen on " + name_ + ": " + error_text(error) + hint);
}

}  // namespace mqtt_bridge

// A listening socket, TCP or unix: opens, names and closes it; accepting is the server's. An
// address that another process serves is an error at once: it is not shared (no SO_REUSEPORT), and
// not taken over.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/socket.h>
#include <sys/types.h>

#include "http/access.hpp"
#include "http/listen_address.hpp"

namespace mqtt_bridge {

/// Who may open a unix socket.
struct SocketAccess {
  unsigned mode = 0660;
  std::optional<gid_t> group = {};  // nothing: the process's own
};

class Listener {
 public:
  /// Throws std::runtime_error with one sentence that names the address, which is not localhost.
  explicit Listener(const Listen& address, SocketAccess access = {});
  /// A socket that listens already, which another process bound (systemd, say). Throws if it is
  /// none.
  explicit Listener(int descriptor);
  /// Removes a unix socket's path again, if it is ours.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// From now on no new connection comes in, so that those in the backlog can be taken in to the
  /// last one. False, with errno, where the system does not let us: what comes until it is closed
  /// is then reset. REQUIRES: it is not inherited: the other process that has it still
  /// uses its backlog.
  bool admit_no_more();

  std::uint16_t port() const { return port_; }  // 0 of a unix socket
  int descriptor() const { return descriptor_; }
  bool is_inherited() const { return is_inherited_; }
  Caller::Via via() const { return via_; }
  /// Where it really listens: `http://127.0.0.1:8426` or `unix:/run/...`.
  const std::string& name() const { return name_; }
  /// Whether only this machine can reach it.
  bool is_local() const { return is_local_; }

 private:
  void open(const TcpListen& address);
  void open(const UnixListen& address);
  void bind_to(const sockaddr* address, socklen_t length);
  void start();
  [[noreturn]] void fail(int error);

  int descriptor_ = -1;
  Caller::Via via_ = Caller::Via::tcp;
  std::string name_;
  std::uint16_t port_ = 0;
  SocketAccess access_;
  bool is_local_ = true;
  bool is_inherited_ = false;
  std::filesystem::path path_;  // of the unix socket that is ours to remove
};

/// What listens for `address`: one, or for localhost one on each of its addresses that this machine
/// has, all on the same port. Throws as Listener does.
std::vector<std::unique_ptr<Listener>> listeners_at(const Listen& address,
                                                    const SocketAccess& access = {});

}  // namespace mqtt_bridge

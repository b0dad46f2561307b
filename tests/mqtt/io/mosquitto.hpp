// A mosquitto of the test's own, on a free port of loopback, gone with the object.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mqtt_bridge {

class Mosquitto {
 public:
  Mosquitto() {
    for (int attempt = 0; attempt < 20; ++attempt) {
      port_ = unused_port();
      start();
      if (comes_up())
        return;
      stop();  // somebody was faster with the port
    }
    throw std::runtime_error("cannot start mosquitto");
  }
  ~Mosquitto() { stop(); }
  Mosquitto(const Mosquitto&) = delete;
  Mosquitto& operator=(const Mosquitto&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
  }

  static std::uint16_t unused_port() {
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    bind(probe, reinterpret_cast<sockaddr*>(&address), length);
    getsockname(probe, reinterpret_cast<sockaddr*>(&address), &length);
    close(probe);
    return ntohs(address.sin_port);
  }

  void start() {
    const std::string port = std::to_string(port_);
    std::string program = "mosquitto";
    std::string flag = "-p";
    std::string value = port;
    char* const arguments[] = {program.data(), flag.data(), value.data(), nullptr};
    std::string path = "PATH=" + std::string(std::getenv("PATH")) + ":/usr/sbin";
    setenv("PATH", path.c_str() + 5, 1);
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&process_, "mosquitto", &quiet, nullptr, arguments, environ) != 0) {
      process_ = -1;
    }
    posix_spawn_file_actions_destroy(&quiet);
  }

  bool comes_up() {
    while (process_ > 0 && waitpid(process_, nullptr, WNOHANG) == 0) {
      const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const sockaddr_in address = loopback(port_);
      const bool is_up =
          connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
      close(probe);
      if (is_up)
        return true;
      std::this_thread::yield();
    }
    process_ = -1;
    return false;
  }

  void stop() {
    if (process_ <= 0)
      return;
    kill(process_, SIGKILL);  // while it starts it may forget a SIGTERM (mosquitto 2.0.11)
    waitpid(process_, nullptr, 0);
    process_ = -1;
  }

  std::uint16_t port_ = 0;
  pid_t process_ = -1;
};

}  // namespace mqtt_bridge

// cpp-httplib over the bytes of a request in memory, without its sockets and threads. What it
// writes is dropped: responses are response_writer.hpp's. The differences between its releases
// (0.11, 0.18 and 0.41 are what Debian ships) end in this file; they are detected by feature, not
// by version.
#pragma once

#include <cstring>
#include <ctime>
#include <string>
#include <string_view>

#include <httplib.h>

namespace mqtt_bridge {

/// Reads from memory, writes nowhere, never blocks.
class MemoryStream final : public httplib::Stream {
 public:
  explicit MemoryStream(std::string_view input) : input_(input) {}

  // Which of these the library declares differs: hence no `override`, and no warning about it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsuggest-override"
  bool is_readable() const {
    return true;
  }
  bool is_writable() const {
    return true;
  }
  bool wait_readable() const {
    return true;
  }
  bool wait_writable() const {
    return true;
  }
  time_t duration() const {
    return 0;
  }
#pragma GCC diagnostic pop

  ssize_t read(char* to, size_t size) override {
    const size_t count = std::min(size, input_.size());
    std::memcpy(to, input_.data(), count);
    input_.remove_prefix(count);
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char*, size_t size) override {
    return static_cast<ssize_t>(size);
  }
  using httplib::Stream::write;

  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override {
    return 0;
  }

 private:
  std::string_view input_;
};

class InMemoryServer : public httplib::Server {
 protected:
  void process(std::string_view request) {
    MemoryStream stream(request);
    bool closed = false;
    process_with(*this, stream, closed);
  }

 private:
  // As if the connection were to close: for one that stays it would compose a field more. A
  // template, so that only the call that this release has needs to compile.
  template <typename Self>
  static void process_with(Self& self, httplib::Stream& stream, bool& closed) {
    if constexpr (requires { self.process_request(stream, true, closed, nullptr); }) {
      self.process_request(stream, true, closed, nullptr);
    } else {
      self.process_request(stream, "", 0, "", 0, true, closed, nullptr);
    }
  }
};

}  // namespace mqtt_bridge

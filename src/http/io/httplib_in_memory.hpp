// cpp-httplib as a pure function from the bytes of a request to the bytes of a response. The
// differences between its releases (0.11, 0.18 and 0.41 are what Debian ships) end in this file;
// they are detected by feature, not by version.
#pragma once

#include <cstring>
#include <ctime>
#include <string>
#include <string_view>

#include <httplib.h>

namespace mqtt_bridge {

/// Reads from memory, writes to memory, never blocks.
class MemoryStream final : public httplib::Stream {
 public:
  MemoryStream(std::string_view input, std::string& output) : input_(input), output_(output) {}

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
  ssize_t write(const char* from, size_t size) override {
    output_.append(from, size);
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
  std::string& output_;
};

class InMemoryServer : public httplib::Server {
 protected:
  std::string process(std::string_view request) {
    std::string response;
    MemoryStream stream(request, response);
    bool closed = false;
    process_with(*this, stream, closed);
    return response;
  }

 private:
  // A template, so that only the call that this release has needs to compile.
  template <typename Self>
  static void process_with(Self& self, httplib::Stream& stream, bool& closed) {
    if constexpr (requires { self.process_request(stream, false, closed, nullptr); }) {
      self.process_request(stream, false, closed, nullptr);
    } else {
      self.process_request(stream, "", 0, "", 0, false, closed, nullptr);
    }
  }
};

}  // namespace mqtt_bridge

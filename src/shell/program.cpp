#include "shell/program.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "shell/random.hpp"
#include "shell/tls_check.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t secret_bytes = 64 * 1024;

/// Changes with what is in the file.
std::size_t fingerprint_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream)
    throw std::runtime_error("cannot read " + file.string());
  std::ostringstream text;
  text << stream.rdbuf();
  return std::hash<std::string>{}(text.str());
}

}  // namespace

std::string read_secret(const std::filesystem::path& file, std::string_view option) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(secret_bytes, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.pop_back();
  const bool is_one_line = text.find_first_of("\r\n") == std::string::npos;
  if (!stream.is_open() || stream.bad() || !stream.eof() || text.empty() || !is_one_line) {
    throw std::runtime_error(std::string(option) + ": cannot read one line of text from " +
                             file.string());
  }
  return text;
}

std::string lasting_id(std::string_view prefix, const std::filesystem::path& state_dir) {
  const std::string fresh = std::string(prefix) + random_hex(4);
  if (state_dir.empty())
    return fresh;
  const auto file = state_dir / "client-id";
  std::string known;
  if (std::ifstream(file) >> known && known.size() == fresh.size() && known.rfind(prefix, 0) == 0) {
    return known;
  }
  if (!(std::ofstream(file) << fresh << '\n')) {
    spdlog::warn("cannot keep the client id in {}: it will be another one after a restart",
                 file.string());
  }
  return fresh;
}

MqttLinkOptions link_options_of(const BrokerOptions& broker) {
  MqttLinkOptions link;
  link.broker = broker.url;
  link.protocol = broker.protocol;
  link.client_id = broker.client_id;
  if (!broker.username.empty())
    link.username = broker.username;
  if (!broker.username_file.empty())
    link.username = read_secret(broker.username_file, "--username-file");
  if (!broker.password_file.empty())
    link.password = read_secret(broker.password_file, "--password-file");
  if (broker.url.scheme == BrokerUrl::Scheme::mqtts) {
    MqttTls tls{broker.ca_file, broker.cert_file, broker.key_file};
    for (const auto& file : {broker.ca_file, broker.cert_file, broker.key_file}) {
      if (!file.empty())
        tls.fingerprint = 31 * tls.fingerprint + fingerprint_of(file);
    }
    if (const auto why = why_not_usable(tls))
      throw std::runtime_error(*why);
    link.tls = tls;
  }
  return link;
}

namespace {

sigset_t our_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    sigaddset(&signals, signal);
  return signals;
}

}  // namespace

void block_signals() {
  const sigset_t signals = our_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

Signals::Signals(asio::io_context& loop, std::function<void()> terminate,
                 std::function<void()> reload)
    : descriptor_(loop), terminate_(std::move(terminate)), reload_(std::move(reload)) {
  const sigset_t signals = our_signals();
  descriptor_.assign(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  wait();
}

void Signals::wait() {
  descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                         [this](const std::error_code& error) {
                           if (error)
                             return;
                           signalfd_siginfo signal;
                           while (read(descriptor_.native_handle(), &signal, sizeof signal) > 0)
                             signal.ssi_signo == SIGHUP ? reload_() : terminate_();
                           wait();
                         });
}

int exit_now(const ExitNow& exit) {
  std::fputs(exit.out.c_str(), stdout);
  std::fputs(exit.err.c_str(), stderr);
  return std::fflush(stdout) == 0 ? exit.code : 1;
}

int guarded(std::string_view program, const std::function<int()>& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(program.size()), program.data(),
                 error.what());
    return exit_usage;
  }
}

}  // namespace mqtt_bridge

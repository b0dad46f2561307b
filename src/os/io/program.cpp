#include "os/io/program.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <future>
#include <new>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "mqtt/io/paho/quirks.hpp"
#include "mqtt/io/tls_check.hpp"
#include "os/io/output.hpp"
#include "os/io/random.hpp"
#include "os/io/state_file.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t file_bytes = 1024 * 1024;  // certificates of many authorities
constexpr std::size_t id_bytes = 4;
// How long the loop's end may take: what it waits for is the look-up of an address, or a file.
constexpr auto end_patience = std::chrono::milliseconds(50);

[[noreturn]] void refuse(std::string_view option, const std::string& sentence) {
  throw std::runtime_error(std::string(option) + ": " + sentence);
}

[[noreturn]] void refuse_unreadable(std::string_view option, const std::string& file, int error) {
  if (error == ENOENT)
    refuse(option, "there is no file " + file);
  if (error == EACCES || error == EPERM)
    refuse(option, "no permission to read " + file);
  if (error == EISDIR)
    refuse(option, file + " is a directory");
  refuse(option, "cannot read " + file + ": " + std::generic_category().message(error));
}

/// All that is in the file, which `option` named; also of a pipe.
std::string read_file(const std::filesystem::path& file, std::string_view option) {
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  std::string text(file_bytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  const int error = errno;
  if (!stream.is_open() || stream.bad())  // a directory can be opened, but not read
    refuse_unreadable(option, file.string(), error != 0 ? error : EIO);
  if (text.empty())
    refuse(option, file.string() + " is empty");
  if (text.size() > file_bytes)
    refuse(option, file.string() + " has more than " + std::to_string(file_bytes) + " bytes");
  return text;
}

/// Changes with what is in the file.
std::size_t fingerprint_of(const std::filesystem::path& file, std::string_view option) {
  return std::hash<std::string>{}(read_file(file, option));
}

/// What lasting_id() writes, and nothing else.
bool is_id(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix))
    return false;
  text.remove_prefix(prefix.size());
  return text.size() == 2 * id_bytes &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::string read_secret(const std::filesystem::path& file, std::string_view option) {
  std::string text = read_file(file, option);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.pop_back();
  if (text.empty())
    refuse(option, file.string() + " is empty");
  if (text.find_first_of("\r\n") != std::string::npos)
    refuse(option, file.string() + " has more than one line");
  return text;
}

std::string lasting_id(std::string_view prefix, const std::filesystem::path& state_dir) {
  const std::string fresh = std::string(prefix) + random_hex(id_bytes);
  if (state_dir.empty())
    return fresh;
  const auto file = state_dir / "client-id";
  const auto known = read_state(file);
  if (known && is_id(*known, prefix))
    return *known;
  if (const auto why_not = write_state(file, fresh)) {
    spdlog::warn("cannot keep the client id in {}: {}; it will be another one after a restart",
                 file.string(), *why_not);
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
    for (const auto& [file, option] : {std::pair(broker.ca_file, "--ca-file"),
                                       {broker.cert_file, "--cert-file"},
                                       {broker.key_file, "--key-file"}}) {
      if (!file.empty())
        tls.fingerprint = 31 * tls.fingerprint + fingerprint_of(file, option);
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

namespace {

/// Of an exception that nobody can catch: one in a callback of a library, or a second one.
[[noreturn]] void log_and_abort() {
  std::string what = "no exception";
  try {
    if (const auto exception = std::current_exception())
      std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    what = error.what();
  } catch (...) {
    what = "an exception of unknown type";
  }
  spdlog::critical("aborted: {}", what);
  std::abort();
}

/// Without what is left to be destroyed.
[[noreturn]] void leave(int code) {
  std::fflush(nullptr);
  std::_Exit(code);
}

int fail(std::string_view program, const std::exception& error, int code) {
  say(program, error.what());
  return code;
}

}  // namespace

int guarded(std::string_view program, const std::function<int()>& body, int exit_of_fault) {
  keep_standard_streams();
  paho_quirks::clean_environment();
  std::set_terminate(log_and_abort);
  try {
    return body();
  } catch (const std::bad_alloc& error) {
    return fail(program, error, exit_failed);
  } catch (const std::system_error& error) {
    return fail(program, error, exit_failed);
  } catch (const std::exception& error) {
    return fail(program, error, exit_of_fault);
  }
}

void run_loop(asio::io_context& loop) {
  try {
    loop.run();
  } catch (const std::exception& error) {
    spdlog::critical("ended by a fault: {}", error.what());
    leave(exit_failed);
  }
}

int end_loop(std::shared_ptr<void> loop, int code) {
  std::promise<void> ended;
  std::thread end([&] {
    loop.reset();
    ended.set_value();
  });
  if (ended.get_future().wait_for(end_patience) != std::future_status::ready) {
    leave(code);
  }
  end.join();
  return code;
}

}  // namespace mqtt_bridge

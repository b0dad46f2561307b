#include "os/io/signals.hpp"

#include <csignal>
#include <utility>

#include <sys/signalfd.h>
#include <unistd.h>

namespace mqtt_bridge {
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

}  // namespace mqtt_bridge

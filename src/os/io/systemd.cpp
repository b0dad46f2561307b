#include "os/io/systemd.hpp"

#include <cinttypes>
#include <utility>

#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

namespace mqtt_bridge {
namespace {

using std::chrono::microseconds;

constexpr int keep_environment = 0;

std::int64_t in_microseconds(Duration duration) {
  return std::chrono::duration_cast<microseconds>(duration).count();
}

/// How often to tell: three times in the time that the unit allows.
microseconds watchdog_interval() {
  std::uint64_t allowed = 0;
  if (sd_watchdog_enabled(keep_environment, &allowed) <= 0)
    return {};
  return microseconds(allowed / 3);
}

}  // namespace

std::vector<int> passed_sockets() {
  constexpr int unset_environment = 1;
  const int count = sd_listen_fds(unset_environment);
  std::vector<int> descriptors;
  for (int i = 0; i < count; ++i)
    descriptors.push_back(SD_LISTEN_FDS_START + i);
  return descriptors;
}

void notify_ready() {
  sd_notify(keep_environment, "READY=1");
}

void notify_status(const std::string& text) {
  sd_notify(keep_environment, ("STATUS=" + text).c_str());
}

void notify_reloading() {
  // CLOCK_MONOTONIC, which this clock is, tells the end of one reload from that of another.
  sd_notifyf(keep_environment, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
             in_microseconds(Clock::now().time_since_epoch()));
}

void notify_stopping(Duration patience) {
  sd_notifyf(keep_environment, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64,
             in_microseconds(patience));
}

Watchdog::Watchdog(asio::io_context& loop, StuckThread stuck_thread)
    : interval_(watchdog_interval()), timer_(loop), stuck_thread_(std::move(stuck_thread)) {
  if (interval_ > microseconds::zero())
    tell();
}

void Watchdog::tell() {
  const auto stuck = stuck_thread_(Clock::now());
  if (!stuck) {
    sd_notify(keep_environment, "WATCHDOG=1");
  } else if (!was_stuck_) {
    spdlog::critical("the thread {} hangs: watchdog notifications to systemd stopped", *stuck);
  }
  was_stuck_ = stuck.has_value();
  timer_.expires_after(interval_);
  timer_.async_wait([this](const std::error_code& error) {
    if (!error)
      tell();
  });
}

}  // namespace mqtt_bridge

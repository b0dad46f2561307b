#include "mqtt/io/paho/receive_thread.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include <time.h>
#include <unistd.h>

#include "mqtt/io/paho/interposed.hpp"

namespace mqtt_bridge::paho {
namespace {

using namespace std::chrono_literals;

constexpr useconds_t library_sleep = 100'000;

/// How many connections need what.
struct Needs {
  std::mutex mutex;
  std::condition_variable changed;
  std::atomic<int> connecting = 0;  // written under the lock
  std::atomic<int> connected = 0;

  std::atomic<int>* count(ReceiveThread::Need need) {
    switch (need) {
      case ReceiveThread::Need::rest:
        return nullptr;
      case ReceiveThread::Need::connecting:
        return &connecting;
      case ReceiveThread::Need::connected:
        return &connected;
    }
    return nullptr;
  }
};

/// Never destroyed: the library's threads outlive main().
Needs& needs() {
  static Needs& instance = *new Needs;
  return instance;
}

int plain_usleep(useconds_t microseconds) {
  const timespec time{static_cast<time_t>(microseconds / 1'000'000),
                      static_cast<long>(microseconds % 1'000'000) * 1000};
  return nanosleep(&time, nullptr);
}

int rest_of_receive_thread() {
  Needs& all = needs();
  if (all.connecting > 0)
    return plain_usleep(200);  // until there is a socket
  if (all.connected > 0)
    return 0;
  std::unique_lock lock(all.mutex);
  all.changed.wait_for(lock, 100ms, [&] { return all.connecting > 0 || all.connected > 0; });
  return 0;
}

}  // namespace

void ReceiveThread::has(Need need) {
  Needs& all = needs();
  {
    const std::lock_guard lock(all.mutex);
    if (auto* const before = all.count(need_))
      --*before;
    need_ = need;
    if (auto* const now = all.count(need_))
      ++*now;
  }
  all.changed.notify_all();
}

bool is_any_connecting() {
  return needs().connecting > 0;
}

bool is_receive_thread_woken() {
  return is_ours("usleep");
}

}  // namespace mqtt_bridge::paho

// The library's only use of usleep() is the receive thread's sleep of 100 ms.
extern "C" __attribute__((visibility("default"))) int usleep(useconds_t microseconds) {
  using namespace mqtt_bridge::paho;
  return microseconds == library_sleep ? rest_of_receive_thread() : plain_usleep(microseconds);
}

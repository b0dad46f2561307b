#include "mqtt/io/paho/quirks.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include <MQTTAsync.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/limits.hpp"
#include "mqtt/io/paho/connecting.hpp"
#include "mqtt/io/paho/reading.hpp"

namespace mqtt_bridge::paho_quirks {
namespace {

bool is_peer(const sockaddr_storage& a, const sockaddr_storage& b) {
  if (a.ss_family != b.ss_family)
    return false;
  if (a.ss_family == AF_INET) {
    const auto& a4 = reinterpret_cast<const sockaddr_in&>(a);
    const auto& b4 = reinterpret_cast<const sockaddr_in&>(b);
    return a4.sin_port == b4.sin_port && a4.sin_addr.s_addr == b4.sin_addr.s_addr;
  }
  const auto& a6 = reinterpret_cast<const sockaddr_in6&>(a);
  const auto& b6 = reinterpret_cast<const sockaddr_in6&>(b);
  return a6.sin6_port == b6.sin6_port &&
         std::memcmp(&a6.sin6_addr, &b6.sin6_addr, sizeof a6.sin6_addr) == 0;
}

/// The newest descriptor that is connected to `peer`, or -1.
int find_connection(const sockaddr_storage& peer) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc/self/fd"), closedir);
  int found = -1;
  while (const dirent* entry = directory ? readdir(directory.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    int descriptor = -1;
    if (std::from_chars(name.data(), name.data() + name.size(), descriptor).ec != std::errc{}) {
      continue;
    }
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &length) == 0 &&
        is_peer(address, peer) && descriptor > found) {
      found = descriptor;
    }
  }
  return found;
}

void set_option(int descriptor, int option, int value) {
  setsockopt(descriptor, IPPROTO_TCP, option, &value, sizeof value);
}

bool has_option(int descriptor, int option, int value) {
  int found = -1;
  socklen_t size = sizeof found;
  return getsockopt(descriptor, IPPROTO_TCP, option, &found, &size) == 0 && found == value;
}

/// The library's release as a number that can be compared: 1.3.12 is 10312.
int library_release() {
  for (const MQTTAsync_nameValue* info = MQTTAsync_getVersionInfo(); info->name != nullptr;
       ++info) {
    if (std::string_view(info->name) != "Version")
      continue;
    std::array<int, 3> parts{};
    const char* text = info->value;
    const char* const end = text + std::strlen(text);
    for (int& part : parts) {
      text = std::from_chars(text, end, part).ptr;
      if (text != end)
        ++text;
    }
    return (parts[0] * 100 + parts[1]) * 100 + parts[2];
  }
  return 0;
}

constexpr int release_with_a_sound_send_thread = 10316;

}  // namespace

// No TCP_NODELAY ------------------------------------------------------------------------------

namespace {

int user_timeout() {
  return static_cast<int>(std::chrono::milliseconds(limits::puback_timeout).count());
}

}  // namespace

void BrokerSocket::tune(const sockaddr_storage& peer) {
  release();
  original_ = find_connection(peer);
  if (original_ < 0)
    return;
  fcntl(original_, F_SETFD, FD_CLOEXEC);
  descriptor_ = fcntl(original_, F_DUPFD_CLOEXEC, 0);
  set_option(descriptor_, TCP_NODELAY, 1);
  set_option(descriptor_, TCP_QUICKACK, 1);
  set_option(descriptor_, TCP_USER_TIMEOUT, user_timeout());
}

bool BrokerSocket::had_no_subscribers(std::uint16_t packet_id) const {
  return paho_quirks::had_no_subscribers(original_, packet_id);
}

void BrokerSocket::shut_down() const {
  if (descriptor_ >= 0)
    shutdown(descriptor_, SHUT_RDWR);
}

void BrokerSocket::release() {
  if (descriptor_ >= 0)
    close(descriptor_);
  descriptor_ = -1;
}

// Threads that stop, and lost wake-ups ----------------------------------------------------------

namespace {

struct Idler {
  MQTTAsync client = nullptr;
  bool can_lose_wake_ups = library_release() < release_with_a_sound_send_thread;

  Idler() {
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;
    options.struct_version = 2;  // the first that has the members below
    options.sendWhileDisconnected = 1;
    options.allowDisconnectedSendAtAnyTime = 1;
    options.maxBufferedMessages = 1;
    options.deleteOldestMessages = 1;
    MQTTAsync_createWithOptions(&client, "tcp://127.0.0.1:1", "idler", MQTTCLIENT_PERSISTENCE_NONE,
                                nullptr, &options);
  }
};

Idler& idler() {
  static Idler& instance = *new Idler;
  return instance;
}

}  // namespace

void keep_library_running() {
  idler();
}

void kick_send_thread() noexcept {
  if (!idler().can_lose_wake_ups)
    return;
  MQTTAsync_message message = MQTTAsync_message_initializer;
  message.qos = 0;
  MQTTAsync_sendMessage(idler().client, "kick", &message, nullptr);
}

// A trace of everything ---------------------------------------------------------------------

void silence_trace() {
  MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
}

// Orders from the environment -----------------------------------------------------------------

void clean_environment() {
  for (const char* const name : {"http_proxy", "https_proxy", "MQTT_C_CLIENT_TRACE",
                                 "MQTT_C_CLIENT_TRACE_LEVEL", "MQTT_C_CLIENT_TRACE_MAX_LINES"}) {
    unsetenv(name);
  }
}

// Sleeping while there is work ----------------------------------------------------------------

namespace {

constexpr useconds_t library_sleep = 100'000;

// Never destroyed: the library's threads outlive main().
struct Rest {
  std::mutex mutex;
  std::condition_variable changed;
};

Rest& rest() {
  static Rest& instance = *new Rest;
  return instance;
}

std::atomic<ReceiveThread> receive_thread{ReceiveThread::may_rest};

int plain_usleep(useconds_t microseconds) {
  const timespec time{static_cast<time_t>(microseconds / 1'000'000),
                      static_cast<long>(microseconds % 1'000'000) * 1000};
  return nanosleep(&time, nullptr);
}

int rest_of_receive_thread() {
  using namespace std::chrono_literals;
  switch (receive_thread) {
    case ReceiveThread::may_rest: {
      std::unique_lock lock(rest().mutex);
      rest().changed.wait_for(lock, 100ms,
                              [] { return receive_thread != ReceiveThread::may_rest; });
      return 0;
    }
    case ReceiveThread::connecting:
      return plain_usleep(200);  // until there is a socket
    case ReceiveThread::connected:
      return 0;
  }
  return 0;
}

}  // namespace

bool is_ours(const char* function) {
  Dl_info here{};
  Dl_info found{};
  void* const in_use = dlsym(RTLD_DEFAULT, function);
  return in_use != nullptr && dladdr(in_use, &found) != 0 &&
         dladdr(reinterpret_cast<void*>(&tell_receive_thread), &here) != 0 &&
         here.dli_fbase == found.dli_fbase;
}

ReceiveThread receive_thread_mode() {
  return receive_thread;
}

void tell_receive_thread(ReceiveThread mode) {
  {
    const std::lock_guard lock(rest().mutex);
    receive_thread = mode;
  }
  rest().changed.notify_all();
}

// Threads that stand still ----------------------------------------------------------------------

namespace {

/// The rest of the line of `file` that begins with `begin`; empty where there is none.
std::string rest_of_line(const std::string& file, std::string_view begin) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(begin))
      return line.substr(begin.size());
  }
  return {};
}

}  // namespace

std::optional<std::string> LibraryThreads::stuck(Instant now) {
  std::map<int, Progress> seen;
  std::optional<std::string> stuck;
  const std::unique_ptr<DIR, int (*)(DIR*)> tasks(opendir("/proc/self/task"), closedir);
  while (const dirent* entry = tasks ? readdir(tasks.get()) : nullptr) {
    const std::string status = std::string("/proc/self/task/") + entry->d_name + "/status";
    const std::string name = rest_of_line(status, "Name:\t");
    if (!name.starts_with("MQTTAsync_"))
      continue;
    const int thread = std::atoi(entry->d_name);
    Progress progress{rest_of_line(status, "voluntary_ctxt_switches:\t"), now};
    const auto before = threads_.find(thread);
    if (before != threads_.end() && before->second.sleeps == progress.sleeps)
      progress.since = before->second.since;
    if (now - progress.since >= limits::thread_patience)
      stuck = name;
    seen.emplace(thread, std::move(progress));
  }
  threads_ = std::move(seen);
  return stuck;
}

// Whether it took effect ------------------------------------------------------------------------

std::vector<std::string> BrokerSocket::missing() const {
  const std::string recv_or_ssl = "recv() or SSL_read() is not ours for the broker's connection: ";
  const std::array<std::pair<bool, std::string>, 8> all{{
      {descriptor_ >= 0, "the broker's connection was not found among our descriptors"},
      {has_option(descriptor_, TCP_NODELAY, 1),
       "TCP_NODELAY is not set on the broker's connection: a call takes up to 88 ms more"},
      {has_option(descriptor_, TCP_USER_TIMEOUT, user_timeout()),
       "TCP_USER_TIMEOUT is not set on the broker's connection: its loss is noticed late"},
      {is_read_ahead(original_),
       recv_or_ssl + "a malformed or very large packet may end this process, and calls wait for "
                     "responders that are not there"},
      {is_handed_over(),
       "connect() is not ours: over TLS one address of the broker's name is tried, and a slow name "
       "server blocks everything"},
      {is_ours("SSL_CTX_set_security_level"),
       "SSL_CTX_set_security_level() is not ours: keys and signatures that this system's policy "
       "takes for too weak are accepted from the broker"},
      {is_ours("usleep"),
       "usleep() is not ours: a call after a second of silence takes 100 ms more"},
      {is_ours("poll"), "poll() is not ours: connecting to the broker takes 1 s more"},
  }};
  std::vector<std::string> missing;
  for (const auto& [is_in_effect, what] : all) {
    if (!is_in_effect)
      missing.push_back(what);
  }
  return missing;
}

}  // namespace mqtt_bridge::paho_quirks

// The library's only use of usleep() is the receive thread's sleep of 100 ms.
extern "C" __attribute__((visibility("default"))) int usleep(useconds_t microseconds) {
  if (microseconds != mqtt_bridge::paho_quirks::library_sleep) {
    return mqtt_bridge::paho_quirks::plain_usleep(microseconds);
  }
  return mqtt_bridge::paho_quirks::rest_of_receive_thread();
}

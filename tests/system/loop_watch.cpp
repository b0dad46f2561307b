// Loaded into mqtt_bridged by test_loop.py (LD_PRELOAD): how much CPU time its loop took, at the
// most, between two looks for what comes next. The time of the clock would tell of the machine's
// other programs, too.
#include <cstdint>
#include <cstdlib>
#include <ctime>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

std::int64_t cpu_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

/// One number in nanoseconds, in the file that LOOP_WATCH names; the test reads it, and sets it to
/// 0.
std::int64_t* shared_number() {
  const char* const path = std::getenv("LOOP_WATCH");
  const int file = path != nullptr ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0)
    std::abort();
  void* const mapped =
      mmap(nullptr, sizeof(std::int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (mapped == MAP_FAILED)
    std::abort();
  return static_cast<std::int64_t*>(mapped);
}

thread_local std::int64_t since = 0;  // 0: it has not looked yet

}  // namespace

extern "C" int epoll_wait(int descriptor, epoll_event* events, int most, int milliseconds) {
  static const auto wait =
      reinterpret_cast<int (*)(int, epoll_event*, int, int)>(dlsym(RTLD_NEXT, "epoll_wait"));
  static std::int64_t* const longest = shared_number();
  if (since > 0 && cpu_nanoseconds() - since > *longest)
    *longest = cpu_nanoseconds() - since;
  const int ready = wait(descriptor, events, most, milliseconds);
  since = cpu_nanoseconds();
  return ready;
}

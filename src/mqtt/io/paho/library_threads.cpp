#include "mqtt/io/paho/library_threads.hpp"

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string_view>
#include <utility>

#include <dirent.h>

#include "base/limits/mqtt.hpp"

namespace mqtt_bridge::paho {
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
    if (now - progress.since >= limits::library_stall_timeout)
      stuck = name;
    seen.emplace(thread, std::move(progress));
  }
  threads_ = std::move(seen);
  return stuck;
}

}  // namespace mqtt_bridge::paho

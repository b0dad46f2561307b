#include "os/io/process_metrics.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

#include <spdlog/fmt/fmt.h>
#include <sys/resource.h>
#include <unistd.h>

namespace mqtt_bridge {
namespace {

void add(std::string& text, std::string_view name, std::string_view type, std::string_view help,
         double value) {
  fmt::format_to(std::back_inserter(text), "# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", name, help,
                 type, value);
}

/// The fields of /proc/self/stat behind the program's name, which may hold anything; the first is
/// that which proc(5) numbers 3.
std::vector<std::string> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t end_of_name = line.rfind(')');
  if (end_of_name == std::string::npos)
    return {};
  std::istringstream rest(line.substr(end_of_name + 1));
  return {std::istream_iterator<std::string>(rest), {}};
}

/// Seconds since 1970.
std::optional<double> boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime "))
      return std::stod(line.substr(6));
  }
  return std::nullopt;
}

void add_stat(std::string& text) {
  constexpr std::size_t first = 3;
  const auto fields = stat_fields();
  const auto field = [&fields](std::size_t number) { return std::stod(fields[number - first]); };
  if (fields.size() < 22)
    return;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  add(text, "process_cpu_seconds_total", "counter", "CPU time used, by the kernel for it included",
      (field(14) + field(15)) / ticks);
  add(text, "process_threads", "gauge", "Threads", field(20));
  if (const auto boot = boot_time()) {
    add(text, "process_start_time_seconds", "gauge", "When it was started, in seconds since 1970",
        *boot + field(22) / ticks);
  }
  add(text, "process_virtual_memory_bytes", "gauge", "Virtual memory", field(23));
  add(text, "process_resident_memory_bytes", "gauge", "Resident memory",
      field(24) * static_cast<double>(sysconf(_SC_PAGESIZE)));
}

void add_descriptors(std::string& text) {
  std::error_code error;
  const std::filesystem::directory_iterator open("/proc/self/fd", error);
  if (!error) {
    const auto count = std::distance(begin(open), end(open)) - 1;  // without that of the folder
    add(text, "process_open_fds", "gauge", "Open file descriptors", static_cast<double>(count));
  }
  rlimit most{};
  if (getrlimit(RLIMIT_NOFILE, &most) == 0) {
    add(text, "process_max_fds", "gauge", "How many file descriptors there may be",
        static_cast<double>(most.rlim_cur));
  }
}

}  // namespace

std::string process_metrics() {
  std::string text;
  add_stat(text);
  add_descriptors(text);
  return text;
}

}  // namespace mqtt_bridge

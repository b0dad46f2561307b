// The arguments of the measuring programs: pairs of a name and a value.
#pragma once

#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>

#include "figures.hpp"

namespace bench {

class Arguments {
 public:
  Arguments(int argc, char** argv) : argc_(argc), argv_(argv) {}

  std::string text(std::string_view name, std::string fallback) const {
    for (int i = 1; i + 1 < argc_; i += 2) {
      if (name == argv_[i]) {
        return argv_[i + 1];
      }
    }
    return fallback;
  }
  long number(std::string_view name, long fallback) const {
    return std::strtol(text(name, std::to_string(fallback)).c_str(), nullptr, 10);
  }
  /// Given in seconds.
  Duration duration(std::string_view name, double fallback) const {
    const double given = std::strtod(text(name, std::to_string(fallback)).c_str(), nullptr);
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(given));
  }

 private:
  int argc_;
  char** argv_;
};

}  // namespace bench

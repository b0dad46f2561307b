// What a program does instead of running, as its command line decided: --help, --version, or a
// usage error. A value; `main` prints it and returns the code.
#pragma once

#include <string>
#include <string_view>

namespace mqtt_bridge {

struct ExitNow {
  int code;
  std::string out;  // for stdout, with its newlines
  std::string err;  // for stderr, likewise
};

inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;

/// One line on stderr, whatever `sentence` holds, and exit code 2.
inline ExitNow usage_error(std::string_view program, std::string_view sentence) {
  std::string line = std::string(program) + ": " + std::string(sentence);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = ' ';
  }
  return {exit_usage, "", line + "\n"};
}

}  // namespace mqtt_bridge

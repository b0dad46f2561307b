// Processes of one user on one machine that have to do something one after the other. Held until
// the process ends, or the value; needs no file.
#pragma once

#include <string_view>

namespace mqtt_bridge {

class ProcessTurn {
 public:
  ProcessTurn() = default;
  ~ProcessTurn();
  ProcessTurn(const ProcessTurn&) = delete;
  ProcessTurn& operator=(const ProcessTurn&) = delete;

  /// Whether it is ours now; false while another process has it. True, too, where the system does
  /// not let us ask. `name`: what is done, any text.
  bool take(std::string_view name);

 private:
  int socket_ = -1;
};

}  // namespace mqtt_bridge

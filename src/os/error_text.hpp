// Why a system call failed, in words. Pure function.
#pragma once

#include <string>
#include <system_error>

namespace mqtt_bridge {

/// `error`: a value of errno.
inline std::string error_text(int error) {
  return std::generic_category().message(error);
}

}  // namespace mqtt_bridge

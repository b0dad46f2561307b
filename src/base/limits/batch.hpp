// Limits of a batch: a request that is many calls, one a line.
#pragma once

#include <cstddef>

#include "base/limits/call.hpp"

namespace mqtt_bridge::limits {

inline constexpr std::size_t batch_window = 64;          // its calls at one time
inline constexpr std::size_t batch_bytes = 1024 * 1024;  // their texts, above one of them
inline constexpr std::size_t batch_line_bytes = 2 * payload_bytes;  // in JSON a text can be longer
inline constexpr std::size_t batch_input_bytes = 64 << 20;     // of all batches, read and not begun
inline constexpr std::size_t batch_unsent_bytes = 128 * 1024;  // then no further line is begun

}  // namespace mqtt_bridge::limits

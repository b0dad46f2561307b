// Random bytes from the kernel, unpredictable (getrandom(2)), drawn in batches because a system
// call for each call would show in its latency. Not a seedable generator: the core takes its
// randomness as an argument. Threads: any; each has its own batch.
#pragma once

#include <cstdint>
#include <string>

namespace mqtt_bridge {

std::string random_bytes(std::size_t count);
/// 2 * `bytes` lower-case hexadecimal digits.
std::string random_hex(std::size_t bytes);
/// Printable characters of ASCII, 6 bits of chance in each.
std::string random_text(std::size_t characters);
/// Below `bound`, which is above 0; each equally likely.
std::uint32_t random_below(std::uint32_t bound);

}  // namespace mqtt_bridge

// Where libFuzzer comes in.
#include <cstddef>
#include <cstdint>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mqtt_bridge::fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
